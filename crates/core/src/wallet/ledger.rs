//! The id under which a Ledger registers a wallet policy (LedgerHQ/app-bitcoin-new: doc/wallet.md, version 2).
//! The device shows it and answers with an HMAC over it, which the coordinator keeps.

use super::{WalletError, policy};
use crate::vault::Vault;
use bitcoin::VarInt;
use bitcoin::consensus::Encodable;
use bitcoin::hashes::{Hash, HashEngine, sha256};

const VERSION: u8 = 2;

/// SHA-256 over version, name, template and the keys' Merkle root.
///
/// # Errors
/// When the vault or the name can't be said in a policy that Ledger takes.
pub fn ledger_policy_id(vault: &Vault, name: &str) -> Result<[u8; 32], WalletError> {
    let parts = policy::parts(vault, name)?;
    Ok(id(name, &parts.template, &parts.keys))
}

fn id(name: &str, template: &str, keys: &[String]) -> [u8; 32] {
    let number = |count: usize| {
        let mut bytes = Vec::new();
        // Writing into memory doesn't fail.
        let _ = VarInt::from(count).consensus_encode(&mut bytes);
        bytes
    };
    let leaves: Vec<[u8; 32]> = keys
        .iter()
        .map(|key| hash(&[&[0], key.as_bytes()]))
        .collect();
    // Names have at most 64 characters, so their length is one byte.
    hash(&[
        &[VERSION],
        &number(name.len()),
        name.as_bytes(),
        &number(template.len()),
        &hash(&[template.as_bytes()]),
        &number(keys.len()),
        &root(&leaves),
    ])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    for part in parts {
        engine.input(part);
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// Left-complete: the left side has the largest power of two below the whole.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => [0; 32],
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            hash(&[&[1], &root(left), &root(right)])
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use hex::DisplayHex;

    /// Computed by Ledger's own client.
    #[test]
    fn ids_are_those_of_ledgers_client() {
        let vectors = include_str!("../../../../tests/vectors/ledger-policy-id.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let policies = vectors["policies"].as_array().unwrap();
        assert_eq!(policies.len(), 5);
        for policy in policies {
            let text = |field: &str| policy[field].as_str().unwrap();
            let keys = policy["keys"].as_array().unwrap().iter();
            let keys: Vec<String> = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
            let found = id(text("name"), text("descriptor_template"), &keys);
            assert_eq!(found.to_lower_hex_string(), text("id"), "{policy}");
        }
    }
}
