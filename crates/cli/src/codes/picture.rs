//! Codes as pictures: GIF and SVG move, PNG stands still and becomes a file for each code.

use super::draw::{Modules, QUIET, modules};
use super::{bad_ending, numbered};
use crate::files;
use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::png::PngEncoder;
use image::{Delay, ExtendedColorType, Frame, ImageEncoder, Rgba, RgbaImage};
use quorate_coordinator::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pixels of a module: enough for a screen, and a code of version 40 stays below 800 pixels.
const SCALE: usize = 4;

/// Writes frames into what the file's ending asks for; returns the files.
pub(super) fn write(
    path: &Path,
    frames: &[String],
    pause: Duration,
    force: bool,
) -> Result<Vec<PathBuf>, Error> {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("txt") => {
            let text = frames.join("\n") + "\n";
            files::write(path, text.as_bytes(), force)?;
        }
        Some("gif") => files::write(path, &gif(frames, pause)?, force)?,
        Some("svg") => files::write(path, svg(frames, pause)?.as_bytes(), force)?,
        Some("png") => return pngs(path, frames, force),
        _ => return Err(bad_ending(path)),
    }
    Ok(vec![path.to_owned()])
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::refused("no_codes", format!("the picture can't be made: {error}"))
}

/// Codes of one size: those of the last frame may be smaller.
fn sides(codes: &[Modules]) -> usize {
    let widest = codes.iter().map(|code| code.width).max().unwrap_or(0);
    (widest + 2 * QUIET) * SCALE
}

fn pixels(code: &Modules, side: usize) -> impl Iterator<Item = bool> + '_ {
    let margin = (side - code.width * SCALE) / 2;
    (0..side * side).map(move |at| {
        let module = |pixel: usize| pixel.checked_sub(margin).map(|pixel| pixel / SCALE);
        match (module(at % side), module(at / side)) {
            (Some(x), Some(y)) if x < code.width && y < code.width => code.is_dark(x, y),
            _ => false,
        }
    })
}

fn all(frames: &[String]) -> Result<Vec<Modules>, Error> {
    frames.iter().map(|frame| modules(frame)).collect()
}

fn gif(frames: &[String], pause: Duration) -> Result<Vec<u8>, Error> {
    let codes = all(frames)?;
    let side = sides(&codes);
    let pixel_side = u32::try_from(side).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder
        .set_repeat(Repeat::Infinite)
        .map_err(|error| failed(&error))?;
    for code in &codes {
        let mut picture = RgbaImage::new(pixel_side, pixel_side);
        for (pixel, dark) in picture.pixels_mut().zip(pixels(code, side)) {
            let shade = if dark { 0 } else { 255 };
            *pixel = Rgba([shade, shade, shade, 255]);
        }
        let frame = Frame::from_parts(picture, 0, 0, Delay::from_saturating_duration(pause));
        encoder
            .encode_frame(frame)
            .map_err(|error| failed(&error))?;
    }
    drop(encoder);
    Ok(bytes)
}

fn pngs(path: &Path, frames: &[String], force: bool) -> Result<Vec<PathBuf>, Error> {
    let codes = all(frames)?;
    let side = sides(&codes);
    let pixel_side = u32::try_from(side).map_err(|error| failed(&error))?;
    let paths: Vec<PathBuf> = match codes.len() {
        1 => vec![path.to_owned()],
        count => (0..count)
            .map(|number| numbered(path, number, count))
            .collect(),
    };
    if let Some(there) = paths.iter().find(|path| path.exists() && !force) {
        return Err(files::exists(there));
    }
    for (path, code) in paths.iter().zip(&codes) {
        let shades: Vec<u8> = pixels(code, side)
            .map(|dark| if dark { 0 } else { 255 })
            .collect();
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(&shades, pixel_side, pixel_side, ExtendedColorType::L8)
            .map_err(|error| failed(&error))?;
        files::write(path, &bytes, force)?;
    }
    Ok(paths)
}

/// One code for a page.
pub(crate) fn page(text: &str) -> Result<String, Error> {
    svg(&[text.to_owned()], Duration::ZERO)
}

/// One path for each code; of several each is visible for its share of the round.
fn svg(frames: &[String], pause: Duration) -> Result<String, Error> {
    let codes = all(frames)?;
    let side = sides(&codes) / SCALE;
    let round = pause.as_secs_f64() * codes.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (number, code) in codes.iter().enumerate() {
        let margin = (side - code.width) / 2;
        let mut path = String::new();
        for y in 0..code.width {
            let mut x = 0;
            while x < code.width {
                let run = (x..code.width).take_while(|&x| code.is_dark(x, y)).count();
                if run > 0 {
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", margin + x, margin + y);
                }
                x += run.max(1);
            }
        }
        let _ = write!(text, "<path d=\"{path}\"");
        if codes.len() == 1 {
            text.push_str("/>\n");
            continue;
        }
        let share = 1.0 / codes.len() as f64;
        let (from, to) = (number as f64 * share, (number + 1) as f64 * share);
        // At the beginning and at the end of a round a moment may coincide with an edge.
        let (values, times) = match (number, number + 1 == codes.len()) {
            (0, _) => ("visible;hidden;hidden", format!("0;{to:.6};1")),
            (_, true) => ("hidden;visible;visible", format!("0;{from:.6};1")),
            (_, false) => ("hidden;visible;hidden", format!("0;{from:.6};{to:.6}")),
        };
        let _ = writeln!(
            text,
            " visibility=\"hidden\"><animate attributeName=\"visibility\" calcMode=\"discrete\" values=\"{values}\" keyTimes=\"{times}\" dur=\"{round:.3}s\" repeatCount=\"indefinite\"/></path>"
        );
    }
    Ok(text + "</svg>\n")
}
