//! Verifying a document with nothing but itself.

use super::derive::draw;
use super::{Evidence, FORMAT, Foundation};
use crate::consensus::verify_transaction_with;
use crate::journal::{Body, ChainFault, Entry, check_chain};
use crate::proposal::Proposal;
use crate::psbt::is_signed_form;
use crate::text::{escape, excerpt};
use crate::vault::Vault;
use crate::workers::Workers;
use bitcoin::{Transaction, consensus};
use serde_json::Value;

/// The largest document read: entries of 3 MiB, and what is made of them.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why a text isn't a document at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Larger than any.
    #[error("it has {0} bytes, the limit is {MAX_BYTES}")]
    TooLarge(usize),
    /// Not of this form.
    #[error("it isn't evidence that `quorate proposal evidence` wrote: {0}")]
    Malformed(String),
    /// Written by a newer Quorate.
    #[error("it has format {0}, this Quorate reads format {FORMAT}: update Quorate")]
    Newer(u32),
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The document.
    pub evidence: Evidence,
    /// What was checked and holds.
    pub proven: Vec<String>,
    /// What is wrong. Empty when all of it holds.
    pub faults: Vec<String>,
    /// What can't be told from the document alone.
    pub unproven: Vec<String>,
}

#[derive(serde::Deserialize)]
struct FormatOnly {
    quorate_evidence: u32,
}

/// Checks everything in a document that can be checked without a home and without a chain source.
pub fn verify(text: &str, workers: &dyn Workers) -> Result<Verdict, EvidenceError> {
    if text.len() > MAX_BYTES {
        return Err(EvidenceError::TooLarge(text.len()));
    }
    let malformed = |error: serde_json::Error| EvidenceError::Malformed(excerpt(&error));
    let format: FormatOnly = serde_json::from_str(text).map_err(malformed)?;
    if format.quorate_evidence > FORMAT {
        return Err(EvidenceError::Newer(format.quorate_evidence));
    }
    let evidence: Evidence = serde_json::from_str(text).map_err(malformed)?;
    let mut found = Findings::default();
    found.check(
        evidence.is_sealed(),
        || format!("the document is as member {} sealed it", evidence.sealed_by),
        || {
            "the seal doesn't fit: something in the document was changed after it was made"
                .to_owned()
        },
    );
    if let Some((vault, proposal)) = found.request(&evidence) {
        let entries = found.entries(&evidence, &vault);
        let last = found.transaction(&evidence, &proposal, workers);
        let foundation = Foundation {
            claims: evidence.claims.clone(),
            vault: &vault,
            proposal: &proposal,
            entries,
            final_transaction: last,
        };
        let drawn = draw(&foundation, evidence.sealed_by, workers);
        found.compare(&evidence, &drawn);
        found.limits(&evidence, &proposal);
    }
    Ok(Verdict {
        evidence,
        proven: found.proven,
        faults: found.faults,
        unproven: found.unproven,
    })
}

#[derive(Default)]
struct Findings {
    proven: Vec<String>,
    faults: Vec<String>,
    unproven: Vec<String>,
}

impl Findings {
    fn check(
        &mut self,
        holds: bool,
        proven: impl FnOnce() -> String,
        fault: impl FnOnce() -> String,
    ) {
        if holds {
            self.proven.push(proven());
        } else {
            self.faults.push(fault());
        }
    }

    /// The vault and the proposal, out of descriptor and request alone.
    fn request(&mut self, evidence: &Evidence) -> Option<(Vault, Proposal)> {
        let names: Vec<String> = evidence
            .vault
            .cosigners
            .iter()
            .map(|cosigner| cosigner.name.clone())
            .collect();
        let part = &evidence.vault;
        let vault = match Vault::from_descriptor(part.network, &part.descriptor, Some(&names)) {
            Ok(vault) => vault,
            Err(error) => {
                self.faults
                    .push(format!("the descriptor can't be used: {error}"));
                return None;
            }
        };
        let read = crate::psbt::read(evidence.proposal.request.as_bytes());
        let checked = read.map_err(|error| error.to_string()).and_then(|foreign| {
            Proposal::check(&vault, foreign.psbt).map_err(|error| error.to_string())
        });
        match checked {
            Ok(proposal) => {
                self.proven.push(format!(
                    "proposal {} is a spend of vault {}; its words are {}",
                    proposal.id(),
                    vault.id(),
                    crate::spend::words(&proposal).join(" ")
                ));
                Some((vault, proposal))
            }
            Err(error) => {
                self.faults
                    .push(format!("the request isn't one of this vault: {error}"));
                None
            }
        }
    }

