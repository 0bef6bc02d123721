//! One case: some signatures, spread over some files, in some order.

use super::super::psbt_parsers::Random;
use super::world::{Signed, World};
use bitcoin::Psbt;
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use bitcoin::hex::DisplayHex;
use quorate_core::psbt::serialize_v2;
use quorate_core::vault::DerivedKey;
use std::collections::BTreeMap;

/// Where a signature stands in a PSBT: the input and the field's key, in hex as Core shows it.
pub(super) type Field = (usize, String);
/// Signatures in hex by field.
pub(super) type Fields = BTreeMap<Field, String>;

/// One signature of one cosigner.
#[derive(Debug, Clone, Copy)]
struct Pick {
    input: usize,
    cosigner: usize,
}

#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) world: &'a World,
    pub(super) signed: &'a Signed,
    pub(super) version: u8,
    /// The files as base64, in the order in which they come in.
    pub(super) files: Vec<String>,
    /// All signatures in them.
    pub(super) fields: Fields,
    /// How many cosigners signed each input.
    pub(super) signers: Vec<usize>,
}

impl<'a> Sample<'a> {
    pub(super) fn draw(worlds: &'a [World], random: &mut Random) -> Self {
        let world = &worlds[random.below(worlds.len())];
        let signed = &world.proposals[random.below(world.proposals.len())];
        let picks = subset(world, signed, random);
        let version = [0, 2][random.below(2)];
        let mut files = vec![signed.proposal.psbt().clone(); 1 + random.below(4)];
        let mut whole = signed.proposal.psbt().clone();
        let mut signers = vec![0; whole.inputs.len()];
        for pick in &picks {
            signers[pick.input] += 1;
            put(&mut whole, signed, *pick);
            // In one file at least; in several now and then.
            let home = random.below(files.len());
            for (number, file) in files.iter_mut().enumerate() {
                if number == home || random.below(5) == 0 {
                    put(file, signed, *pick);
                }
            }
        }
        shuffle(&mut files, random);
        let write = |psbt: &Psbt| {
            STANDARD.encode(match version {
                0 => psbt.serialize(),
                _ => serialize_v2(psbt).unwrap(),
            })
        };
        Self {
            world,
            signed,
            version,
            files: files.iter().map(write).collect(),
            fields: fields(&whole),
            signers,
        }
    }
}

/// Which signatures there are: often near the threshold, where it matters.
fn subset(world: &World, signed: &Signed, random: &mut Random) -> Vec<Pick> {
    let inputs = 0..signed.proposal.inputs().len();
    let mut picks = Vec::new();
    let manner = random.below(4);
    let everywhere = some(random.below(world.n + 1), world.n, random);
    for input in inputs {
        let cosigners = match manner {
            // The same people on every input.
            0 => everywhere.clone(),
            // Just enough on each.
            1 => some(world.k, world.n, random),
            _ => some(random.below(world.n + 1), world.n, random),
        };
        picks.extend(
            cosigners
                .into_iter()
                .map(|cosigner| Pick { input, cosigner }),
        );
    }
    // And one is lost.
    if manner < 2 && !picks.is_empty() && random.below(2) == 0 {
        picks.remove(random.below(picks.len()));
    }
    picks
}

/// So many of so many, at random.
fn some(count: usize, of: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..of).collect();
    shuffle(&mut all, random);
    all.truncate(count);
    all
}

pub(super) fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for at in (1..list.len()).rev() {
        list.swap(at, random.below(at + 1));
    }
}

/// Puts one cosigner's signatures of one input into a file.
fn put(psbt: &mut Psbt, signed: &Signed, pick: Pick) {
    let from = &signed.by[pick.cosigner].inputs[pick.input];
    let to = &mut psbt.inputs[pick.input];
    to.partial_sigs.extend(from.partial_sigs.clone());
    to.tap_script_sigs.extend(from.tap_script_sigs.clone());
    if from.tap_key_sig.is_some() {
        to.tap_key_sig = from.tap_key_sig;
    }
}

/// The signatures of a PSBT.
fn fields(psbt: &Psbt) -> Fields {
    let mut fields = Fields::new();
    for (number, input) in psbt.inputs.iter().enumerate() {
        for (key, signature) in &input.partial_sigs {
            fields.insert((number, key.to_string()), signature.to_string());
        }
        for ((key, leaf), signature) in &input.tap_script_sigs {
            fields.insert((number, format!("{key} {leaf}")), hex(&signature.to_vec()));
        }
        if let Some(signature) = input.tap_key_sig {
            fields.insert((number, String::new()), hex(&signature.to_vec()));
        }
    }
    fields
}

/// The field of a key's signature, as [`fields`] names it.
pub(super) fn field(input: usize, key: &DerivedKey, taproot: bool) -> Field {
    let x_only = key.public_key.inner.x_only_public_key().0;
    let name = match key.leaf {
        Some(leaf) => format!("{x_only} {leaf}"),
        None if taproot => String::new(),
        None => key.public_key.to_string(),
    };
    (input, name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.to_lower_hex_string()
}
