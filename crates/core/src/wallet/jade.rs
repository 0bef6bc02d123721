//! Jade's registration of a wallet: the request that its programs send (Blockstream/Jade: jadepy/jade.py,
//! `register_multisig` and `register_descriptor`), as JSON.

use super::sniff::text;
use super::{Format, Found, WalletError, policy};
use crate::script_type::ScriptType;
use crate::vault::Vault;
use bitcoin::Network;
use bitcoin::bip32::ChildNumber;
use serde_json::{Map, Value, json};

/// What Jade keeps of a name.
const MAX_NAME: usize = 15;

const fn network_word(network: Network) -> &'static str {
    match network {
        Network::Bitcoin => "mainnet",
        Network::Regtest => "localtest",
        _ => "testnet",
    }
}

pub(super) fn write(vault: &Vault, name: &str) -> Result<String, WalletError> {
    let beyond = |reason: String| Err(Format::Jade.beyond(reason));
    if name.len() > MAX_NAME || !name.is_ascii() {
        return beyond(format!(
            "Jade keeps names of at most {MAX_NAME} plain characters, `{name}` is another: give a --name"
        ));
    }
    if vault.script_type() == ScriptType::Tr {
        return beyond("Jade has no taproot: use a vault of another kind".to_owned());
    }
    let network = network_word(vault.network());
    let request = match plain(vault) {
        Some((variant, sorted)) => {
            let signers: Vec<Value> = vault
                .cosigners()
                .iter()
                .map(|cosigner| {
                    let key = &cosigner.key;
                    let steps = key.origin_path().into_iter().map(|step| u32::from(*step));
                    json!({
                        "fingerprint": key.fingerprint().to_string(),
                        "derivation": steps.collect::<Vec<u32>>(),
                        "xpub": key.xpub().to_string(),
                        "path": [],
                    })
                })
                .collect();
            json!({"method": "register_multisig", "params": {
                "network": network,
                "multisig_name": name,
                "descriptor": {
                    "variant": variant,
                    "sorted": sorted,
                    "threshold": vault.threshold(),
                    "signers": signers,
                },
            }})
        }
        None => {
            let parts = policy::parts(vault, name)?;
            let keys = parts.keys.iter().enumerate();
            let keys: Map<String, Value> = keys
                .map(|(at, key)| (format!("@{at}"), json!(key)))
                .collect();
            json!({"method": "register_descriptor", "params": {
                "network": network,
                "descriptor_name": name,
                "descriptor": parts.template.replace("/**", "/<0;1>/*"),
                "datavalues": keys,
            }})
        }
    };
    Ok(format!("{request:#}\n"))
}

/// Jade's word for a vault that is nothing but a multisig, and whether its keys are sorted.
fn plain(vault: &Vault) -> Option<(&'static str, bool)> {
    let descriptor = vault.descriptor();
    let body = descriptor.split('#').next().unwrap_or(descriptor);
    let keys = vault
        .cosigners()
        .iter()
        .map(|one| format!("{}/<0;1>/*", one.key));
    let keys = keys.collect::<Vec<_>>().join(",");
    let count = vault.threshold();
    let (before, variant, after) = match vault.script_type() {
        ScriptType::Wsh => ("wsh(", "wsh(multi(k))", ")"),
        ScriptType::ShWsh => ("sh(wsh(", "sh(wsh(multi(k)))", "))"),
        ScriptType::Sh => ("sh(", "sh(multi(k))", ")"),
        ScriptType::Tr => return None,
    };
    ["sortedmulti", "multi"]
        .into_iter()
        .find(|function| body == format!("{before}{function}({count},{keys}){after}"))
        .map(|function| (variant, function == "sortedmulti"))
}

pub(super) fn read(json: &Value, network: Network) -> Result<Found, WalletError> {
    let fault = |text: &str| Format::Jade.fault(text);
    let params = json
        .get("params")
        .ok_or_else(|| fault("it has no `params`"))?;
    if text(params, "network") != Some(network_word(network)) {
        return Err(Format::Jade.fault(format!(
            "it is for the network {}, and this home for {}",
            text(params, "network").map_or_else(|| "of no name".to_owned(), crate::text::escape),
            network_word(network)
        )));
    }
    let (name, descriptor) = match text(json, "method") {
        Some("register_multisig") => {
            let wallet = params
                .get("descriptor")
                .ok_or_else(|| fault("it has no `descriptor`"))?;
            (text(params, "multisig_name"), multisig(wallet)?)
        }
        Some("register_descriptor") => {
            let template =
                text(params, "descriptor").ok_or_else(|| fault("it has no `descriptor`"))?;
            let values = params.get("datavalues").and_then(Value::as_object);
            let values = values.ok_or_else(|| fault("it has no `datavalues`"))?;
            let mut descriptor = template.to_owned();
            // The highest number first: `@1` is the beginning of `@10`.
            for (at, key) in (0..values.len())
                .rev()
                .filter_map(|at| Some((at, values.get(&format!("@{at}"))?)))
            {
                let key = key
                    .as_str()
                    .ok_or_else(|| fault("a key of it isn't a text"))?;
                descriptor = descriptor.replace(&format!("@{at}"), key);
            }
            (text(params, "descriptor_name"), descriptor)
        }
        _ => return Err(fault("it registers neither a multisig nor a descriptor")),
    };
    Ok(Found {
        format: Format::Jade,
        descriptor,
        name: name.map(ToOwned::to_owned),
        cosigners: None,
    })
}

fn multisig(wallet: &Value) -> Result<String, WalletError> {
    let fault = |text: &str| Format::Jade.fault(text);
    let (before, after) = match text(wallet, "variant") {
        Some("wsh(multi(k))") => ("wsh(", ")"),
        Some("sh(wsh(multi(k)))") => ("sh(wsh(", "))"),
        Some("sh(multi(k))") => ("sh(", ")"),
        _ => return Err(fault("its `variant` isn't one that Jade knows")),
    };
    let sorted = wallet.get("sorted").and_then(Value::as_bool);
    let function =
        match sorted.ok_or_else(|| fault("it doesn't say whether its keys are `sorted`"))? {
            true => "sortedmulti",
            false => "multi",
        };
    let threshold = wallet.get("threshold").and_then(Value::as_u64);
    let threshold = threshold.ok_or_else(|| fault("it has no `threshold`"))?;
    let signers = wallet.get("signers").and_then(Value::as_array);
    let signers = signers.ok_or_else(|| fault("it has no `signers`"))?;
    let keys = signers.iter().map(|signer| {
        let field =
            |name| text(signer, name).ok_or_else(|| fault("a signer has no fingerprint or xpub"));
        let steps = signer.get("derivation").and_then(Value::as_array);
        let steps = steps.ok_or_else(|| fault("a signer has no `derivation`"))?;
        let mut origin = field("fingerprint")?.to_ascii_lowercase();
        for step in steps {
            let number = step.as_u64().and_then(|number| u32::try_from(number).ok());
            let number = number.ok_or_else(|| fault("a step of a `derivation` isn't a number"))?;
            origin.push_str(&format!("/{:#}", ChildNumber::from(number)));
        }
        let path = signer.get("path").and_then(Value::as_array);
        if path.is_some_and(|path| !path.is_empty()) {
            return Err(fault(
                "a signer's key has a further `path`: export a descriptor",
            ));
        }
        Ok(format!("[{origin}]{}/<0;1>/*", field("xpub")?))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?.join(",");
    Ok(format!("{before}{function}({threshold},{keys}){after}"))
}
