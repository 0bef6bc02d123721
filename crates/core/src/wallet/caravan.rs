//! Caravan's and Unchained's wallet files (caravan-bitcoin/caravan: selectors/wallet.ts). Keys are always
//! sorted.

use super::multisig::{Multisig, check_counts, descriptor, expression, path_text};
use super::sniff::text;
use super::text::is_fingerprint;
use super::{Format, Found, WalletError};
use crate::script_type::ScriptType;
use crate::text::excerpt;
use crate::vault::Vault;
use bitcoin::Network;
use serde_json::{Value, json};

pub(super) fn write(vault: &Vault, name: &str) -> Result<String, WalletError> {
    let multisig = Multisig::sorted(Format::Caravan, vault)?;
    let keys: Vec<Value> = multisig
        .keys
        .iter()
        .map(|(name, key)| {
            json!({
                "name": name,
                "bip32Path": path_text(key.origin_path()),
                "xpub": key.xpub().to_string(),
                "xfp": key.fingerprint().to_string(),
                "method": "text",
            })
        })
        .collect();
    let file = json!({
        "name": name,
        "addressType": match multisig.script {
            ScriptType::Wsh => "P2WSH",
            ScriptType::ShWsh => "P2SH-P2WSH",
            ScriptType::Sh | ScriptType::Tr => "P2SH",
        },
        "network": network_word(vault.network()),
        "client": {"type": "public"},
        "quorum": {
            "requiredSigners": multisig.threshold,
            "totalSigners": multisig.keys.len(),
        },
        "extendedPublicKeys": keys,
        "startingAddressIndex": 0,
    });
    Ok(format!("{file:#}\n"))
}

const fn network_word(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "mainnet",
        Network::Signet => "signet",
        Network::Regtest => "regtest",
        _ => "testnet",
    }
}

pub(super) fn read(json: &Value, network: Network) -> Result<Found, WalletError> {
    let fault = |text: String| Format::Caravan.fault(text);
    let said = text(json, "network").ok_or_else(|| fault("`network` is missing".to_owned()))?;
    if said != network_word(network) {
        return Err(fault(format!(
            "it is for {}, this data folder is for {}",
            excerpt(&said),
            network_word(network)
        )));
    }
    let script = match text(json, "addressType") {
        Some("P2WSH") => ScriptType::Wsh,
        Some("P2SH-P2WSH" | "P2SH_P2WSH") => ScriptType::ShWsh,
        Some("P2SH") => ScriptType::Sh,
        Some(other) => {
            return Err(fault(format!(
                "the address type `{}` isn't known",
                excerpt(&other)
            )));
        }
        None => return Err(fault("`addressType` is missing".to_owned())),
    };
    let quorum = |key: &str| {
        let number = json.get("quorum").and_then(|quorum| quorum.get(key));
        let number = number
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| fault(format!("`quorum.{key}` isn't a number")))
    };
    let (threshold, count) = (quorum("requiredSigners")?, quorum("totalSigners")?);
    let list = json.get("extendedPublicKeys").and_then(Value::as_array);
    let list = list.ok_or_else(|| fault("`extendedPublicKeys` isn't a list".to_owned()))?;
    let (mut keys, mut names) = (Vec::new(), Vec::new());
    for (number, one) in (1..).zip(list) {
        let field =
            |key: &str| text(one, key).ok_or_else(|| fault(format!("key {number} has no `{key}`")));
        let (fingerprint, path) = (field("xfp")?, field("bip32Path")?);
        if !is_fingerprint(fingerprint) || !path.starts_with('m') {
            return Err(fault(format!(
                "where key {number} comes from isn't known (`xfp`, `bip32Path`): its signer couldn't recognise it; add both and try again"
            )));
        }
        keys.push(expression(fingerprint, path, field("xpub")?));
        names.push(text(one, "name").unwrap_or_default().to_owned());
    }
    check_counts(Format::Caravan, threshold, count, keys.len())?;
    Ok(Found {
        format: Format::Caravan,
        descriptor: descriptor(script, true, threshold, &keys)?,
        name: text(json, "name").map(ToOwned::to_owned),
        cosigners: Some(names),
    })
}
