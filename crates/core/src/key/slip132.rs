//! The version bytes of extended keys: BIP32's own and the SLIP-132 families, which say an
//! address type in the prefix. The address type is the vault's business, so only the network and
//! public or private are taken from them.

use crate::script_type::ScriptType;
use bitcoin::bip32::Xpub;
use bitcoin::{Network, NetworkKind, base58};

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

/// The version bytes that say a script of several keys (SLIP-132): `Zpub` and `Vpub` for wsh, `Ypub` and
/// `Upub` for sh(wsh), the standard ones for sh.
const fn of_script(script: ScriptType, network: NetworkKind) -> [u8; 4] {
    match (script, network) {
        (ScriptType::Wsh | ScriptType::Tr, NetworkKind::Main) => [0x02, 0xaa, 0x7e, 0xd3],
        (ScriptType::Wsh | ScriptType::Tr, NetworkKind::Test) => [0x02, 0x57, 0x54, 0x83],
        (ScriptType::ShWsh, NetworkKind::Main) => [0x02, 0x95, 0xb4, 0x3f],
        (ScriptType::ShWsh, NetworkKind::Test) => [0x02, 0x42, 0x89, 0xef],
        (ScriptType::Sh, network) => standard(network),
    }
}

/// A key with the prefix of a script, as Electrum and BlueWallet write it.
pub(crate) fn text(xpub: &Xpub, script: ScriptType, network: Network) -> String {
    let mut bytes = xpub.encode();
    bytes[..4].copy_from_slice(&of_script(script, network.into()));
    base58::encode_check(&bytes)
}

/// The script that a key's prefix says, if it is a public key of this network.
pub(crate) fn script(text: &str, network: Network) -> Option<ScriptType> {
    // Decoding costs the square of the length.
    let bytes = (text.len() < 120).then(|| base58::decode_check(text).ok())??;
    let version: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    let mut all = [ScriptType::Wsh, ScriptType::ShWsh, ScriptType::Sh].into_iter();
    all.find(|script| of_script(*script, network.into()) == version)
}
