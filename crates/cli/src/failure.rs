//! The one place where errors become exit codes, and where errors of the software signer and of
//! the command line itself become the program's error.

use quorate_chain::simulated::SimulatedError;
use quorate_coordinator::{Error, Kind};
use quorate_core::policy::TemplateError;
use quorate_core::spend::FeeRefusal;
use quorate_core::text::escape;
use quorate_signer::{KeystoreError, PassphraseError, SignError};

/// The exit code of an error.
pub(crate) const fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Refused => 1,
        Kind::Input => 2,
        Kind::Chain => 3,
        Kind::Storage => 4,
    }
}

/// Arguments that aren't the grammar's.
pub(crate) fn usage(stop: &clap::Error) -> Error {
    let text = stop.render().to_string();
    // "error: sentence", perhaps with a list of names below; then tips, usage, a last line.
    let mut paragraphs = text.split("\n\n");
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let first = paragraphs.next().unwrap_or_default();
    let message = line(first.trim_start_matches("error: "));
    let mut hints: Vec<String> = Vec::new();
    let mut help = "the same command with --help explains it".to_owned();
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.trim().strip_prefix("tip: ") {
            hints.push(line(tip));
        } else if let Some(usage) = paragraph.trim().strip_prefix("Usage: ") {
            let is_name = |word: &&str| !word.starts_with(['[', '<', '-']);
            let names = usage.split_whitespace().take_while(is_name);
            let command = names.collect::<Vec<_>>().join(" ");
            help = format!("`{command} --help` explains it");
        }
    }
    hints.push(help);
    Error::input("usage", escape(&message)).hint(escape(&hints.join("; ")))
}

/// A file of ours or of a person that can't be used.
pub(crate) fn template(error: &TemplateError) -> Error {
    let code = match error {
        TemplateError::Unknown { .. } => "unknown_policy",
        _ => "bad_policy",
    };
    Error::input(code, error.to_string())
}

/// The keystore's errors.
pub(crate) fn keystore(error: &KeystoreError) -> Error {
    let text = error.to_string();
    match error {
        KeystoreError::Name(_) => Error::input("bad_name", text),
        KeystoreError::Words(_) => Error::input("bad_words", text),
        KeystoreError::NotFound { name, known, .. } => {
            let error = Error::input("unknown_key", text);
            match quorate_coordinator::nearest(name, known.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        }
        KeystoreError::Exists { .. } => Error::refused("key_exists", text),
        KeystoreError::WrongPassphrase { .. } => Error::refused("wrong_passphrase", text),
        KeystoreError::Entropy | KeystoreError::NoKey => Error::refused("entropy", text),
        KeystoreError::PublicPartReplaced { .. } => Error::refused("key_replaced", text),
        KeystoreError::Exposed { .. } => Error::refused("key_exposed", text),
        KeystoreError::PublicPartMissing { .. }
        | KeystoreError::Damaged { .. }
        | KeystoreError::TooMuchWork { .. }
        | KeystoreError::Io { .. } => Error::storage("keystore", text),
    }
}

/// A passphrase that can't be one.
pub(crate) fn passphrase(error: PassphraseError) -> Error {
    Error::input("bad_passphrase", error.to_string())
}

/// A fee that nobody said was meant.
fn high_fee(refusal: &FeeRefusal) -> Error {
    Error::refused("absurd_fee", format!("{refusal}: nothing was signed"))
        .hint("have the spend proposed anew, or say --allow-high-fee if it is meant")
}

/// Why nothing was signed.
pub(crate) fn sign(error: &SignError) -> Error {
    let code = match error {
        SignError::HighFee(refusal) => return high_fee(refusal),
        SignError::Burn(_) => "burn",
        SignError::OtherVault { .. } | SignError::OtherRequest => "other_request",
        SignError::AlreadyFinal { .. } => "already_final",
        SignError::Unsupported { .. } => "unsupported",
        SignError::NotACosigner { .. } => "not_a_cosigner",
        SignError::WrongNetwork { .. } => "wrong_network",
        SignError::Fault { .. } => "signer_fault",
    };
    Error::refused(code, error.to_string())
}

/// What the simulated chain can't do.
pub(crate) fn simulated(error: SimulatedError) -> Error {
    match error {
        SimulatedError::Source(error) => error.into(),
        SimulatedError::TooDeep { .. } => Error::input("too_deep", error.to_string()),
        SimulatedError::Refused { .. } | SimulatedError::Block(_) => {
            Error::refused("refused_by_node", error.to_string())
        }
        SimulatedError::FaucetDry { .. } => Error::refused("faucet_dry", error.to_string()),
    }
}
