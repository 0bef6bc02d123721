//! Key files in JSON.

use super::{Candidate, FoundKeys, KeyFileError, KeyFormat, by_path, check_prefix, key, purpose};
use crate::key::{CosignerKey, SecretKind};
use crate::script_type::ScriptType;
use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, Xpub};
use serde_json::Value;

pub(super) fn read(json: &Value, network: Network) -> Result<FoundKeys, KeyFileError> {
    if is_private(json) {
        return Err(KeyFileError::Secret(SecretKind::PrivateKey));
    }
    let has = |key: &str| json.get(key).is_some();
    let (format, keys) = if has("bip48_2") || has("bip48_1") || has("bip45") {
        (KeyFormat::CoinkiteGeneric, generic(json, network)?)
    } else if has("p2wsh_deriv")
        || has("p2sh_p2wsh_deriv")
        || has("p2wsh_p2sh_deriv")
        || has("p2sh_deriv")
    {
        (KeyFormat::CoinkiteMultisig, multisig(json, network)?)
    } else if has("ExtPubKey") {
        let names = ["MasterFingerprint", "AccountKeyPath", "ExtPubKey"];
        (KeyFormat::Keystone, vec![single(json, names, network)?])
    } else if has("bip32Path") && has("xpub") {
        let fingerprint = if has("rootFingerprint") {
            "rootFingerprint"
        } else {
            "xfp"
        };
        let names = [fingerprint, "bip32Path", "xpub"];
        (KeyFormat::Caravan, vec![single(json, names, network)?])
    } else if let Some(list) = json.get("keys").and_then(Value::as_array) {
        (KeyFormat::Specter, specter(list, network)?)
    } else if has("xpub") && has("xfp") {
        let names = ["xfp", "path", "xpub"];
        (KeyFormat::Keystone, vec![single(json, names, network)?])
    } else if let Some(keystore) = json.get("keystore") {
        (KeyFormat::Electrum, vec![electrum(keystore, network)?])
    } else {
        return Err(KeyFileError::Unknown);
    };
    if keys.is_empty() {
        return Err(KeyFileError::Unknown);
    }
    Ok(FoundKeys {
        format,
        keys,
        note: None,
        signed: false,
    })
}

fn field<'a>(json: &'a Value, name: &'static str) -> Result<&'a str, KeyFileError> {
    let value = json.get(name).and_then(Value::as_str);
    value.ok_or(KeyFileError::Field(name))
}

