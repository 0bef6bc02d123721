//! Specter Desktop's account map (cryptoadvance/specter-desktop: wallet/wallet.py), which Fully Noded and
//! SeedSigner read too. SeedSigner wants `label` to come first.

use super::multisig::Multisig;
use super::sniff::text;
use super::{Format, Found, WalletError};
use crate::text::excerpt;
use crate::vault::Vault;
use miniscript::descriptor::checksum;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct AccountMap<'a> {
    label: &'a str,
    blockheight: u32,
    descriptor: String,
    devices: Vec<Device<'a>>,
}

#[derive(Serialize)]
struct Device<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    label: &'a str,
}

pub(super) fn write(vault: &Vault, name: &str) -> Result<String, WalletError> {
    let multisig = Multisig::of(Format::Specter, vault)?;
    let map = AccountMap {
        label: name,
        blockheight: 0,
        descriptor: multisig.descriptor("/0/*")?,
        devices: multisig
            .keys
            .iter()
            .map(|(label, _)| Device {
                kind: "other",
                label,
            })
            .collect(),
    };
    let text =
        serde_json::to_string(&map).map_err(|error| Format::Specter.fault(excerpt(&error)))?;
    Ok(format!("{text}\n"))
}

pub(super) fn read(json: &Value) -> Result<Found, WalletError> {
    let descriptor = text(json, "descriptor")
        .or_else(|| text(json, "recv_descriptor"))
        .ok_or_else(|| Format::Specter.fault("`descriptor` isn't a text"))?;
    let devices = json.get("devices").and_then(Value::as_array);
    // Older files have names alone.
    let label = |device: &Value| {
        let label = text(device, "label").or_else(|| device.as_str());
        label.map(ToOwned::to_owned)
    };
    let cosigners = devices.and_then(|devices| devices.iter().map(label).collect());
    Ok(Found {
        format: Format::Specter,
        descriptor: both_branches(descriptor)?,
        name: text(json, "label")
            .or_else(|| text(json, "name"))
            .map(ToOwned::to_owned),
        cosigners,
    })
}

/// Specter writes the receive branch and means both.
fn both_branches(descriptor: &str) -> Result<String, WalletError> {
    let body = checksum::verify_checksum(descriptor.trim()).map_err(|_| {
        Format::Specter.fault("the checksum of its descriptor is wrong: it may be damaged")
    })?;
    if body.contains("/<") {
        return Ok(body.to_owned());
    }
    if body.contains("/*") && body.matches("/*").count() != body.matches("/0/*").count() {
        return Err(Format::Specter.fault("its keys don't all end in /0/*: export it again"));
    }
    Ok(body.replace("/0/*", "/<0;1>/*"))
}
