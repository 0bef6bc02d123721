//! Key files in JSON.

use super::{Candidate, FoundKeys, KeyFileError, KeyFormat, by_path, key};
use crate::key::SecretKind;
use crate::script_type::ScriptType;
use bitcoin::Network;
use serde_json::Value;

pub(super) fn read(json: &Value, network: Network) -> Result<FoundKeys, KeyFileError> {
    let has = |key: &str| json.get(key).is_some();
    let (format, keys) = if has("bip48_2") || has("bip48_1") {
        (KeyFormat::CoinkiteGeneric, generic(json, network)?)
    } else if has("p2wsh_deriv") || has("p2sh_p2wsh_deriv") || has("p2wsh_p2sh_deriv") {
        (KeyFormat::CoinkiteMultisig, multisig(json, network)?)
    } else if has("ExtPubKey") {
        let names = ["MasterFingerprint", "AccountKeyPath", "ExtPubKey"];
        (KeyFormat::Keystone, vec![single(json, names, network)?])
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
        let script = Some(script);
        keys.push(Candidate { script, key });
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
        let script = Some(script);
        keys.push(Candidate { script, key });
    }
    Ok(keys)
}

/// spesmilo/electrum: keystore.py.
fn electrum(keystore: &Value, network: Network) -> Result<Candidate, KeyFileError> {
    if is_private(keystore) {
        return Err(KeyFileError::Secret(SecretKind::ExtendedPrivateKey));
    }
    let fingerprint = electrum_fingerprint(keystore);
    let fingerprint = fingerprint.ok_or(KeyFileError::Field("root_fingerprint"))?;
    let (path, xpub) = (field(keystore, "derivation")?, field(keystore, "xpub")?);
    Ok(by_path(key(&fingerprint, path, xpub, network)?))
}

/// Whether an Electrum keystore has something private in it. Encrypted or not, whatever fills these fields
/// is.
pub(crate) fn is_private(keystore: &Value) -> bool {
    ["xprv", "seed", "passphrase"].iter().any(|name| {
        let value = keystore.get(name).and_then(Value::as_str);
        value.is_some_and(|value| !value.is_empty())
    })
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
