//! What of an entry may count. A member's entry says what its author likes; here its contents are
//! held against our own vault and our own proposal, by the same code that judges files.
//!
//! The answer depends on the vault, the entry and the proposal it is about, on nothing else: every
//! home comes to the same one.

mod stand;

use super::body::{Body, SignatureText};
use crate::key::{KeyIdentity, SecretKind, find_secret};
use crate::label::{Label, LabelError};
use crate::proposal::{Proposal, ProposalId, SignatureSet};
use crate::psbt::{ForeignPsbt, RawSignature, admit_with, describe_coin, read, to_base64};
use crate::text::{check_line, check_name, escape};
use crate::vault::{DerivedKey, Vault};
use crate::workers::Workers;
use bitcoin::bip32::Xpub;
use bitcoin::{Psbt, ScriptBuf, Transaction, Witness, consensus};
use std::collections::BTreeSet;

/// The longest free text in an entry, in characters.
const MAX_WORDS: usize = 255;
/// Indexes of addresses are unhardened: below 2³¹.
const INDEXES: u32 = 1 << 31;

/// A signature of an entry that doesn't count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPart {
    /// Its place in the entry's list.
    pub place: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What becomes of an entry's contents. Whether its author may say it is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// All of it may count.
    Sound,
    /// All but these signatures may count.
    Partly(Vec<RefusedPart>),
    /// Nothing of it counts.
    Refused(String),
    /// It is about a proposal that isn't here yet.
    Waits(ProposalId),
}

/// A secret in an entry's free texts. Such an entry isn't even kept: it would be handed on.
#[must_use]
pub fn secret_in(body: &Body) -> Option<SecretKind> {
    let texts = body.texts();
    let record = match body {
        Body::KeyProven { record, .. } => record.as_deref(),
        _ => None,
    };
    let lines = match body {
        Body::LabelsSet { lines } => lines.as_slice(),
        _ => &[],
    };
    let in_labels = lines.iter().find_map(|line| match Label::read(line) {
        Err(LabelError::Secret(secret)) => Some(secret),
        _ => find_secret(line),
    });
    let mut texts = texts.iter().map(|(_, text)| *text).chain(record);
    in_labels.or_else(|| texts.find_map(find_secret))
}

/// Judges what an entry says. `proposal` is the one that [`Body::about`] names, if it is here.
#[must_use]
pub fn judge(
    vault: &Vault,
    body: &Body,
    proposal: Option<&Proposal>,
    workers: &dyn Workers,
) -> Judgement {
    if let Err(reason) = check_texts(body) {
        return Judgement::Refused(reason);
    }
    let ours = |id: ProposalId| proposal.filter(|ours| ours.id() == id);
    let judged = match body {
        Body::VaultAdded { .. } | Body::OwnerNamed { .. } | Body::VaultRetired { .. } => Ok(()),
        Body::VaultAttested {
            cosigner,
            receive,
            change,
            ..
        } => said_for(vault, cosigner).and_then(|()| stand::attested(vault, receive, change)),
        Body::KeyNoted { cosigner, facts } => {
            said_for(vault, cosigner).and_then(|()| match facts.has_sound_registration() {
                true => Ok(()),
                false => Err("its registration isn't 32 bytes in hex".to_owned()),
            })
        }
        Body::KeyProven {
            cosigner,
            record,
            signatures,
        } => said_for(vault, cosigner)
            .and_then(|()| stand::proven(vault, cosigner, record.as_deref(), signatures, workers)),
        Body::MemberAdded { cosigner, .. } => check_cosigner(vault, cosigner.as_deref()),
        Body::MemberRemoved { last, head, .. } => check_removal(*last, head.is_some()),
        Body::AddressRevealed { index, .. } if *index >= INDEXES => {
            Err(format!("there is no address with index {index}"))
        }
        Body::AddressRevealed { .. } => Ok(()),
        Body::LabelsSet { lines } => lines
            .iter()
            .try_for_each(|line| Label::read(line).map(|_| ()))
            .map_err(|error| format!("a label of it: {error}")),
        Body::ProposalOpened { proposal, psbt, .. } => opened(vault, *proposal, psbt),
        Body::ContributionAdded {
            proposal,
            signatures,
        } => {
            return match ours(*proposal) {
                Some(ours) => contribution(ours, signatures, workers),
                None => Judgement::Waits(*proposal),
            };
        }
        Body::ProposalReleased {
            proposal,
            transaction,
        } => match ours(*proposal) {
            Some(ours) => released(ours, transaction, workers),
            None => return Judgement::Waits(*proposal),
        },
        Body::WordGiven {
            proposal, cosigner, ..
        } => match ours(*proposal) {
            Some(_) => said_for(vault, cosigner),
            None => return Judgement::Waits(*proposal),
        },
        Body::ProposalSubmitted { proposal } | Body::ProposalClosed { proposal, .. } => {
            match ours(*proposal) {
                Some(_) => Ok(()),
                None => return Judgement::Waits(*proposal),
            }
        }
    };
    match judged {
        Ok(()) => Judgement::Sound,
        Err(reason) => Judgement::Refused(reason),
    }
}

