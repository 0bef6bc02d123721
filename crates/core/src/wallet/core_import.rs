//! Bitcoin Core: what `importdescriptors` takes, and what `listdescriptors` answers
//! (bitcoin/bitcoin: src/wallet/rpc/backup.cpp).

use super::sniff::text;
use super::{Format, Found, WalletError};
use crate::vault::Vault;
use serde_json::{Value, json};

/// A ranged descriptor with two branches is receive and change at once, since Bitcoin Core 29. It
/// looks for coins from the beginning on.
pub(super) fn write(vault: &Vault) -> Result<String, WalletError> {
    let request = json!([{
        "desc": vault.descriptor(),
        "active": true,
        "timestamp": 0,
        "range": [0, 999],
    }]);
    Ok(format!("{request}\n"))
}

pub(super) fn read(json: &Value) -> Result<Found, WalletError> {
    let list = json.get("descriptors").unwrap_or(json);
    let list = list
        .as_array()
        .ok_or_else(|| Format::Core.fault("`descriptors` isn't a list"))?;
    let mut parts = Vec::new();
    for (number, one) in (1..).zip(list) {
        let desc = text(one, "desc")
            .ok_or_else(|| Format::Core.fault(format!("descriptor {number} has no `desc`")))?;
        let change = one
            .get("internal")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        parts.push((change, desc));
    }
    // Receive first, whatever the order.
    parts.sort_by_key(|(change, _)| *change);
    let descriptor = match parts.as_slice() {
        [(_, one)] => (*one).to_owned(),
        [(false, receive), (true, change)] => format!("{receive}\n{change}"),
        [_, _] => {
            return Err(Format::Core.fault(
                "of its two descriptors one has to be receive (`internal` false) and one change (`internal` true)",
            ));
        }
        [] => return Err(Format::Core.fault("it has no descriptor")),
        more => {
            return Err(Format::Core.fault(format!(
                "it has {} descriptors: keep the one or two of the vault",
                more.len()
            )));
        }
    };
    Ok(Found {
        format: Format::Core,
        descriptor,
        name: text(json, "wallet_name").map(ToOwned::to_owned),
        cosigners: None,
    })
}
