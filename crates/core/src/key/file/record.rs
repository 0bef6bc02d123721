//! Key records of BIP-0129, as key files: the set-up's own reader judges them.

use super::{FoundKeys, KeyFileError, KeyFormat, by_path, check_prefix};
use crate::setup::KeyRecord;
use bitcoin::Network;

pub(super) fn read(text: &str, network: Network) -> Result<FoundKeys, KeyFileError> {
    let record = KeyRecord::read(text, network)?;
    let line = text.lines().nth(2).unwrap_or_default();
    check_prefix(
        line.rsplit(']').next().unwrap_or(line).trim(),
        &record.key,
        network,
    )?;
    Ok(FoundKeys {
        format: KeyFormat::Bsms,
        keys: vec![by_path(record.key)],
        note: Some(record.note).filter(|note| !note.is_empty()),
        signed: record.is_signed,
    })
}
