//! Which kind of wallet file it is: told by what is in it, never by its name.

use super::{
    Found, WalletError, bsms, caravan, core_import, descriptor, electrum, frames, jade, policy,
    specter,
};
use crate::frame;
use crate::json::strict;
use crate::key::file::is_private;
use crate::key::{SecretKind, find_secret};
use crate::text::excerpt;
use bitcoin::Network;
use serde_json::Value;

/// The largest wallet file; a Core wallet with hundreds of descriptors is 200 kB.
const MAX_TEXT: usize = 1024 * 1024;

/// Reads a wallet file of any known kind. It isn't a vault yet: the descriptor goes through
/// [`Vault::from_descriptor`](crate::vault::Vault::from_descriptor).
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn read(text: &str, network: Network) -> Result<Found, WalletError> {
    if text.len() > MAX_TEXT {
        return Err(WalletError::TooLong {
            found: text.len(),
            max: MAX_TEXT,
        });
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(WalletError::Empty);
    }
    if frame::is_frame(trimmed) {
        return frames::read(trimmed, network);
    }
    if let Some(kind) = find_secret(trimmed) {
        return Err(WalletError::Secret(kind));
    }
    // Electrum's encrypted files: base64 of `BIE1`, `BIE2`.
    if trimmed.starts_with("QklFM") {
        return Err(WalletError::Encrypted);
    }
    if trimmed.starts_with(['{', '[']) {
        let json: Value = strict(trimmed).map_err(|error| WalletError::Json(excerpt(&error)))?;
        if is_private(&json) {
            return Err(WalletError::Secret(SecretKind::PrivateKey));
        }
        return object(&json, network);
    }
    if trimmed.starts_with("BSMS") {
        return bsms::read(trimmed, network);
    }
    let is_labelled = |line: &str| {
        let label = line.split_once(':').map(|(label, _)| label.trim());
        label.is_some_and(|label| {
            ["name", "policy", "format"]
                .iter()
                .any(|known| label.eq_ignore_ascii_case(known))
                || super::text::is_fingerprint(label)
        })
    };
    if trimmed.lines().any(is_labelled) {
        return super::text::read(trimmed);
    }
    descriptor::read(text)
}

fn object(json: &Value, network: Network) -> Result<Found, WalletError> {
    let has = |key: &str| json.get(key).is_some();
    if json.is_array() || has("descriptors") {
        core_import::read(json)
    } else if has("extendedPublicKeys") {
        caravan::read(json, network)
    } else if has("wallet_type") || has("seed_version") {
        electrum::read(json, network)
    } else if has("method") && has("params") {
        jade::read(json, network)
    } else if has("descriptor_template") {
        policy::read(json)
    } else if has("descriptor") || has("recv_descriptor") {
        specter::read(json)
    } else {
        Err(WalletError::UnknownJson)
    }
}

/// The text of a field, if it is one.
pub(super) fn text<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Value::as_str)
}
