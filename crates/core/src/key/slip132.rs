//! The version bytes of extended keys: BIP32's own and the SLIP-132 families, which say an
//! address type in the prefix. The address type is the vault's business, so only the network and
//! public or private are taken from them.

use bitcoin::NetworkKind;

/// What four version bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Public(NetworkKind),
    Private,
}

/// BIP32's version bytes for public keys.
pub(super) const fn standard(network: NetworkKind) -> [u8; 4] {
    match network {
        NetworkKind::Main => [0x04, 0x88, 0xb2, 0x1e],
        NetworkKind::Test => [0x04, 0x35, 0x87, 0xcf],
    }
}

pub(super) fn read(version: [u8; 4]) -> Option<Prefix> {
    let public = match u32::from_be_bytes(version) {
        // xpub, ypub, zpub, Ypub, Zpub
        0x0488_b21e | 0x049d_7cb2 | 0x04b2_4746 | 0x0295_b43f | 0x02aa_7ed3 => NetworkKind::Main,
        // tpub, upub, vpub, Upub, Vpub
        0x0435_87cf | 0x044a_5262 | 0x045f_1cf6 | 0x0242_89ef | 0x0257_5483 => NetworkKind::Test,
        // xprv, yprv, zprv, Yprv, Zprv and tprv, uprv, vprv, Uprv, Vprv
        0x0488_ade4 | 0x049d_7878 | 0x04b2_430c | 0x0295_b005 | 0x02aa_7a99 | 0x0435_8394
        | 0x044a_4e28 | 0x045f_18bc | 0x0242_85b5 | 0x0257_5048 => return Some(Prefix::Private),
        _ => return None,
    };
    Some(Prefix::Public(public))
}