fn single(
    json: &Value,
    [fingerprint, path, xpub]: [&'static str; 3],
    network: Network,
) -> Result<Candidate, KeyFileError> {
    let key = key(
        field(json, fingerprint)?,
        field(json, path)?,
        field(json, xpub)?,
        network,
    )?;
    Ok(by_path(key))
}

/// cryptoadvance/specter-desktop: key.py. A device's keys for single signatures are passed over.
fn specter(list: &[Value], network: Network) -> Result<Vec<Candidate>, KeyFileError> {
    let mut keys = Vec::new();
    for one in list {
        let kind = one.get("type").and_then(Value::as_str);
        if matches!(kind, Some("wpkh" | "sh-wpkh" | "pkh" | "tr")) {
            continue;
        }
        let names = ["fingerprint", "derivation", "xpub"];
        let candidate = single(one, names, network)?;
        if let Some(original) = one.get("original").and_then(Value::as_str) {
            check_prefix(
                original.rsplit(']').next().unwrap_or(original),
                &candidate.key,
                network,
            )?;
        }
        // A device may have keys for several networks; those of another are refused by the key's reader.
        keys.push(candidate);
    }
    Ok(keys)
}

/// Coldcard/firmware: shared/multisig.py. Older firmware and Passport say `p2wsh_p2sh`.
fn multisig(json: &Value, network: Network) -> Result<Vec<Candidate>, KeyFileError> {
    const PARTS: [(ScriptType, &str, &str); 4] = [
        (ScriptType::Wsh, "p2wsh", "p2wsh_deriv"),
        (ScriptType::ShWsh, "p2sh_p2wsh", "p2sh_p2wsh_deriv"),
        (ScriptType::ShWsh, "p2wsh_p2sh", "p2wsh_p2sh_deriv"),
        (ScriptType::Sh, "p2sh", "p2sh_deriv"),
    ];
    let fingerprint = field(json, "xfp")?;
    let mut keys = Vec::new();
    for (script, name, path) in PARTS {
        if json.get(name).is_none() {
            continue;
        }
        let key = key(fingerprint, field(json, path)?, field(json, name)?, network)?;
        keys.push(meant_for(script, key, name)?);
    }
    Ok(keys)
}

/// Coldcard/firmware: docs/generic-wallet-export.md. The fingerprint of a section is that of the
/// account's own key; the master's stands at the top.
fn generic(json: &Value, network: Network) -> Result<Vec<Candidate>, KeyFileError> {
    const SECTIONS: [(ScriptType, &str); 3] = [
        (ScriptType::Wsh, "bip48_2"),
        (ScriptType::ShWsh, "bip48_1"),
        (ScriptType::Sh, "bip45"),
    ];
    let fingerprint = field(json, "xfp")?;
    let mut keys = Vec::new();
    for (script, name) in SECTIONS {
        let Some(section) = json.get(name) else {
            continue;
        };
        let key = key(
            fingerprint,
            field(section, "deriv")?,
            field(section, "xpub")?,
            network,
        )?;
        keys.push(meant_for(script, key, name)?);
    }
    check_whole(json, fingerprint, &keys, network)?;
    Ok(keys)
}

/// What the file says of all its keys: the chain, the account, and the master key whose fingerprint it is.
fn check_whole(
    json: &Value,
    fingerprint: &str,
    keys: &[Candidate],
    network: Network,
) -> Result<(), KeyFileError> {
    let contradiction = |field, found: &str| {
        Err(KeyFileError::Contradiction {
            field,
            found: crate::text::excerpt(&found),
        })
    };
    if let Some(chain) = json.get("chain").and_then(Value::as_str)
        && (chain == "BTC") != (network == Network::Bitcoin)
    {
        return contradiction("chain", chain);
    }
    if let Some(account) = json.get("account").and_then(Value::as_u64) {
        let fits = |one: &Candidate| match one.key.origin_path().into_iter().nth(2) {
            Some(ChildNumber::Hardened { index }) => u64::from(*index) == account,
            // BIP-0045 has none.
            _ => true,
        };
        if !keys.iter().all(fits) {
            return contradiction("account", &account.to_string());
        }
    }
    let master = json.get("xpub").and_then(Value::as_str);
    if let Some(master) = master.and_then(|text| text.parse::<Xpub>().ok())
        && master.depth == 0
        && !master
            .fingerprint()
            .to_string()
            .eq_ignore_ascii_case(fingerprint)
    {
        return contradiction("xfp", fingerprint);
    }
    Ok(())
}

/// A key for what its section says. A path that says otherwise is that of another key.
fn meant_for(
    script: ScriptType,
    key: CosignerKey,
    section: &'static str,
) -> Result<Candidate, KeyFileError> {
    match purpose(key.origin_path()) {
        Some(other) if other != script => Err(KeyFileError::Purpose {
            section,
            other: other.word(),
        }),
        _ => Ok(Candidate {
            script: Some(script),
            key,
        }),
    }
}

/// spesmilo/electrum: keystore.py.
fn electrum(keystore: &Value, network: Network) -> Result<Candidate, KeyFileError> {
    let fingerprint = electrum_fingerprint(keystore);
    let fingerprint = fingerprint.ok_or(KeyFileError::Field("root_fingerprint"))?;
    let (path, xpub) = (field(keystore, "derivation")?, field(keystore, "xpub")?);
    Ok(by_path(key(&fingerprint, path, xpub, network)?))
}

/// Whether anything private stands in a file, at any depth: whatever fills fields of these names is,
/// encrypted or not, in whatever form.
pub(crate) fn is_private(json: &Value) -> bool {
    const NAMES: [&str; 7] = [
        "xprv",
        "seed",
        "mnemonic",
        "passphrase",
        "private_key",
        "privkey",
        "wif",
    ];
    let is_filled = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    match json {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let name = name.to_ascii_lowercase();
            NAMES.contains(&name.as_str()) && is_filled(value) || is_private(value)
        }),
        Value::Array(list) => list.iter().any(is_private),
        _ => false,
    }
}

/// The master fingerprint in an Electrum keystore. Coldcard's is a number whose lowest byte comes first.
pub(crate) fn electrum_fingerprint(keystore: &Value) -> Option<String> {
    if let Some(text) = keystore.get("root_fingerprint").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let number = keystore.get("ckcc_xfp").and_then(Value::as_u64)?;
    let number = u32::try_from(number).ok()?;
    Some(format!("{:08x}", number.swap_bytes()))
}
