//! A secret sealed with a passphrase, in the age format (age-encryption.org/v1, scrypt
//! recipient), binary. A plain age file can be opened in twenty years without this program:
//! `age -d alice.age` prints the words.

use crate::passphrase::Passphrase;
use age::scrypt::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use std::io::{Read, Write};
use std::iter;
use zeroize::Zeroizing;

/// Work (log2 of scrypt's N) for new files: 256 MiB and about a second. A fixed number, not
/// age's measured one, so that a busy machine doesn't make a weak file.
pub(crate) const STANDARD_WORK: u8 = 18;
/// More than this (1 GiB, some seconds) is refused: a planted file must not eat the machine.
pub(crate) const MOST_WORK: u8 = 20;
/// A sealed key is below 1 kB.
const LONGEST: usize = 4096;

/// Why a sealed secret stays shut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpenError {
    WrongPassphrase,
    Damaged(&'static str),
    TooMuchWork(u8),
}

/// Seals `plain`.
pub(crate) fn seal(passphrase: &Passphrase, work: u8, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut recipient = Recipient::new(passphrase.secret());
    recipient.set_work_factor(work.clamp(1, MOST_WORK));
    let encryptor = Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
        .map_err(std::io::Error::other)?;
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(out)
}

/// Opens what [`seal`] made. A wrong passphrase and a damaged key stanza look the same by the
/// format's design; damage anywhere else is told apart by the header's MAC and the payload's tag.
pub(crate) fn open(
    passphrase: &Passphrase,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    // Room from the start: a vector that grows leaves copies of the secret behind.
    let plain = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    unseal(passphrase, sealed, plain, LONGEST)
}

/// Seals a file that isn't a key with a passphrase, so that any age program opens it.
///
/// # Errors
/// When the machine has no randomness or memory.
pub fn seal_file(passphrase: &Passphrase, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    seal(passphrase, STANDARD_WORK, plain)
}

/// Opens what [`seal_file`] or another age program sealed with a passphrase, up to `most` bytes.
///
/// # Errors
/// A sentence: the passphrase, or what is damaged.
pub fn open_file(
    passphrase: &Passphrase,
    sealed: &[u8],
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let opened = unseal(passphrase, sealed, Zeroizing::new(Vec::new()), most);
    opened.map_err(|error| match error {
        OpenError::WrongPassphrase => "the passphrase is wrong".to_owned(),
        OpenError::Damaged(what) => format!("the sealed file is damaged: {what}"),
        OpenError::TooMuchWork(work) => {
            format!("opening it would take 2^{work} steps: it wasn't made by Quorate")
        }
    })
}

fn unseal(
    passphrase: &Passphrase,
    sealed: &[u8],
    mut plain: Zeroizing<Vec<u8>>,
    most: usize,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let decryptor = Decryptor::new_buffered(sealed)
        .map_err(|_| OpenError::Damaged("it does not begin as an age file"))?;
    if !decryptor.is_scrypt() {
        return Err(OpenError::Damaged("it is not sealed with a passphrase"));
    }
    let mut identity = Identity::new(passphrase.secret());
    identity.set_max_work_factor(MOST_WORK);
    let reader = decryptor
        .decrypt(iter::once(&identity as &dyn age::Identity))
        .map_err(|error| match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => OpenError::WrongPassphrase,
            DecryptError::ExcessiveWork { required, .. } => OpenError::TooMuchWork(required),
            DecryptError::InvalidMac => OpenError::Damaged("its header was changed"),
            _ => OpenError::Damaged("its header cannot be read"),
        })?;
    reader
        .take(most as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| OpenError::Damaged("its contents were changed or cut off"))?;
    if plain.len() > most {
        return Err(OpenError::Damaged("it holds more than it should"));
    }
    Ok(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pass(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_only() {
        let sealed = seal(&pass("correct horse"), 2, b"secret").unwrap();
        assert_eq!(
            open(&pass("correct horse"), &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_eq!(
            open(&pass("Correct horse"), &sealed).unwrap_err(),
            OpenError::WrongPassphrase
        );
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let right = pass("correct horse");
        let sealed = seal(&right, 1, b"secret").unwrap();
        for i in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            assert!(open(&right, &bad).is_err(), "byte {i}");
            assert!(open(&right, &sealed[..i]).is_err(), "cut at {i}");
        }
        let mut last = sealed.clone();
        *last.last_mut().unwrap() ^= 1;
        assert!(matches!(
            open(&right, &last).unwrap_err(),
            OpenError::Damaged(_)
        ));
        assert!(matches!(
            open(&right, b"").unwrap_err(),
            OpenError::Damaged(_)
        ));
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused() {
        let right = pass("correct horse");
        let text = String::from_utf8_lossy(&seal(&right, 5, b"secret").unwrap()).into_owned();
        let greedy = text.replacen(" 5\n", " 30\n", 1);
        assert_ne!(text, greedy);
        assert_eq!(
            open(&right, greedy.as_bytes()).unwrap_err(),
            OpenError::TooMuchWork(30)
        );
    }
}
