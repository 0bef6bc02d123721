//! What follows from the foundation of a document. Whoever writes one and whoever verifies one comes
//! here, so a derived part that says otherwise is found by comparing.

use super::{
    CosignerPart, EntryPart, Evidence, FORMAT, Foundation, MemberPart, PaidPart, ProposalPart,
    SignaturePart, SpentPart, Statement, VaultPart,
};
use crate::journal::{Body, Entry, Judgement, MemberId, Word, judge, write_line};
use crate::key::KeyIdentity;
use crate::proposal::{Proposal, Sighashes, Signature, SignatureSet, SignedInputs, Slot};
use crate::psbt::to_base64;
use crate::spend::words;
use crate::vault::Vault;
use crate::workers::Workers;
use bitcoin::{Address, consensus};
use hex::DisplayHex;
use std::collections::{BTreeMap, BTreeSet};

/// The document without its seal.
pub(super) fn draw(foundation: &Foundation<'_>, home: MemberId, workers: &dyn Workers) -> Evidence {
    let (vault, proposal) = (foundation.vault, foundation.proposal);
    let mut entries: Vec<&Entry> = foundation.entries.iter().collect();
    entries.sort_by_key(|entry| {
        let content = entry.content();
        (content.at, content.author, content.seq, entry.id())
    });
    entries.dedup_by_key(|entry| entry.id());
    let roles = Roles::of(&entries, foundation.claims.owner, home, vault);
    let mut drawn = Evidence {
        quorate_evidence: FORMAT,
        claims: foundation.claims.clone(),
        vault: vault_part(vault),
        proposal: proposal_part(vault, proposal),
        members: roles.parts(&entries),
        statements: Vec::new(),
        signatures: Vec::new(),
        complete: false,
        final_transaction: foundation
            .final_transaction
            .as_ref()
            .map(consensus::encode::serialize_hex),
        entries: entries.iter().map(|entry| entry_part(entry)).collect(),
        sealed_by: home,
        seal: String::new(),
    };
    let mut set = SignatureSet::new();
    let mut sighashes = Sighashes::new(proposal);
    for entry in &entries {
        let content = entry.content();
        let judgement = judge(vault, &content.body, Some(proposal), workers);
        let refused = match (&judgement, roles.counts(content.author, content.seq)) {
            (_, Err(reason)) => Some(reason.to_owned()),
            (Judgement::Refused(reason), _) => Some(reason.clone()),
            (Judgement::Waits(_), _) => Some("it is about another proposal".to_owned()),
            (Judgement::Sound | Judgement::Partly(_), Ok(())) => {
                roles.speaks(&content.body, content.author).err()
            }
        };
        if let (None, Body::ContributionAdded { signatures, .. }) = (&refused, &content.body) {
            let parts = match &judgement {
                Judgement::Partly(parts) => parts.iter().map(|part| part.place).collect(),
                _ => BTreeSet::new(),
            };
            let sound = signatures.iter().enumerate();
            for (_, text) in sound.filter(|(place, _)| !parts.contains(place)) {
                let found = signature(vault, proposal, &mut sighashes, entry, text);
                if let Some((slot, signature, part)) = found
                    && let std::collections::btree_map::Entry::Vacant(place) = set.entry(slot)
                {
                    place.insert(signature);
                    drawn.signatures.push(part);
                }
            }
        }
        drawn.statements.push(Statement {
            entry: entry.id().to_string(),
            author: content.author,
            at: content.at,
            what: said(vault, &content.body),
            refused,
        });
    }
    drawn.complete = SignedInputs::of(proposal, &set).is_complete();
    drawn
}

fn vault_part(vault: &Vault) -> VaultPart {
    VaultPart {
        id: vault.id().to_string(),
        network: vault.network(),
        descriptor: vault.descriptor().to_owned(),
        policy: vault.explain(),
        cosigners: vault
            .cosigners()
            .iter()
            .map(|cosigner| CosignerPart {
                name: cosigner.name.clone(),
                key: cosigner.key.to_string(),
            })
            .collect(),
    }
}

