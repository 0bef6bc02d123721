//! Electrum wallet files without private keys (spesmilo/electrum: wallet_db.py). The prefix of the keys
//! says the script; keys are always sorted.

use super::multisig::{Multisig, check_counts, descriptor, expression, path_text};
use super::sniff::text;
use super::{Format, Found, WalletError};
use crate::key::file::electrum_fingerprint;
use crate::key::{slip132_script, slip132_text};
use crate::vault::Vault;
use bitcoin::Network;
use serde_json::{Map, Value, json};

/// The version that all Electrum releases since 3.0 open.
const SEED_VERSION: u32 = 17;
/// Electrum's own limit.
const MAX_SIGNERS: usize = 15;

pub(super) fn write(vault: &Vault) -> Result<String, WalletError> {
    let multisig = Multisig::sorted(Format::Electrum, vault)?;
    let count = multisig.keys.len();
    if count > MAX_SIGNERS {
        return Err(
            Format::Electrum.beyond(format!("it has {count} keys, Electrum takes {MAX_SIGNERS}"))
        );
    }
    let mut file = Map::new();
    let kind = format!("{}of{count}", multisig.threshold);
    file.insert("wallet_type".to_owned(), json!(kind));
    file.insert("use_encryption".to_owned(), json!(false));
    file.insert("seed_version".to_owned(), json!(SEED_VERSION));
    for (number, (name, key)) in (1..).zip(&multisig.keys) {
        let keystore = json!({
            "type": "bip32",
            "pw_hash_version": 1,
            "xpub": slip132_text(key.xpub(), multisig.script, vault.network()),
            "xprv": null,
            "derivation": path_text(key.origin_path()),
            "root_fingerprint": key.fingerprint().to_string(),
            "label": name,
        });
        file.insert(format!("x{number}/"), keystore);
    }
    Ok(format!("{:#}\n", Value::Object(file)))
}

pub(super) fn read(json: &Value, network: Network) -> Result<Found, WalletError> {
    let fault = |text: String| Format::Electrum.fault(text);
    let kind = text(json, "wallet_type").unwrap_or_default();
    let numbers = kind.split_once("of").and_then(|(threshold, count)| {
        Some((
            threshold.parse::<usize>().ok()?,
            count.parse::<usize>().ok()?,
        ))
    });
    let Some((threshold, count)) = numbers else {
        return Err(fault(
            "its `wallet_type` isn't one of several keys, like `2of3`".to_owned(),
        ));
    };
    let (mut keys, mut names, mut script) = (Vec::new(), Vec::new(), None);
    for number in 1..=MAX_SIGNERS {
        let Some(one) = json.get(format!("x{number}/")) else {
            break;
        };
        let field =
            |key: &str| text(one, key).ok_or_else(|| fault(format!("key {number} has no `{key}`")));
        let fingerprint = electrum_fingerprint(one).ok_or_else(|| {
            fault(format!(
                "key {number} has no `root_fingerprint`: its signer couldn't recognise it"
            ))
        })?;
        let xpub = field("xpub")?;
        let said = slip132_script(xpub, network).ok_or_else(|| {
            fault(format!(
                "key {number} isn't an extended public key of this network"
            ))
        })?;
        if *script.get_or_insert(said) != said {
            return Err(fault(
                "its keys are for different kinds of script".to_owned(),
            ));
        }
        keys.push(expression(&fingerprint, field("derivation")?, xpub));
        names.push(text(one, "label").unwrap_or_default().to_owned());
    }
    check_counts(Format::Electrum, threshold, count, keys.len())?;
    let script = script.ok_or_else(|| fault("it has no key".to_owned()))?;
    Ok(Found {
        format: Format::Electrum,
        descriptor: descriptor(script, true, threshold, &keys)?,
        name: None,
        cosigners: Some(names),
    })
}
