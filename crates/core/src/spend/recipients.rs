//! Whom a spend may pay: nothing that nodes wouldn't relay, and nothing that nobody could spend.

use super::build::{MAX_RECIPIENTS, SpendError};
use super::request::{Recipient, Send};
use bitcoin::{Address, Amount};

/// Refuses payments that make no sense.
pub(super) fn check(recipients: &[Recipient], data: Option<&[u8]>) -> Result<(), SpendError> {
    if recipients.is_empty() && data.is_none() {
        return Err(SpendError::NoRecipients);
    }
    if let Some(data) = data {
        super::data::check(data)?;
    }
    if recipients.len() > MAX_RECIPIENTS {
        return Err(SpendError::TooManyRecipients {
            recipients: recipients.len(),
        });
    }
    if recipients
        .iter()
        .filter(|recipient| recipient.send == Send::All)
        .count()
        > 1
    {
        return Err(SpendError::AllTwice);
    }
    let has = |wanted: fn(&Send) -> bool| recipients.iter().any(|to| wanted(&to.send));
    if has(|send| *send == Send::All) && has(|send| matches!(send, Send::LessFee(_))) {
        return Err(SpendError::FeeTwice);
    }
    for recipient in recipients {
        if let Some(reason) = burns(&recipient.address) {
            return Err(SpendError::Burn {
                address: recipient.address.to_string(),
                reason,
            });
        }
        if let Send::Exactly(amount) | Send::LessFee(amount) = recipient.send {
            check_dust(&recipient.address, amount)?;
        }
    }
    Ok(())
}

pub(super) fn check_dust(address: &Address, amount: Amount) -> Result<(), SpendError> {
    let minimum = address.script_pubkey().minimal_non_dust();
    if amount < minimum {
        return Err(SpendError::Dust {
            address: address.to_string(),
            amount,
            minimum,
        });
    }
    Ok(())
}

/// Why money sent there is lost, if it is (T36).
fn burns(address: &Address) -> Option<&'static str> {
    let script = address.script_pubkey();
    if script.is_op_return() {
        return Some("it is a data output");
    }
    if let Some(version) = script.witness_version() {
        let program = &script.as_bytes()[2..];
        return match version.to_num() {
            0 | 1 if program.iter().all(|&byte| byte == 0) => Some("its program is all zeros"),
            0 => None,
            1 if program.len() == 32 => None,
            _ => Some("its witness version isn't in use yet, so anybody could take it"),
        };
    }
    let hash = if script.is_p2sh() {
        &script.as_bytes()[2..22]
    } else {
        script.as_bytes().get(3..23)?
    };
    hash.iter()
        .all(|&byte| byte == 0)
        .then_some("its hash is all zeros")
}
