//! `quorate vault check`: which devices will refuse what, before money goes in.

use crate::context::Context;
use crate::output::Answer;
use crate::table::table;
use quorate_coordinator::view::StandingView;
use quorate_coordinator::{Error, nearest};
use quorate_core::text::escape;
use quorate_core::wallet::{DEVICES, Device};
use serde::Serialize;

#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// The vault's name
    vault: String,
    /// The device or program, or `all`; all that are known otherwise
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

#[derive(Serialize)]
struct CheckView {
    /// The vault's name.
    vault: String,
    /// The devices, by name.
    devices: Vec<DeviceView>,
}

#[derive(Serialize)]
struct DeviceView {
    /// What it is called here.
    device: &'static str,
    /// Whether nothing is known that it refuses.
    takes: bool,
    /// Why it refuses the vault.
    refusals: Vec<String>,
    /// What to know about it.
    notes: Vec<String>,
    /// Where that is documented, or can be read in its code.
    source: &'static str,
    /// The vault's cosigners who are known to have one.
    cosigners: Vec<String>,
}

pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let vault = coordinator.vault_facts(&args.vault)?;
    let shown = coordinator.vault(&args.vault)?;
    let (name, standing) = (shown.name, shown.standing);
    let asked: Vec<&Device> = match &args.device {
        None => DEVICES.iter().collect(),
        Some(device) if device == "all" => DEVICES.iter().collect(),
        Some(device) => vec![Device::named(device).ok_or_else(|| unknown(device))?],
    };
    let devices = asked.into_iter().map(|device| {
        let advice = device.advice(&vault, &name);
        let texts = |refuses| {
            let chosen = advice.iter().filter(move |one| one.refuses == refuses);
            chosen.map(|one| one.text.clone()).collect::<Vec<_>>()
        };
        let (refusals, notes) = (texts(true), texts(false));
        DeviceView {
            device: device.name,
            takes: refusals.is_empty(),
            refusals,
            notes,
            source: device.source,
            cosigners: owners(device.name, &standing),
        }
    });
    let view = CheckView {
        devices: devices.collect(),
        vault: name,
    };
    let rows = view.devices.iter().map(|one| {
        let verdict = if one.takes { "takes it" } else { "refuses" };
        let all = one.refusals.iter().chain(&one.notes);
        let why = all.map(String::as_str).collect::<Vec<_>>().join("; ");
        [
            one.device.to_owned(),
            verdict.to_owned(),
            escape(&one.cosigners.join(", ")),
            why,
        ]
    });
    let text = table(["device", "verdict", "here", "why, and what to know"], rows)
        + "by what their makers document: try a small amount first\n";
    // Of all that are known some always refuse; those that cosigners have are what matters.
    let one = args.device.as_deref().is_some_and(|device| device != "all");
    let concerned = |device: &&DeviceView| one || !device.cosigners.is_empty();
    let refused = view
        .devices
        .iter()
        .filter(concerned)
        .find(|device| !device.takes);
    let refused = refused.map(|device| {
        let device = device.device;
        Error::refused(
            "device_refuses",
            format!("{device} refuses the vault `{}`", view.vault),
        )
        .hint("create the vault differently, or let that cosigner use another device")
    });
    Ok(Answer::new(&view, text)?.but(refused))
}

/// Cosigners whose keys are known to come from such a device (`quorate vault key note`).
fn owners(device: &str, standing: &[StandingView]) -> Vec<String> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_ascii_alphanumeric());
        letters.collect::<String>().to_ascii_lowercase()
    };
    let device = plain(device);
    let has = |one: &&StandingView| {
        let said = [&one.provenance.vendor, &one.provenance.model];
        let mut said = said.into_iter().flatten();
        said.any(|text| plain(text).contains(&device))
    };
    standing
        .iter()
        .filter(has)
        .map(|one| one.name.clone())
        .collect()
}

fn unknown(device: &str) -> Error {
    let names = DEVICES.iter().map(|device| device.name);
    let error = Error::input(
        "unknown_device",
        format!("no device is known here as `{}`", escape(device)),
    );
    match nearest(device, names.clone()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "known are {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    }
}