fn check_texts(body: &Body) -> Result<(), String> {
    for (what, text) in body.texts() {
        check_line(what, text, MAX_WORDS).map_err(|error| error.to_string())?;
    }
    if let Body::MemberAdded { name, .. } = body {
        check_name("the member's name", name).map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Vault {
    /// The cosigner, by index, whose extended public key this is, whatever depth or parent its text
    /// says.
    #[must_use]
    pub fn cosigner_of(&self, key: &str) -> Option<usize> {
        self.cosigner_with(&key.parse().ok()?)
    }

    fn cosigner_with(&self, key: &Xpub) -> Option<usize> {
        let identity = KeyIdentity::from(key);
        let mut all = self.cosigners().iter();
        all.position(|cosigner| cosigner.key.identity() == identity)
    }
}

fn check_cosigner(vault: &Vault, cosigner: Option<&str>) -> Result<(), String> {
    match cosigner {
        Some(key) if vault.cosigner_of(key).is_none() => {
            Err("it enrols a member for a cosigner whom the vault doesn't have".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

fn said_for(vault: &Vault, cosigner: &Xpub) -> Result<(), String> {
    match vault.cosigner_with(cosigner) {
        Some(_) => Ok(()),
        None => Err("it speaks for a cosigner whom the vault doesn't have".to_owned()),
    }
}

fn check_removal(last: u64, has_head: bool) -> Result<(), String> {
    if i64::try_from(last).is_ok() && (last > 0) == has_head {
        Ok(())
    } else {
        Err("it doesn't say which entry is the last that counts".to_owned())
    }
}

/// A request must pass our own check of it, be written as we write it, and carry nothing that we
/// don't know: what it carries goes to the cosigners' devices.
fn opened(vault: &Vault, id: ProposalId, text: &str) -> Result<(), String> {
    let foreign = read(text.as_bytes()).map_err(|error| format!("its request: {error}"))?;
    if has_unknown_fields(&foreign.psbt) {
        return Err("its request has fields that aren't known here".to_owned());
    }
    // A taproot file may go without them. Here the amounts must follow from the id, or two homes
    // could verify the same signatures against different ones.
    let mut inputs = foreign.psbt.inputs.iter();
    if inputs.any(|input| input.non_witness_utxo.is_none()) {
        return Err("its request comes without the previous transactions".to_owned());
    }
    let checked = Proposal::check(vault, foreign.psbt)
        .map_err(|error| format!("its request isn't one of this vault: {error}"))?;
    if checked.id() != id {
        return Err("its request is another proposal than the one it names".to_owned());
    }
    if let Some(what) = said_otherwise(vault, &checked) {
        return Err(format!("its request {what}"));
    }
    if to_base64(checked.psbt()) != text {
        return Err(
            "its request isn't written as Quorate writes one without signatures".to_owned(),
        );
    }
    Ok(())
}

/// What a request leaves out or adds beside what a home writes about the vault's coins. Of several
/// openings any may be the one that stays: it decides which id the transaction is known by, and which
/// sighash types are taken. Fingerprints and paths may differ from home to home.
fn said_otherwise(vault: &Vault, checked: &Proposal) -> Option<&'static str> {
    let psbt = checked.psbt();
    if psbt
        .xpub
        .keys()
        .any(|key| vault.cosigner_with(key).is_none())
    {
        return Some("has a key of none of the vault's cosigners");
    }
    let mut inputs = psbt.inputs.iter().zip(checked.inputs());
    inputs.find_map(|(fields, coin)| {
        let ours = describe_coin(&coin.derived);
        let complete = fields.witness_script == ours.witness_script
            && fields.redeem_script == ours.redeem_script
            && fields.tap_internal_key == ours.tap_internal_key
            && fields.tap_merkle_root == ours.tap_merkle_root
            && fields.tap_scripts == ours.tap_scripts
            && fields
                .bip32_derivation
                .keys()
                .eq(ours.bip32_derivation.keys())
            && fields
                .tap_key_origins
                .keys()
                .eq(ours.tap_key_origins.keys());
        if !complete {
            Some("leaves out scripts or keys of its coins, or has others")
        } else if fields.sighash_type.is_some() {
            Some("asks for a sighash type")
        } else {
            None
        }
    })
}

fn has_unknown_fields(psbt: &Psbt) -> bool {
    let inputs = psbt.inputs.iter();
    let outputs = psbt.outputs.iter();
    !psbt.unknown.is_empty()
        || !psbt.proprietary.is_empty()
        || inputs
            .map(|input| (&input.unknown, &input.proprietary))
            .chain(outputs.map(|output| (&output.unknown, &output.proprietary)))
            .any(|(unknown, proprietary)| !unknown.is_empty() || !proprietary.is_empty())
}

/// Every signature is verified against our own proposal, by the code that admits PSBTs.
fn contribution(proposal: &Proposal, texts: &[SignatureText], workers: &dyn Workers) -> Judgement {
    let inputs = proposal.inputs();
    let most: usize = inputs.iter().map(|input| input.derived.keys.len()).sum();
    if texts.len() > most {
        let count = texts.len();
        return Judgement::Refused(format!(
            "it has {count} signatures, the proposal has places for {most}"
        ));
    }
    let mut refused = Vec::new();
    let mut raw = vec![Vec::new(); inputs.len()];
    let mut places = vec![Vec::new(); inputs.len()];
    for (place, text) in texts.iter().enumerate() {
        let input = usize::try_from(text.input).unwrap_or(usize::MAX);
        match (
            raw.get_mut(input),
            bytes(&text.public_key),
            bytes(&text.signature),
        ) {
            (Some(raw), Some(key), Some(value)) => {
                raw.push(as_in_a_file(&inputs[input].derived.keys, &key, &value));
                places[input].push((place, key, value));
            }
            _ => refused.push(RefusedPart {
                place,
                reason: format!(
                    "input {}: there is no such input, or it isn't hex",
                    text.input
                ),
            }),
        }
    }
    let foreign = ForeignPsbt {
        version: 0,
        psbt: proposal.psbt().clone(),
        signatures: raw,
    };
    let admission = match admit_with(proposal, &foreign, &SignatureSet::new(), workers) {
        Ok(admission) => admission,
        Err(error) => return Judgement::Refused(error.to_string()),
    };
    let mut taken: BTreeSet<(u32, Vec<u8>, Vec<u8>)> = admission
        .new
        .iter()
        .map(|one| {
            let key = one.signature.key_bytes(&one.slot.public_key);
            (one.slot.input, key, one.signature.to_vec())
        })
        .collect();
    // Refusals come in the order in which the signatures of an input were given.
    let mut reasons = admission.refused.into_iter().peekable();
    for (input, places) in (0u32..).zip(places) {
        for (place, key, value) in places {
            if taken.remove(&(input, key, value)) {
                continue;
            }
            let reason = reasons.next_if(|next| next.input == input).map_or_else(
                || "it is there twice, or belongs to no key of the input".to_owned(),
                |refused| refused.reason,
            );
            refused.push(RefusedPart {
                place,
                reason: format!("input {input}: {reason}"),
            });
        }
    }
    refused.sort_by_key(|part| part.place);
    if refused.is_empty() {
        Judgement::Sound
    } else {
        Judgement::Partly(refused)
    }
}

/// A signature of the journal as it would stand in a PSBT. A key of 32 bytes is a taproot key, whose
/// leaf follows from it.
fn as_in_a_file(keys: &[DerivedKey], key: &[u8], value: &[u8]) -> RawSignature {
    let value = value.to_vec();
    if key.len() != 32 {
        let key = key.to_vec();
        return RawSignature::Partial { key, value };
    }
    let mut keys = keys.iter();
    let known = keys.find(|known| known.public_key.inner.serialize()[1..] == *key);
    match known.map(|known| known.leaf) {
        Some(None) => RawSignature::TapKey { value },
        Some(Some(leaf)) => {
            let key = [key, leaf.as_ref()].concat();
            RawSignature::TapScript { key, value }
        }
        None => RawSignature::TapScript {
            key: key.to_vec(),
            value,
        },
    }
}

/// What a member says was let go must be our own transaction, with proofs that every node accepts:
/// we hand it to the network again.
fn released(proposal: &Proposal, text: &str, workers: &dyn Workers) -> Result<(), String> {
    let raw = bytes(text).ok_or("its transaction isn't hex")?;
    let transaction: Transaction = consensus::deserialize(&raw)
        .map_err(|error| format!("its transaction: {}", escape(&error.to_string())))?;
    let mut unsigned = transaction.clone();
    for input in &mut unsigned.input {
        input.witness = Witness::new();
        input.script_sig = ScriptBuf::new();
    }
    if unsigned != *proposal.transaction() {
        return Err("its transaction isn't the proposal's".to_owned());
    }
    crate::consensus::verify_transaction_with(&transaction, &proposal.prevouts(), workers)
        .map_err(|error| format!("its transaction would be refused by every node: {error}"))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    hex::FromHex::from_hex(text).ok()
}
