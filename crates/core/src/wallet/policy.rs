//! Wallet policies (BIP-0388): a template with `@0`, `@1` in the keys' places, and the keys.

use super::sniff::text;
use super::{Format, Found, WalletError};
use crate::vault::Vault;
use serde_json::{Value, json};

/// What Ledger shows without cutting it.
const MAX_NAME: usize = 16;

/// A template, and the keys for its places.
pub(super) struct Parts {
    pub(super) template: String,
    pub(super) keys: Vec<String>,
}

pub(super) fn write(vault: &Vault, name: &str) -> Result<String, WalletError> {
    let Parts { template, keys } = parts(vault, name)?;
    let file = json!({"name": name, "descriptor_template": template, "keys": keys});
    Ok(format!("{file:#}\n"))
}

/// What a policy says.
pub(super) fn parts(vault: &Vault, name: &str) -> Result<Parts, WalletError> {
    if name.len() > MAX_NAME || !name.is_ascii() {
        return Err(Format::Bip388.beyond(format!(
            "devices show names of at most {MAX_NAME} plain characters, `{name}` is another: give a --name"
        )));
    }
    let descriptor = vault.descriptor();
    let mut rest = descriptor
        .split_once('#')
        .map_or(descriptor, |(body, _)| body);
    if rest.starts_with("tr(") && !rest.starts_with("tr([") {
        return Err(Format::Bip388.beyond(
            "its internal key is nobody's, and a policy has extended keys alone: export a descriptor",
        ));
    }
    let (mut template, mut keys) = (String::new(), Vec::<&str>::new());
    while let Some((before, after)) = rest.split_once('[') {
        template.push_str(before);
        let end = after
            .find("/<")
            .ok_or_else(|| Format::Bip388.beyond("a key has no branches"))?;
        let (key, branches) = (&rest[before.len()..before.len() + 1 + end], &after[end..]);
        let at = keys
            .iter()
            .position(|known| *known == key)
            .unwrap_or(keys.len());
        if at == keys.len() {
            keys.push(key);
        }
        template.push_str(&format!("@{at}"));
        rest = match branches.strip_prefix("/<0;1>/*") {
            Some(after) => {
                template.push_str("/**");
                after
            }
            None => branches,
        };
    }
    template.push_str(rest);
    // Ledger takes hardened steps as ' alone.
    let origin = |key: &&str| {
        let (origin, xpub) = key.split_once(']').unwrap_or(("", key));
        format!("{}]{xpub}", origin.replace('h', "'"))
    };
    Ok(Parts {
        keys: keys.iter().map(origin).collect(),
        template,
    })
}

pub(super) fn read(json: &Value) -> Result<Found, WalletError> {
    let fault = |text: String| Format::Bip388.fault(text);
    let template = text(json, "descriptor_template")
        .ok_or_else(|| fault("`descriptor_template` isn't a text".to_owned()))?;
    let list = json
        .get("keys")
        .or_else(|| json.get("keys_info"))
        .and_then(Value::as_array);
    let keys: Vec<&str> = list
        .into_iter()
        .flatten()
        .map(Value::as_str)
        .collect::<Option<_>>()
        .filter(|keys: &Vec<&str>| !keys.is_empty())
        .ok_or_else(|| fault("`keys` isn't a list of texts".to_owned()))?;
    if template.contains(['[', ']']) || template.contains("pub") {
        return Err(fault(
            "its template has a key that isn't in the list of keys".to_owned(),
        ));
    }
    let mut descriptor = String::new();
    let mut used = 0;
    let mut parts = template.split('@');
    descriptor.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let at: Option<usize> = number.parse().ok();
        // For the first time they stand in order.
        let key = at.filter(|at| *at <= used).and_then(|at| keys.get(at));
        used = used.max(at.map_or(0, |at| at.saturating_add(1)));
        let key = key.ok_or_else(|| {
            fault(
                "its template names a key that isn't in the list of keys, or not in order"
                    .to_owned(),
            )
        })?;
        descriptor.push_str(key);
        descriptor.push_str(rest);
    }
    if used < keys.len() {
        return Err(fault("a key of its list isn't in the template".to_owned()));
    }
    Ok(Found {
        format: Format::Bip388,
        descriptor: descriptor.replace("/**", "/<0;1>/*"),
        name: text(json, "name").map(ToOwned::to_owned),
        cosigners: None,
    })
}
