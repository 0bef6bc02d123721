//! A QR code as dark and light modules, and in a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, EcLevel, QrCode};
use quorate_coordinator::Error;

/// Light modules around a code, as its standard asks for.
pub(super) const QUIET: usize = 4;

/// A code's modules, without the quiet zone.
pub(super) struct Modules {
    pub(super) width: usize,
    dark: Vec<bool>,
}

impl Modules {
    pub(super) fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.width + x]
    }
}

fn code(text: &str) -> Result<QrCode, Error> {
    // Level L holds most; screens don't get dirty.
    QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Error::refused("no_codes", format!("a frame makes no QR code: {error}")))
}

pub(super) fn modules(text: &str) -> Result<Modules, Error> {
    let code = code(text)?;
    Ok(Modules {
        width: code.width(),
        dark: code
            .to_colors()
            .into_iter()
            .map(|color| color == Color::Dark)
            .collect(),
    })
}

/// In half blocks, light on dark as most terminals are.
pub(super) fn in_terminal(text: &str) -> Result<String, Error> {
    Ok(render(&code(text)?))
}

fn render(code: &QrCode) -> String {
    code.render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build()
}

/// The address as a BIP-0021 URI. In capitals, which BIP-0173 allows and which makes the code smaller.
pub(crate) fn address(address: &str) -> Option<String> {
    let is_bech32 = address.bytes().all(|byte| !byte.is_ascii_uppercase());
    let text = if is_bech32 {
        format!("bitcoin:{address}").to_ascii_uppercase()
    } else {
        format!("bitcoin:{address}")
    };
    Some(render(&QrCode::new(text).ok()?))
}
