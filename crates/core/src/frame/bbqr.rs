//! BBQr (coinkite/BBQr: BBQr.md): frames of a head of eight characters and a piece of the file, in hex, in
//! base 32, or compressed and in base 32.

use super::{FrameError, MAX_BYTES, MAX_FRAMES, Payload, listed};
use data_encoding::BASE32_NOPAD;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hex::FromHex;

const HEAD: usize = 8;
/// What devices unpack with: a window of 1 kB.
const WINDOW_BITS: u8 = 10;
/// Base 32 has 8 characters for 5 bytes: a piece must not end within.
const GROUP: usize = 8;
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(super) fn cut(payload: &Payload, chars: usize) -> Result<Vec<String>, FrameError> {
    let (kind, bytes): (char, &[u8]) = match payload {
        Payload::Psbt(bytes) => ('P', bytes),
        Payload::Text(text) if is_json(text) => ('J', text.as_bytes()),
        Payload::Text(text) => ('U', text.as_bytes()),
        Payload::Output(_) | Payload::Account(_) | Payload::Key(_) => {
            return Err(FrameError::Type(payload.word().to_owned()));
        }
    };
    let packed = deflate(bytes).filter(|packed| packed.len() < bytes.len());
    let (encoding, text) = match packed {
        Some(packed) => ('Z', BASE32_NOPAD.encode(&packed)),
        None => ('2', BASE32_NOPAD.encode(bytes)),
    };
    let piece = (chars.saturating_sub(HEAD) / GROUP * GROUP).max(GROUP);
    let count = text.len().div_ceil(piece).max(1);
    if count > MAX_FRAMES {
        return Err(FrameError::TooManyCodes(count));
    }
    // Pieces of nearly equal length: a last frame of a few characters would be a tiny code.
    let piece = (text.len().div_ceil(count)).div_ceil(GROUP) * GROUP;
    let mut frames = Vec::with_capacity(count);
    let pieces: Vec<&[u8]> = match text.is_empty() {
        true => vec![&[]],
        false => text.as_bytes().chunks(piece).collect(),
    };
    let count = base36(pieces.len());
    for (number, piece) in pieces.iter().enumerate() {
        let piece = String::from_utf8_lossy(piece);
        frames.push(format!(
            "B${encoding}{kind}{count}{}{piece}",
            base36(number)
        ));
    }
    Ok(frames)
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn base36(number: usize) -> String {
    [number / 36 % 36, number % 36]
        .map(|digit| char::from(DIGITS[digit]))
        .iter()
        .collect()
}

fn number(text: &str) -> Option<usize> {
    text.bytes().try_fold(0, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        Some(number * 36 + digit)
    })
}

struct Frame<'a> {
    encoding: u8,
    kind: u8,
    count: usize,
    number: usize,
    piece: &'a str,
}

impl<'a> Frame<'a> {
    fn read(text: &'a str) -> Result<Self, FrameError> {
        if !text.is_ascii() || text.len() < HEAD {
            return Err(FrameError::Damaged("it is too short"));
        }
        let (head, piece) = text.split_at(HEAD);
        let digits = |range| number(&head[range]).ok_or(FrameError::Damaged("its numbers"));
        let (count, number) = (digits(4..6)?, digits(6..8)?);
        if number >= count {
            return Err(FrameError::Number {
                number: number as u64 + 1,
                count: count as u64,
            });
        }
        if count > MAX_FRAMES {
            return Err(FrameError::TooManyFrames(count));
        }
        let bytes = head.as_bytes();
        Ok(Self {
            encoding: bytes[2],
            kind: bytes[3],
            count,
            number,
            piece,
        })
    }
}

pub(super) fn join(lines: &[&str]) -> Result<Payload, FrameError> {
    let frames = lines.iter().map(|line| Frame::read(line));
    let frames: Vec<Frame<'_>> = frames.collect::<Result<_, _>>()?;
    let Some(first) = frames.first() else {
        return Err(FrameError::Empty);
    };
    let mut pieces: Vec<Option<&str>> = vec![None; first.count];
    for frame in &frames {
        if (frame.encoding, frame.kind, frame.count) != (first.encoding, first.kind, first.count) {
            return Err(FrameError::Mixed);
        }
        match &mut pieces[frame.number] {
            Some(known) if *known != frame.piece => {
                return Err(FrameError::TwoContents(frame.number + 1));
            }
            place => *place = Some(frame.piece),
        }
    }
    let missing: Vec<usize> = (0..pieces.len())
        .filter(|&at| pieces[at].is_none())
        .map(|at| at + 1)
        .collect();
    if !missing.is_empty() {
        return Err(FrameError::Missing {
            lost: missing.len(),
            missing: listed(&missing),
            count: pieces.len(),
        });
    }
    let bytes = decode(first.encoding, &pieces)?;
    if bytes.len() > MAX_BYTES {
        return Err(FrameError::TooLarge);
    }
    let text = |bytes| String::from_utf8(bytes).map_err(|_| FrameError::Contents("it isn't text"));
    match first.kind {
        b'P' => Ok(Payload::Psbt(bytes)),
        b'U' | b'J' => Ok(Payload::Text(text(bytes)?)),
        b'T' => Err(FrameError::Type("a transaction".to_owned())),
        b'C' => Err(FrameError::Type("CBOR".to_owned())),
        b'X' | b'B' => Err(FrameError::Type("a binary file".to_owned())),
        other => Err(FrameError::Type(char::from(other).to_string())),
    }
}

fn decode(encoding: u8, pieces: &[Option<&str>]) -> Result<Vec<u8>, FrameError> {
    let pieces = pieces.iter().flatten();
    // Each piece holds whole bytes.
    let mut bytes = Vec::new();
    for piece in pieces {
        let part: Vec<u8> = match encoding {
            b'H' => FromHex::from_hex(piece).map_err(|_| FrameError::Damaged("it isn't hex"))?,
            b'2' | b'Z' => BASE32_NOPAD
                .decode(piece.as_bytes())
                .map_err(|_| FrameError::Damaged("it isn't base 32"))?,
            _ => return Err(FrameError::Damaged("its encoding isn't known")),
        };
        bytes.extend(part);
    }
    match encoding {
        b'Z' => inflate(&bytes),
        _ => Ok(bytes),
    }
}

/// Raw deflate in one go; `None` if it can't be had.
fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packer = Compress::new_with_window_bits(Compression::best(), false, WINDOW_BITS);
    let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 8 + 64);
    match packer.compress_vec(bytes, &mut packed, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => Some(packed),
        _ => None,
    }
}

/// Unpacks no more than the limit, whatever a bomb says (T18).
fn inflate(packed: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut unpacker = Decompress::new(false);
    let mut bytes = Vec::with_capacity((8 * packed.len()).min(MAX_BYTES) + 1);
    loop {
        let before = (unpacker.total_in(), bytes.len());
        let from = usize::try_from(unpacker.total_in()).unwrap_or(packed.len());
        let rest = packed.get(from..).unwrap_or_default();
        let status = unpacker
            .decompress_vec(rest, &mut bytes, FlushDecompress::Finish)
            .map_err(|_| FrameError::Inflate)?;
        if status == Status::StreamEnd {
            return Ok(bytes);
        }
        if bytes.len() > MAX_BYTES {
            return Err(FrameError::TooLarge);
        }
        if before == (unpacker.total_in(), bytes.len()) && bytes.len() < bytes.capacity() {
            return Err(FrameError::Inflate);
        }
        bytes.reserve(
            bytes
                .len()
                .clamp(1024, MAX_BYTES + 1 - bytes.len().min(MAX_BYTES)),
        );
    }
}
