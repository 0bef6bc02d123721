//! Wallets in frames for QR codes, as text: one frame on each line.

use super::{Format, Found, WalletError};
use crate::frame::{Carrying, Payload, cut, join, read_output, write_output};
use crate::vault::Vault;
use bitcoin::Network;

/// Characters of a frame where nobody says how large its code may be.
const CHARS: usize = 400;

/// What a code of this format carries.
///
/// # Errors
/// When the vault can't be said in any way that the format has.
pub fn payload(format: Format, vault: &Vault, name: &str) -> Result<Payload, WalletError> {
    Ok(match format {
        Format::Ur => Payload::Output(write_output(vault)),
        // Coldcard Q takes its own text, and descriptors for what that can't say.
        Format::Bbqr => Payload::Text(
            super::write(Format::Coldcard, vault, name)
                .or_else(|_| super::write(Format::Descriptor, vault, name))?,
        ),
        other => Payload::Text(super::write(other, vault, name)?),
    })
}

pub(super) fn write(format: Format, vault: &Vault, name: &str) -> Result<String, WalletError> {
    let carrying = match format {
        Format::Bbqr => Carrying::Bbqr,
        _ => Carrying::Ur,
    };
    let frames = cut(&payload(format, vault, name)?, carrying, CHARS)?;
    Ok(frames.join("\n") + "\n")
}

pub(super) fn read(text: &str, network: Network) -> Result<Found, WalletError> {
    let format = match text.starts_with("B$") {
        true => Format::Bbqr,
        false => Format::Ur,
    };
    match join(text)? {
        Payload::Text(inner) if crate::frame::is_frame(&inner) => {
            Err(format.fault("its frames hold frames again"))
        }
        Payload::Text(inner) => {
            let found = super::read(&inner, network)?;
            Ok(Found { format, ..found })
        }
        Payload::Output(bytes) => Ok(Found {
            format,
            descriptor: read_output(&bytes, network)?,
            name: None,
            cosigners: None,
        }),
        other => Err(WalletError::OtherPayload(other.word())),
    }
}