fn proposal_part(vault: &Vault, proposal: &Proposal) -> ProposalPart {
    let transaction = proposal.transaction();
    ProposalPart {
        id: proposal.id().to_string(),
        words: words(proposal).join(" "),
        request: to_base64(proposal.psbt()),
        unsigned_transaction: consensus::encode::serialize_hex(transaction),
        unsigned_txid: transaction.compute_txid().to_string(),
        txid: proposal.final_txid().map(|txid| txid.to_string()),
        inputs: proposal
            .inputs()
            .iter()
            .map(|input| SpentPart {
                outpoint: input.outpoint.to_string(),
                value_sat: input.prevout.value.to_sat(),
                address: input.derived.address(vault.network()).to_string(),
            })
            .collect(),
        outputs: proposal
            .outputs()
            .iter()
            .map(|output| {
                let script = &output.txout.script_pubkey;
                let address = Address::from_script(script, vault.network()).ok();
                PaidPart {
                    address: address.map(|address| address.to_string()),
                    script: script.to_hex_string(),
                    value_sat: output.txout.value.to_sat(),
                    ours: output.ours.is_some(),
                }
            })
            .collect(),
        fee_sat: proposal.fee().to_sat(),
    }
}

fn entry_part(entry: &Entry) -> EntryPart {
    let line = write_line(entry);
    let signature = line.split(' ').next().unwrap_or_default();
    EntryPart {
        id: entry.id().to_string(),
        text: entry.text().to_owned(),
        signature: signature.to_owned(),
    }
}

fn signature(
    vault: &Vault,
    proposal: &Proposal,
    sighashes: &mut Sighashes<'_>,
    entry: &Entry,
    text: &crate::journal::SignatureText,
) -> Option<(Slot, Signature, SignaturePart)> {
    let key: Vec<u8> = hex::FromHex::from_hex(&text.public_key).ok()?;
    let value: Vec<u8> = hex::FromHex::from_hex(&text.signature).ok()?;
    let (public_key, signature) = Signature::read(&key, &value)?;
    let input = usize::try_from(text.input).ok()?;
    let mut keys = proposal.inputs().get(input)?.derived.keys.iter();
    let known = keys.find(|known| known.public_key == public_key)?;
    let message = match &signature {
        Signature::Ecdsa(_) => sighashes.ecdsa(input),
        Signature::Schnorr(one) => sighashes.schnorr(input, known.leaf, one.sighash_type),
    }?;
    let content = entry.content();
    let part = SignaturePart {
        input: text.input,
        cosigner: vault.cosigners().get(known.cosigner)?.name.clone(),
        public_key: key.to_lower_hex_string(),
        signature: value.to_lower_hex_string(),
        sighash: message.as_ref().to_lower_hex_string(),
        entry: entry.id().to_string(),
        author: content.author,
        at: content.at,
    };
    let slot = Slot {
        input: text.input,
        public_key,
    };
    Some((slot, signature, part))
}

/// Who takes part: as the owner's entries say, whom the home takes for the owner being its claim.
struct Roles {
    owner: Option<MemberId>,
    home: MemberId,
    /// The newest word of the owner about each member: its number, the name, the cosigner, and up to
    /// which number its entries count.
    members: BTreeMap<MemberId, Role>,
    cosigners: BTreeMap<MemberId, KeyIdentity>,
}

#[derive(Debug, Default, Clone)]
struct Role {
    seq: u64,
    name: Option<String>,
    cosigner: Option<String>,
    last: Option<u64>,
}

impl Roles {
    fn of(entries: &[&Entry], owner: Option<MemberId>, home: MemberId, vault: &Vault) -> Self {
        let mut members: BTreeMap<MemberId, Role> = BTreeMap::new();
        let mut cosigners = BTreeMap::new();
        let by_owner = |entry: &&&Entry| Some(entry.content().author) == owner;
        let mut said: Vec<&&Entry> = entries.iter().filter(by_owner).collect();
        said.sort_by_key(|entry| entry.content().seq);
        for entry in said {
            let seq = entry.content().seq;
            match &entry.content().body {
                Body::MemberAdded {
                    member,
                    name,
                    cosigner,
                } => {
                    let number = cosigner.as_deref().and_then(|key| vault.cosigner_of(key));
                    let called = number.and_then(|number| vault.cosigners().get(number));
                    match called {
                        Some(called) => cosigners.insert(*member, called.key.identity()),
                        None => cosigners.remove(member),
                    };
                    let role = Role {
                        seq,
                        name: Some(name.clone()),
                        cosigner: called.map(|cosigner| cosigner.name.clone()),
                        last: None,
                    };
                    members.insert(*member, role);
                }
                Body::MemberRemoved { member, last, .. } => {
                    let role = members.entry(*member).or_default();
                    (role.seq, role.last) = (seq, Some(*last));
                }
                _ => {}
            }
        }
        Self {
            owner,
            home,
            members,
            cosigners,
        }
    }

