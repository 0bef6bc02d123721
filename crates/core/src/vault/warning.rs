//! What is worth knowing about a vault although nothing is wrong with it.

use crate::key::CosignerKey;
use crate::policy::Policy;
use crate::script_type::ScriptType;
use bitcoin::bip32::{ChildNumber, Fingerprint};
use bitcoin::{Network, NetworkKind};

/// Signing devices take no more (Coldcard and Ledger: 15).
const DEVICE_LIMIT: usize = 15;

/// What is allowed, but should be known before money is sent there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultWarning {
    /// Two keys of one seed.
    #[error(
        "{first} and {second} have keys of the same seed ({fingerprint}): whoever has it signs \
         for both"
    )]
    SameSeed {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// The master fingerprint they share.
        fingerprint: Fingerprint,
    },
    /// One signature suffices.
    #[error("one signature is enough to spend: any single cosigner, or thief of one key, can")]
    OneSuffices,
    /// Everybody must sign, and no path opens later.
    #[error("every cosigner must sign: if one key is lost, the money is lost")]
    NoneSpare,
    /// More cosigners than devices take.
    #[error("{found} cosigners: signing devices take at most {DEVICE_LIMIT} (Coldcard, Ledger)")]
    ManyCosigners {
        /// How many there are.
        found: usize,
    },
    /// A script of before segwit.
    #[error(
        "its addresses are of the old kind (sh): spending costs about twice as much, and a \
         transaction's id is known only once it is signed; use it to recover what is there"
    )]
    OldScript,
    /// Taproot with several keys.
    #[error(
        "its addresses are taproot (tr): few signing devices sign for several keys there yet; try \
         a small amount first"
    )]
    Taproot,
    /// The path's coin type is another network's.
    #[error(
        "{cosigner}'s key has the coin type {found} in its path, which is for another network \
         than {network}: its signer may refuse to sign"
    )]
    CoinType {
        /// Whose key.
        cosigner: String,
        /// What the path says.
        found: String,
        /// The vault's network.
        network: Network,
    },
}

pub(super) fn of(
    network: Network,
    script: ScriptType,
    policy: &Policy,
    names: &[String],
    keys: &[CosignerKey],
) -> Vec<VaultWarning> {
    let mut warnings = Vec::new();
    let all: Vec<(&String, &CosignerKey)> = names.iter().zip(keys).collect();
    for (at, (second, key)) in all.iter().enumerate() {
        let same =
            |(_, earlier): &&(&String, &CosignerKey)| earlier.fingerprint() == key.fingerprint();
        if let Some((first, _)) = all[..at].iter().find(same) {
            warnings.push(VaultWarning::SameSeed {
                first: (*first).clone(),
                second: (*second).clone(),
                fingerprint: key.fingerprint(),
            });
        }
        if let Some(found) = foreign_coin_type(network, key) {
            warnings.push(VaultWarning::CoinType {
                cosigner: (*second).clone(),
                found: format!("{found:#}"),
                network,
            });
        }
    }
    if policy.threshold() == 1 {
        warnings.push(VaultWarning::OneSuffices);
    } else if let [only] = &policy.paths[..]
        && only.threshold == only.cosigners.len()
    {
        warnings.push(VaultWarning::NoneSpare);
    }
    match script {
        ScriptType::Sh => warnings.push(VaultWarning::OldScript),
        ScriptType::Tr => warnings.push(VaultWarning::Taproot),
        ScriptType::Wsh | ScriptType::ShWsh => {}
    }
    if keys.len() > DEVICE_LIMIT {
        warnings.push(VaultWarning::ManyCosigners { found: keys.len() });
    }
    warnings
}

/// The coin type of a path with a purpose that has one (BIP44 and those after it), if it is wrong.
fn foreign_coin_type(network: Network, key: &CosignerKey) -> Option<ChildNumber> {
    let path: &[ChildNumber] = key.origin_path().as_ref();
    let [
        ChildNumber::Hardened {
            index: 44 | 48 | 49 | 84 | 86 | 87,
        },
        coin,
        ..,
    ] = path
    else {
        return None;
    };
    let expected = match NetworkKind::from(network) {
        NetworkKind::Main => 0,
        NetworkKind::Test => 1,
    };
    (*coin != ChildNumber::Hardened { index: expected }).then_some(*coin)
}