    /// The entries whose text, id and signature hold.
    fn entries(&mut self, evidence: &Evidence, vault: &Vault) -> Vec<Entry> {
        let mut sound = Vec::new();
        for (number, part) in (1..).zip(&evidence.entries) {
            let signature: Option<Vec<u8>> = hex::FromHex::from_hex(&part.signature).ok();
            let checked = Entry::check(&part.text, &signature.unwrap_or_default());
            match checked {
                Ok(entry) if entry.content().vault == vault.id() => sound.push(entry),
                Ok(_) => self
                    .faults
                    .push(format!("entry {number} is of another vault")),
                Err(error) => self.faults.push(format!("entry {number}: {error}")),
            }
        }
        if sound.len() == evidence.entries.len() {
            self.proven.push(format!(
                "{} journal entries carry their authors' signatures",
                sound.len()
            ));
        }
        for fault in check_chain(&sound) {
            match fault {
                // Entries about other matters aren't in it.
                ChainFault::Missing { .. } => {}
                ChainFault::Equivocation { .. } | ChainFault::BrokenLink { .. } => {
                    self.faults.push(fault.to_string());
                }
            }
        }
        sound
    }

    /// The final transaction, if it is the proposal's and every node would take it.
    fn transaction(
        &mut self,
        evidence: &Evidence,
        proposal: &Proposal,
        workers: &dyn Workers,
    ) -> Option<Transaction> {
        let text = evidence.final_transaction.as_ref()?;
        let bytes: Option<Vec<u8>> = hex::FromHex::from_hex(text).ok();
        let read = bytes.and_then(|bytes| consensus::deserialize::<Transaction>(&bytes).ok());
        let Some(transaction) = read else {
            self.faults
                .push("the final transaction can't be read".to_owned());
            return None;
        };
        let holds = is_signed_form(&transaction, proposal.transaction());
        self.check(
            holds,
            || {
                format!(
                    "the final transaction {} is the proposal's",
                    transaction.compute_txid()
                )
            },
            || "the final transaction isn't the proposal's".to_owned(),
        );
        if holds {
            let result = verify_transaction_with(&transaction, &proposal.prevouts(), workers);
            match result {
                Ok(()) => self
                    .proven
                    .push("its scripts and signatures satisfy the coins it spends".to_owned()),
                Err(error) => self.faults.push(format!(
                    "the final transaction would be refused by every node: {error}"
                )),
            }
        }
        Some(transaction)
    }

    /// What follows from the foundation, against what the document says.
    fn compare(&mut self, evidence: &Evidence, drawn: &Evidence) {
        let mut said = evidence.clone();
        said.seal.clear();
        let values = serde_json::to_value(&said)
            .ok()
            .zip(serde_json::to_value(drawn).ok());
        let mut differences = Vec::new();
        match &values {
            Some((said, drawn)) => differ("", said, drawn, &mut differences),
            None => differences.push("the whole".to_owned()),
        }
        if differences.is_empty() {
            self.proven.push(format!(
                "{} cosigners' signatures verify against the sighash of their input",
                drawn.signatures.len()
            ));
            self.proven.push(
                "everything else in it follows from the descriptor, the request and the entries"
                    .to_owned(),
            );
        }
        for place in differences.iter().take(20) {
            self.faults.push(format!(
                "`{}` isn't what follows from the descriptor, the request and the entries",
                escape(place)
            ));
        }
    }

    fn limits(&mut self, evidence: &Evidence, proposal: &Proposal) {
        let claims = &evidence.claims;
        let mut opened = evidence.entries.iter().filter_map(|part| {
            let signature: Vec<u8> = hex::FromHex::from_hex(&part.signature).ok()?;
            Entry::check(&part.text, &signature).ok()
        });
        let is_opened = opened.any(|entry| {
            matches!(&entry.content().body, Body::ProposalOpened { proposal: id, .. } if *id == proposal.id())
        });
        self.check(
            is_opened,
            || "an entry opens this very proposal".to_owned(),
            || "no entry in it opens this proposal".to_owned(),
        );
        if let (Some(claimed), Some(txid)) = (&claims.txid, proposal.final_txid())
            && *claimed != txid.to_string()
        {
            self.faults
                .push("the transaction it names isn't the proposal's".to_owned());
        }
        if let (Some(block), Some(height)) = (&claims.block, claims.height) {
            let txid = claims.txid.as_deref().unwrap_or("the transaction");
            self.unproven.push(format!(
                "that {} is in block {} at height {height}: ask a node you trust",
                escape(txid),
                escape(block)
            ));
        }
        self.unproven.push(format!(
            "the status `{}`, which the sealing home told at {} by its clock",
            escape(&claims.status),
            claims.made_at
        ));
        self.unproven.push(match claims.owner {
            Some(owner) => {
                format!("that {owner} is the vault's owner, who says whose entries count")
            }
            None => "who the vault's owner is".to_owned(),
        });
        self.unproven.push("which person a member's or a cosigner's key belongs to: names are words of those who wrote them".to_owned());
        self.unproven
            .push("when things happened: times are of their authors' clocks".to_owned());
        self.unproven.push("that nothing was left out: entries and signatures which the sealing home didn't have, or held back, aren't in it".to_owned());
    }
}

/// The places where two documents differ.
fn differ(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for key in one
                .keys()
                .chain(other.keys().filter(|key| !one.contains_key(*key)))
            {
                let null = Value::Null;
                let values = (
                    one.get(key).unwrap_or(&null),
                    other.get(key).unwrap_or(&null),
                );
                differ(&below(key), values.0, values.1, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{path}[{place}]"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => found.push(path.to_owned()),
    }
}