    fn parts(&self, entries: &[&Entry]) -> Vec<MemberPart> {
        let authors = entries.iter().map(|entry| entry.content().author);
        let mut all: BTreeSet<MemberId> = authors.collect();
        all.extend(self.members.keys().chain(&self.owner).chain([&self.home]));
        let parts = all.into_iter().map(|member| {
            let role = self.members.get(&member).cloned().unwrap_or_default();
            let standing = match self.members.get(&member) {
                _ if Some(member) == self.owner => "owner",
                Some(role) if role.last.is_some() => "removed",
                Some(_) => "enrolled",
                None if member == self.home => "this home",
                None => "unknown",
            };
            MemberPart {
                member,
                name: role.name,
                cosigner: role.cosigner,
                standing: standing.to_owned(),
            }
        });
        parts.collect()
    }

    fn counts(&self, author: MemberId, seq: u64) -> Result<(), &'static str> {
        if Some(author) == self.owner || author == self.home {
            return Ok(());
        }
        match self.members.get(&author) {
            None => Err("nobody enrolled its author"),
            Some(role) if role.last.is_some_and(|last| seq > last) => {
                Err("its author was removed before")
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether the author may say this for the cosigner it names.
    fn speaks(&self, body: &Body, author: MemberId) -> Result<(), String> {
        let Body::WordGiven { cosigner, .. } = body else {
            return Ok(());
        };
        if Some(author) == self.owner || !self.members.contains_key(&author) {
            return Ok(());
        }
        match self.cosigners.get(&author) {
            Some(own) if *own == KeyIdentity::from(cosigner) => Ok(()),
            _ => Err("its author may not speak for this cosigner".to_owned()),
        }
    }
}

fn said(vault: &Vault, body: &Body) -> String {
    let name = |key: &bitcoin::bip32::Xpub| {
        let number = vault.cosigner_of(&key.to_string());
        let cosigner = number.and_then(|number| vault.cosigners().get(number));
        cosigner.map_or_else(|| key.to_string(), |cosigner| cosigner.name.clone())
    };
    let note = |note: &Option<String>| match note {
        Some(note) => format!(": {note}"),
        None => String::new(),
    };
    match body {
        Body::VaultAdded { .. } => "took the vault in".to_owned(),
        Body::OwnerNamed { owner } => format!("takes {owner} for the owner"),
        Body::MemberAdded { name, member, .. } => format!("enrolled {member} as {name}"),
        Body::MemberRemoved { member, last, .. } => {
            format!("removed {member}, whose entries count up to number {last}")
        }
        Body::ProposalOpened { draft, memo, .. } => {
            let what = if *draft { "drew up" } else { "proposed" };
            format!("{what} the spend{}", note(memo))
        }
        Body::ProposalSubmitted { .. } => "opened the draft for signing".to_owned(),
        Body::WordGiven {
            cosigner,
            word,
            note: words,
            ..
        } => {
            let word = match word {
                Word::Approved => "approves",
                Word::Rejected => "rejects",
            };
            format!("{} {word}{}", name(cosigner), note(words))
        }
        Body::ContributionAdded { signatures, .. } => {
            format!("admitted {} signatures", signatures.len())
        }
        Body::ProposalReleased { .. } => "let the transaction go".to_owned(),
        Body::ProposalClosed {
            reason,
            note: words,
            ..
        } => {
            let reason = serde_json::to_value(reason).ok();
            let reason = reason.and_then(|reason| reason.as_str().map(str::to_owned));
            format!("closed it, {}{}", reason.unwrap_or_default(), note(words))
        }
        other => format!("said {}", other.kind()),
    }
}
