//! Files with frames: pictures of codes, or lines of text. What several files hold together is put
//! together; other files are left as they are.

use crate::files;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageFormat, ImageReader, Limits};
use quorate_coordinator::{Error, Incoming};
use quorate_core::frame::{FrameError, Payload, is_frame, join};
use rqrr::PreparedImage;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// The largest picture, in bytes.
const PICTURE_LIMIT: u64 = 32 * 1024 * 1024;
/// Its sides, and what decoding it may take in memory.
const MAX_SIDE: u32 = 10_000;
const MAX_ALLOC: u64 = 256 * 1024 * 1024;
/// Pictures of an animation.
const MAX_PICTURES: usize = 5_000;

/// Reads files for a command that takes one kind of payload: those with frames become one file.
pub(crate) fn read_all(paths: &[PathBuf], limit: u64) -> Result<Vec<Incoming>, Error> {
    let mut plain = Vec::new();
    let (mut names, mut frames) = (Vec::new(), String::new());
    for path in paths {
        let bytes = files::read(path, limit.max(PICTURE_LIMIT))?;
        let name = files::name(path);
        if let Some(format) = picture_format(&bytes) {
            for line in scan(&bytes, format).map_err(|error| error.about(&name))? {
                frames.push_str(&line);
                frames.push('\n');
            }
            names.push(name);
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) if is_frame(text) => {
                frames.push_str(text);
                frames.push('\n');
                names.push(name);
            }
            _ if bytes.len() as u64 > limit => return Err(files::too_large(path, limit)),
            _ => plain.push(Incoming { name, bytes }),
        }
    }
    if !names.is_empty() {
        let name = names.join(" and ");
        let payload = join(&frames).map_err(|error| refused(&error).about(&name))?;
        let bytes = match payload {
            Payload::Psbt(bytes) => bytes,
            Payload::Text(text) => text.into_bytes(),
            // For those who read CBOR themselves: keys and wallets.
            Payload::Output(_) | Payload::Account(_) | Payload::Key(_) => frames.into_bytes(),
        };
        plain.push(Incoming { name, bytes });
    }
    Ok(plain)
}

/// One file, as text or with frames.
pub(crate) fn read_one(path: &Path, limit: u64) -> Result<Incoming, Error> {
    let mut all = read_all(&[path.to_owned()], limit)?;
    // One in, one out.
    all.pop()
        .ok_or_else(|| Error::input("unreadable_file", files::name(path)))
}

/// One text file, or frames.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let file = read_one(path, files::TEXT_LIMIT)?;
    String::from_utf8(file.bytes)
        .map_err(|_| Error::input("not_text", format!("{} isn't text in UTF-8", file.name)))
}

fn refused(error: &FrameError) -> Error {
    Error::input("bad_frames", error.to_string())
}

fn picture_format(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(ImageFormat::Png),
        [b'G', b'I', b'F', b'8', ..] => Some(ImageFormat::Gif),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        _ => None,
    }
}

/// The texts of all codes in a picture.
fn scan(bytes: &[u8], format: ImageFormat) -> Result<Vec<String>, Error> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::input("bad_picture", format!("the picture can't be read: {error}"))
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    let mut texts = Vec::new();
    if format == ImageFormat::Gif {
        use image::ImageDecoder;
        let mut decoder =
            GifDecoder::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
        decoder
            .set_limits(limits)
            .map_err(|error| unreadable(&error))?;
        for frame in decoder.into_frames().take(MAX_PICTURES) {
            let frame = frame.map_err(|error| unreadable(&error))?;
            texts.extend(codes(&DynamicImage::ImageRgba8(frame.into_buffer())));
        }
    } else {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| unreadable(&error))?;
        texts.extend(codes(&picture));
    }
    match texts.is_empty() {
        true => Err(
            Error::input("no_code", "no QR code was found in the picture")
                .hint("take it straight from above, with white around the code"),
        ),
        false => Ok(texts),
    }
}

fn codes(picture: &DynamicImage) -> Vec<String> {
    let shades = picture.to_luma8();
    let (width, height) = (shades.width() as usize, shades.height() as usize);
    let raw = shades.as_raw();
    let mut prepared =
        PreparedImage::prepare_from_greyscale(width, height, |x, y| raw[y * width + x]);
    let grids = prepared.detect_grids();
    grids
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .collect()
}
