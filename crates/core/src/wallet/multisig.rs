//! A vault as most wallet programs know one: any so many of some keys, one place for each key.

use super::{Format, WalletError};
use crate::key::CosignerKey;
use crate::script_type::ScriptType;
use crate::vault::{Vault, with_checksum};
use bitcoin::bip32::DerivationPath;

/// Most keys that a script takes (Bitcoin Core's limit for `multi`).
const MAX_KEYS: usize = 20;

#[derive(Debug)]
pub(super) struct Multisig {
    pub(super) threshold: usize,
    /// Whether keys are put in order at each index (BIP-0067).
    pub(super) sorted: bool,
    /// Any but `tr`.
    pub(super) script: ScriptType,
    /// Names and keys, in the descriptor's order.
    pub(super) keys: Vec<(String, CosignerKey)>,
}

/// What stands before and after the keys.
const SHAPES: [(ScriptType, &str, &str); 3] = [
    (ScriptType::ShWsh, "sh(wsh(", "))"),
    (ScriptType::Wsh, "wsh(", ")"),
    (ScriptType::Sh, "sh(", ")"),
];

impl Multisig {
    /// The vault, if it is one.
    pub(super) fn of(format: Format, vault: &Vault) -> Result<Self, WalletError> {
        let text = vault.descriptor();
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        let found = SHAPES.iter().find_map(|(script, before, after)| {
            let inside = text.strip_prefix(before)?.strip_suffix(after)?;
            let sorted = inside.strip_prefix("sortedmulti(");
            let list = sorted.or_else(|| inside.strip_prefix("multi("))?;
            let list = list.strip_suffix(')')?;
            (!list.contains('(')).then_some((*script, sorted.is_some(), list))
        });
        let Some((script, sorted, list)) = found else {
            return Err(format.beyond(
                "it isn't plain multisig but has paths, locks or taproot scripts: export a descriptor",
            ));
        };
        if list
            .split(',')
            .skip(1)
            .any(|key| !key.ends_with("/<0;1>/*"))
        {
            return Err(format.beyond(
                "its addresses don't come from the branches 0 and 1: export a descriptor",
            ));
        }
        let cosigners = vault.cosigners().iter();
        Ok(Self {
            threshold: vault.threshold(),
            sorted,
            script,
            keys: cosigners
                .map(|cosigner| (cosigner.name.clone(), cosigner.key.clone()))
                .collect(),
        })
    }

    /// The same, for formats that put keys in order without saying so.
    pub(super) fn sorted(format: Format, vault: &Vault) -> Result<Self, WalletError> {
        let multisig = Self::of(format, vault)?;
        if !multisig.sorted {
            return Err(format.beyond(
                "its keys stand in a fixed order (multi), and the format means sorted ones: other addresses would come out; export a descriptor",
            ));
        }
        Ok(multisig)
    }

    /// The descriptor; `branch` stands after each key.
    pub(super) fn descriptor(&self, branch: &str) -> Result<String, WalletError> {
        let keys = self.keys.iter().map(|(_, key)| format!("{key}{branch}"));
        let keys: Vec<String> = keys.collect();
        descriptor(self.script, self.sorted, self.threshold, &keys)
    }

    /// The path of all keys, if it is one.
    pub(super) fn common_path(&self) -> Option<&DerivationPath> {
        let mut paths = self.keys.iter().map(|(_, key)| key.origin_path());
        let first = paths.next()?;
        paths.all(|path| path == first).then_some(first)
    }
}

/// A descriptor out of what a file says, checked as far as counts go. `keys` are whole expressions.
pub(super) fn descriptor(
    script: ScriptType,
    sorted: bool,
    threshold: usize,
    keys: &[String],
) -> Result<String, WalletError> {
    let multi = if sorted { "sortedmulti" } else { "multi" };
    let inside = format!("{multi}({threshold},{})", keys.join(","));
    let text = match script {
        ScriptType::Wsh => format!("wsh({inside})"),
        ScriptType::ShWsh => format!("sh(wsh({inside}))"),
        ScriptType::Sh => format!("sh({inside})"),
        ScriptType::Tr => format!("tr({inside})"),
    };
    Ok(with_checksum(&text)?)
}

/// Whether so many of so many makes sense.
pub(super) fn check_counts(
    format: Format,
    threshold: usize,
    said: usize,
    keys: usize,
) -> Result<(), WalletError> {
    if said != keys {
        return Err(format.fault(format!(
            "it says {said} keys and has {keys}: export it again"
        )));
    }
    if keys > MAX_KEYS {
        return Err(format.fault(format!("it has {keys} keys, scripts take {MAX_KEYS}")));
    }
    if threshold == 0 || threshold > keys {
        return Err(format.fault(format!(
            "{threshold} of {keys} signatures make no sense: export it again"
        )));
    }
    Ok(())
}

/// `[fingerprint/path]key/<0;1>/*` out of three texts of a file. Whether they are right is seen when the
/// descriptor is read.
pub(super) fn expression(fingerprint: &str, path: &str, key: &str) -> String {
    let path = path.trim();
    let path = path
        .strip_prefix("m/")
        .or_else(|| path.strip_prefix('m'))
        .unwrap_or(path);
    let slash = if path.is_empty() { "" } else { "/" };
    let fingerprint = fingerprint.to_ascii_lowercase();
    format!("[{fingerprint}{slash}{path}]{key}/<0;1>/*")
}

/// `m/48'/0'/0'/2'`, as files write it.
pub(super) fn path_text(path: &DerivationPath) -> String {
    let steps = path.into_iter().map(|step| format!("/{step}"));
    format!("m{}", steps.collect::<String>())
}
