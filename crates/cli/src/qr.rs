//! QR codes in a terminal.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The address as a BIP-0021 URI in half blocks, light on dark as most terminals are. In capitals,
/// which BIP-0173 allows and which makes the code smaller.
pub(crate) fn address(address: &str) -> Option<String> {
    let is_bech32 = address.bytes().all(|byte| !byte.is_ascii_uppercase());
    let text = if is_bech32 {
        format!("bitcoin:{address}").to_ascii_uppercase()
    } else {
        format!("bitcoin:{address}")
    };
    let code = QrCode::new(text).ok()?;
    Some(
        code.render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build(),
    )
}
