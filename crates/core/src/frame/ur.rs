//! UR (BCR-2020-005, BCR-2020-006, BCR-2020-012, BCR-2024-001): CBOR in words of two letters, one frame or
//! the parts of a fountain code. What a hostile part says of its size is held against limits before the
//! decoder hears of it (T18).

use super::{FrameError, MAX_BYTES, MAX_FRAMES, Payload};
use crate::key::holds_secret;
use ::ur::bytewords::{self, Style};
use ::ur::fountain;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Characters of a frame beside its words: `ur:crypto-output/1000-1000/`, and what CBOR adds.
const HEAD: usize = 28;
/// CBOR's head of a part and the checksum of the words, in bytes.
const FRAMING: usize = 26;
/// A part's share of the message may be filled up with zeros.
const MAX_MESSAGE: usize = MAX_BYTES + 16;

/// How many frames beyond those needed are written, so that a lost one costs no whole round.
const SPARE: usize = 2;

pub(super) fn cut(payload: &Payload, chars: usize) -> Result<Vec<String>, FrameError> {
    let (kind, message) = match payload {
        Payload::Psbt(bytes) => ("crypto-psbt", byte_string(bytes)),
        Payload::Text(text) => ("bytes", byte_string(text.as_bytes())),
        Payload::Output(cbor) => (super::output::type_of(cbor), cbor.clone()),
        Payload::Account(cbor) => ("crypto-account", cbor.clone()),
        Payload::Key(cbor) => ("crypto-hdkey", cbor.clone()),
    };
    let most = (chars.saturating_sub(HEAD) / 2)
        .saturating_sub(FRAMING)
        .max(10);
    if message.len() <= most {
        let words = bytewords::encode(&message, Style::Minimal);
        return Ok(vec![format!("ur:{kind}/{words}").to_ascii_uppercase()]);
    }
    let count = message.len().div_ceil(most);
    if count > MAX_FRAMES {
        return Err(FrameError::TooManyCodes(count));
    }
    let damaged = |_| FrameError::Damaged("it can't be cut");
    let mut encoder = fountain::Encoder::new(&message, most).map_err(damaged)?;
    // Every part once as it is, then as many mixed ones.
    let written = SPARE * count;
    let count = encoder.fragment_count();
    let mut frames = Vec::with_capacity(written);
    for number in 1..=written {
        let part = minicbor::to_vec(encoder.next_part())
            .map_err(|_| FrameError::Damaged("it can't be cut"))?;
        let words = bytewords::encode(&part, Style::Minimal);
        frames.push(format!("ur:{kind}/{number}-{count}/{words}").to_ascii_uppercase());
    }
    Ok(frames)
}

fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(bytes.len() + 8));
    // Writing into memory doesn't fail.
    let _ = encoder.bytes(bytes);
    encoder.into_writer()
}

pub(super) fn join(lines: &[&str]) -> Result<Payload, FrameError> {
    let mut kind: Option<String> = None;
    let mut decoder = fountain::Decoder::default();
    let mut whole: Option<Vec<u8>> = None;
    let mut count = 0;
    for line in lines {
        let lower = line.to_ascii_lowercase();
        let rest = lower
            .strip_prefix("ur:")
            .ok_or(FrameError::Damaged("its beginning"))?;
        let mut pieces = rest.split('/');
        let (found, second, third) = (pieces.next(), pieces.next(), pieces.next());
        let found = found.unwrap_or_default();
        if kind.get_or_insert_with(|| found.to_owned()) != found {
            return Err(FrameError::Mixed);
        }
        if pieces.next().is_some() {
            return Err(FrameError::Damaged("it has too many parts"));
        }
        let (words, numbers) = match (second, third) {
            (Some(words), None) => (words, None),
            (Some(numbers), Some(words)) => (words, Some(numbers)),
            _ => return Err(FrameError::Damaged("it has no contents")),
        };
        let bytes = bytewords::decode(words, Style::Minimal)
            .map_err(|_| FrameError::Damaged("its words or their checksum"))?;
        match numbers {
            None => {
                if whole.as_ref().is_some_and(|known| *known != bytes) {
                    return Err(FrameError::Mixed);
                }
                whole = Some(bytes);
            }
            Some(numbers) => {
                let part = part(numbers, &bytes)?;
                count = part.count;
                let read = minicbor::decode(&bytes).map_err(|_| FrameError::Damaged("its part"))?;
                decoder.receive(read).map_err(|_| FrameError::Mixed)?;
            }
        }
    }
    let message = match whole {
        Some(_) if count > 0 => return Err(FrameError::Mixed),
        Some(message) => message,
        None => decoder
            .message()
            .map_err(|_| FrameError::Checksum)?
            .ok_or_else(|| FrameError::Incomplete {
                have: decoder.resolved_fragment_count().unwrap_or(0),
                count,
            })?,
    };
    payload(&kind.unwrap_or_default(), message)
}

