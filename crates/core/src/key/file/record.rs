//! Key records of BIP-0129, as key files: the set-up's own reader judges them.

use super::{FoundKeys, KeyFileError, KeyFormat, by_path};
use crate::setup::KeyRecord;
use bitcoin::Network;

pub(super) fn read(text: &str, network: Network) -> Result<FoundKeys, KeyFileError> {
    let record = KeyRecord::read(text, network)?;
    Ok(FoundKeys {
        format: KeyFormat::Bsms,
        keys: vec![by_path(record.key)],
        note: Some(record.note).filter(|note| !note.is_empty()),
        signed: record.is_signed,
    })
}
