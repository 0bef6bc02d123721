//! QR codes: how a file becomes codes in a terminal or in pictures, and how pictures of codes become a
//! file again.

mod draw;
mod picture;
mod scan;
mod show;

pub(crate) use draw::address;
pub(crate) use picture::page as svg;
pub(crate) use scan::{read_all, read_one, read_text};

use crate::files;
use crate::output::Answer;
use crate::{context::Context, terminal};
use quorate_coordinator::{Error, nearest};
use quorate_core::frame::{Carrying, Payload, cut};
use quorate_core::text::escape;
use quorate_core::wallet::{DEVICES, Device, Format};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

// Shown as QR codes instead of written.
#[derive(clap::Args)]
pub(crate) struct Codes {
    /// Show QR codes, or write them: with -o into FILE.gif or FILE.svg (animated), FILE.png (one or
    /// several files) or FILE.txt (one frame on each line); the way they are cut is chosen by --device
    #[arg(long, value_name = "bbqr|ur", num_args = 0..=1, require_equals = true, default_missing_value = "auto", value_parser = ["auto", "bbqr", "ur"])]
    qr: Option<String>,
    /// The device that is to scan them (see `quorate vault check`)
    #[arg(long, value_name = "NAME", requires = "qr")]
    device: Option<String>,
    /// How much one code holds: small (300 characters), medium (600) or large (1200)
    #[arg(long, value_name = "SIZE", default_value = "medium", value_parser = ["small", "medium", "large"])]
    qr_size: String,
    /// Codes for each second
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=20))]
    qr_rate: u8,
}

/// What was shown or written.
#[derive(Serialize)]
struct CodesView {
    /// `bbqr` or `ur`.
    carrying: &'static str,
    /// The frames, in the order in which they are shown.
    frames: Vec<String>,
    /// The files written.
    files: Vec<String>,
}

impl Codes {
    /// Whether codes are asked for.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.qr.is_some()
    }

    /// The way of cutting that is asked for, or that the device reads.
    pub(crate) fn carrying(&self) -> Result<Carrying, Error> {
        let said = self.qr.as_deref().and_then(Carrying::from_word);
        Ok(match (said, self.device()?) {
            (Some(carrying), _) => carrying,
            // Coldcard Q brought BBQr; what scans codes beside it reads UR.
            (None, Some("coldcard")) => Carrying::Bbqr,
            (None, _) => Carrying::Ur,
        })
    }

    /// The kind of wallet file that the device scans.
    pub(crate) fn wallet_format(&self) -> Result<Format, Error> {
        Ok(match (self.device()?, self.carrying()?) {
            (Some("keystone"), _) => Format::Keystone,
            (Some("passport" | "jade" | "krux"), _) => Format::Coldcard,
            (Some("seedsigner"), _) => Format::Ur,
            (_, Carrying::Bbqr) => Format::Bbqr,
            (_, Carrying::Ur) => Format::Ur,
        })
    }

    fn device(&self) -> Result<Option<&'static str>, Error> {
        let Some(name) = &self.device else {
            return Ok(None);
        };
        if let Some(device) = Device::named(name) {
            return Ok(Some(device.name));
        }
        let names = DEVICES.map(|device| device.name);
        let error = Error::input(
            "unknown_device",
            format!("`{}` is no device that is known here", escape(name)),
        );
        Err(match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("they are {}", names.join(", "))),
        })
    }

    fn chars(&self) -> usize {
        match self.qr_size.as_str() {
            "small" => 300,
            "large" => 1_200,
            _ => 600,
        }
    }

    /// Shows a payload, or writes it into `output`.
    pub(crate) fn deliver(
        &self,
        payload: &Payload,
        output: Option<&Path>,
        force: bool,
        context: &Context,
    ) -> Result<Answer, Error> {
        let carrying = self.carrying()?;
        let frames = cut(payload, carrying, self.chars())
            .map_err(|error| Error::refused("no_codes", error.to_string()))?;
        let mut view = CodesView {
            carrying: carrying.word(),
            frames,
            files: Vec::new(),
        };
        let pause = Duration::from_millis(1_000 / u64::from(self.qr_rate));
        if let Some(path) = output {
            let written = picture::write(path, &view.frames, pause, force)?;
            let lines = written
                .iter()
                .map(|path| format!("wrote {}\n", files::shown(path)));
            let text: String = lines.collect();
            view.files = written
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            return Answer::new(&view, text + &summary(&view));
        }
        if context.output.is_chatty() && terminal::shows_stdout() {
            show::play(&view.frames, pause, context.output)?;
            return Answer::new(&view, summary(&view));
        }
        let text = view.frames.join("\n");
        Answer::new(&view, text)
    }
}

fn summary(view: &CodesView) -> String {
    match view.frames.len() {
        1 => format!("one code ({})\n", view.carrying),
        count => format!(
            "{count} codes ({}), to be scanned until the device has all\n",
            view.carrying
        ),
    }
}

/// The refusal of a picture's ending.
fn bad_ending(path: &Path) -> Error {
    Error::input(
        "unknown_picture",
        format!(
            "{}: codes are written as .gif, .svg, .png or .txt",
            files::shown(path)
        ),
    )
}

/// `name.png` as `name-01.png` and so on.
fn numbered(path: &Path, number: usize, count: usize) -> PathBuf {
    let width = count.to_string().len();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{:0width$}.png", number + 1))
}