struct Part {
    count: usize,
}

/// What a part says of itself, before anything is made room for.
fn part(numbers: &str, bytes: &[u8]) -> Result<Part, FrameError> {
    let damaged = |_| FrameError::Damaged("its part");
    let mut cbor = Decoder::new(bytes);
    if cbor.array().map_err(damaged)? != Some(5) {
        return Err(FrameError::Damaged("its part"));
    }
    let (number, count) = (cbor.u64().map_err(damaged)?, cbor.u64().map_err(damaged)?);
    let length = cbor.u64().map_err(damaged)?;
    cbor.u64().map_err(damaged)?;
    let share = cbor.bytes().map_err(damaged)?.len();
    if cbor.position() != bytes.len() {
        return Err(FrameError::Damaged("bytes follow its part"));
    }
    if number == 0 || count == 0 || number > u64::from(u32::MAX) {
        return Err(FrameError::Number { number, count });
    }
    let (count, length) = match (usize::try_from(count), usize::try_from(length)) {
        (Ok(count), Ok(length)) if count <= MAX_FRAMES && length <= MAX_MESSAGE => (count, length),
        (Ok(count), Ok(_)) if count > MAX_FRAMES => return Err(FrameError::TooManyFrames(count)),
        (Err(_), _) => return Err(FrameError::TooManyFrames(usize::MAX)),
        _ => return Err(FrameError::TooLarge),
    };
    // The shares of all parts are the message, filled up in the last.
    if share == 0 || length.div_ceil(share) != count {
        return Err(FrameError::Contents("its parts don't add up to its length"));
    }
    if numbers != format!("{number}-{count}") {
        return Err(FrameError::Damaged("its number is said in two ways"));
    }
    Ok(Part { count })
}

fn payload(kind: &str, message: Vec<u8>) -> Result<Payload, FrameError> {
    if message.len() > MAX_MESSAGE {
        return Err(FrameError::TooLarge);
    }
    match kind {
        "crypto-psbt" | "psbt" => Ok(Payload::Psbt(bytes(&message)?)),
        "bytes" => {
            let text = bytes(&message)?;
            if text.starts_with(b"psbt\xff") {
                return Ok(Payload::Psbt(text));
            }
            let text = String::from_utf8(text);
            text.map(Payload::Text)
                .map_err(|_| FrameError::Contents("it isn't text"))
        }
        "crypto-output" | "output-descriptor" => checked(message).map(Payload::Output),
        "crypto-account" | "account-descriptor" => checked(message).map(Payload::Account),
        "crypto-hdkey" | "hdkey" => checked(message).map(Payload::Key),
        "crypto-seed" | "seed" | "crypto-bip39" | "crypto-eckey" | "eckey" | "crypto-sskr"
        | "sskr" => Err(FrameError::Secret),
        other => Err(FrameError::Type(crate::text::excerpt(&other))),
    }
}

fn checked(message: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    match holds_secret(&message) {
        true => Err(FrameError::Secret),
        false => Ok(message),
    }
}

fn bytes(message: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut cbor = Decoder::new(message);
    let wrong = FrameError::Contents("it isn't a byte string");
    if cbor.datatype().ok() != Some(Type::Bytes) {
        return Err(wrong);
    }
    let found = cbor.bytes().map_err(|_| wrong)?.to_vec();
    match cbor.position() == message.len() {
        true => Ok(found),
        false => Err(FrameError::Contents("bytes follow after its end")),
    }
}
