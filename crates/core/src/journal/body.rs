//! What an entry says. Every kind ever released stays readable; a new field needs a new version.

use super::entry::{EntryId, MemberId};
use crate::keychain::Keychain;
use crate::ledger::Birth;
use crate::proposal::ProposalId;
use bitcoin::Network;
use bitcoin::bip32::Xpub;
use serde::{Deserialize, Serialize};

/// One verified signature as the journal keeps it: hex as it stands in a witness.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureText {
    /// Index of the input in the unsigned transaction.
    pub input: u32,
    /// The public key in the input's script, hex: 33 bytes, or 32 in taproot (since version 2).
    pub public_key: String,
    /// The signature with its sighash byte, hex.
    pub signature: String,
}

/// Why a proposal was closed before it reached the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Somebody gave it up. A signed copy may still exist.
    Abandoned,
    /// Its time ran out.
    Expired,
    /// So many said no that no spending path is left.
    Rejected,
    /// Another proposal took its place (since version 2).
    Superseded,
}

/// What a cosigner says about a proposal without signing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It may go ahead.
    Approved,
    /// It may not.
    Rejected,
}

impl Word {
    /// As it stands in JSON and in tables.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The word that [`Self::text`] writes so.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut all = [Self::Approved, Self::Rejected].into_iter();
        all.find(|word| word.text() == text)
    }
}

/// Where a key comes from. A person's words and a file's; nothing depends on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFacts {
    /// Who made the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Which device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The version of its firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// How the key came: `paste`, or the kind of file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// When it came, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_at: Option<u64>,
    /// In a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the device answered when it registered the vault, hex: a Ledger's HMAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
}

impl KeyFacts {
    /// These, and of the others what these don't say.
    #[must_use]
    pub fn over(self, others: Self) -> Self {
        Self {
            vendor: self.vendor.or(others.vendor),
            model: self.model.or(others.model),
            firmware: self.firmware.or(others.firmware),
            carrier: self.carrier.or(others.carrier),
            came_at: self.came_at.or(others.came_at),
            note: self.note.or(others.note),
            registration: self.registration.or(others.registration),
        }
    }

    /// The free texts in it.
    #[must_use]
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("the vendor", &self.vendor),
            ("the model", &self.model),
            ("the firmware", &self.firmware),
            ("the carrier", &self.carrier),
            ("the note", &self.note),
        ];
        let said = all
            .into_iter()
            .filter_map(|(what, text)| Some((what, text.as_deref()?)));
        said.collect()
    }

    /// Whether the registration is 32 bytes in hex, where there is one.
    #[must_use]
    pub fn has_sound_registration(&self) -> bool {
        self.registration.as_ref().is_none_or(|hex| {
            hex.len() == 64
                && hex
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    }
}

/// The statement of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "body",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum Body {
    /// The vault came into this home, made here or imported.
    VaultAdded {
        /// What this home calls it.
        name: String,
        /// The network of its keys and addresses.
        network: Network,
        /// Multipath descriptor with checksum; its hash is the vault's id.
        descriptor: String,
        /// The cosigners' names, in the descriptor's order of keys.
        cosigners: Vec<String>,
        /// From where to look for coins.
        birth: Birth,
        /// The author itself, where the vault was made here: this is the founding entry, and its
        /// author decides whose entries count. Since version 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<MemberId>,
        /// It was set up in a session: no address is handed out before all cosigners attested it.
        /// Since version 3.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        session: bool,
    },
    /// A cosigner's home derived the vault's addresses by itself and stands for the vault, all of
    /// which its id covers. Since version 3.
    VaultAttested {
        /// By his extended public key as the descriptor has it.
        cosigner: Xpub,
        /// The first receive address.
        receive: String,
        /// The first change address.
        change: String,
        /// In a person's words: where the addresses were compared, for a cosigner without a home.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody holds the private key of a cosigner's key: the key signed. Since version 3.
    KeyProven {
        /// By his extended public key as the descriptor has it.
        cosigner: Xpub,
        /// The signed key record (BIP-0129), as it came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<String>,
        /// Signatures of the spend that can never happen
        /// ([`crate::setup::proof_of_possession`]).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signatures: Vec<SignatureText>,
    },
    /// Where a cosigner's key comes from, and what its device keeps of the vault. Since version 3.
    KeyNoted {
        /// By his extended public key as the descriptor has it.
        cosigner: Xpub,
        /// What is known.
        facts: KeyFacts,
    },
    /// The vault takes no more deposits. Counts when its owner says so. Since version 3.
    VaultRetired {
        /// In a person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Whom this home takes for the vault's owner. Counts in the author's own home alone. Since
    /// version 2.
    OwnerNamed {
        /// The member who decides whose entries count.
        owner: MemberId,
    },
    /// The owner enrols a member: from the first entry on, what it says counts. Since version 2.
    MemberAdded {
        /// The member's key.
        member: MemberId,
        /// What to call it.
        name: String,
        /// The cosigner for whom it speaks: his extended public key, without origin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cosigner: Option<String>,
    },
    /// The owner removes a member. What it said up to `head` counts, and nothing else. Since
    /// version 2.
    MemberRemoved {
        /// The member's key.
        member: MemberId,
        /// The number of its last entry that counts; 0 for none.
        last: u64,
        /// The id of that entry. Those before it are found by their links, so nothing can be slipped
        /// in under an old number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<EntryId>,
    },
    /// An address was handed out; its index is never handed out again.
    AddressRevealed {
        /// Which chain of addresses.
        keychain: Keychain,
        /// Its index there.
        index: u32,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// Labels were written (BIP-0329). Since version 3.
    LabelsSet {
        /// One label each, a JSON object with all its fields.
        lines: Vec<String>,
    },
    /// A spend was proposed. Signatures are collected for exactly this transaction.
    ProposalOpened {
        /// Hash of the vault's id and the whole unsigned transaction.
        proposal: ProposalId,
        /// The request without signatures: base64 of a BIP-0174 version 0 PSBT.
        psbt: String,
        /// What the spend is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memo: Option<String>,
        /// Not for signing yet (since version 2).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        draft: bool,
        /// From this second since 1970 on it takes no signatures and holds no coins (since version 2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<u64>,
        /// The proposal whose place it takes (since version 2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<ProposalId>,
    },
    /// A draft is now for signing (since version 2).
    ProposalSubmitted {
        /// This draft.
        proposal: ProposalId,
    },
    /// What a cosigner says about a proposal (since version 2). An author's newest word about a
    /// cosigner counts.
    WordGiven {
        /// About this proposal.
        proposal: ProposalId,
        /// The cosigner, by his extended public key as the descriptor has it: names and order
        /// differ between homes.
        cosigner: Xpub,
        /// What he says.
        word: Word,
        /// Why, in a person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Verified signatures arrived.
    ContributionAdded {
        /// For this proposal.
        proposal: ProposalId,
        /// What is new in it.
        signatures: Vec<SignatureText>,
    },
    /// The final transaction is let go. Written before its first byte leaves.
    ProposalReleased {
        /// This proposal.
        proposal: ProposalId,
        /// The final transaction, consensus encoding in hex.
        transaction: String,
    },
    /// The proposal was closed.
    ProposalClosed {
        /// This proposal.
        proposal: ProposalId,
        /// Why.
        reason: CloseReason,
        /// In a person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl Body {
    /// The kind as it stands in the entry's text.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::VaultAdded { .. } => "vault_added",
            Self::VaultAttested { .. } => "vault_attested",
            Self::KeyProven { .. } => "key_proven",
            Self::KeyNoted { .. } => "key_noted",
            Self::VaultRetired { .. } => "vault_retired",
            Self::OwnerNamed { .. } => "owner_named",
            Self::MemberAdded { .. } => "member_added",
            Self::MemberRemoved { .. } => "member_removed",
            Self::AddressRevealed { .. } => "address_revealed",
            Self::LabelsSet { .. } => "labels_set",
            Self::ProposalOpened { .. } => "proposal_opened",
            Self::ProposalSubmitted { .. } => "proposal_submitted",
            Self::WordGiven { .. } => "word_given",
            Self::ContributionAdded { .. } => "contribution_added",
            Self::ProposalReleased { .. } => "proposal_released",
            Self::ProposalClosed { .. } => "proposal_closed",
        }
    }
    /// The proposal it is about. `None` for what opens one: that brings its own.
    #[must_use]
    pub const fn about(&self) -> Option<ProposalId> {
        match self {
            Self::ProposalSubmitted { proposal }
            | Self::WordGiven { proposal, .. }
            | Self::ContributionAdded { proposal, .. }
            | Self::ProposalReleased { proposal, .. }
            | Self::ProposalClosed { proposal, .. } => Some(*proposal),
            Self::VaultAdded { .. }
            | Self::VaultAttested { .. }
            | Self::KeyProven { .. }
            | Self::KeyNoted { .. }
            | Self::VaultRetired { .. }
            | Self::OwnerNamed { .. }
            | Self::MemberAdded { .. }
            | Self::MemberRemoved { .. }
            | Self::AddressRevealed { .. }
            | Self::LabelsSet { .. }
            | Self::ProposalOpened { .. } => None,
        }
    }

    /// The free texts in it, each with what it is: words of a person, not keys or hashes.
    #[must_use]
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::VaultAdded {
                name, cosigners, ..
            } => {
                let names = cosigners.iter().map(|name| ("the cosigner's name", name));
                let all = std::iter::once(("the vault's name", name)).chain(names);
                all.map(|(what, text)| (what, text.as_str())).collect()
            }
            Self::MemberAdded { name, .. } => vec![("the member's name", name)],
            Self::AddressRevealed { label, .. } => optional("the label", label.as_deref()),
            Self::ProposalOpened { memo, .. } => optional("the memo", memo.as_deref()),
            Self::WordGiven { note, .. }
            | Self::ProposalClosed { note, .. }
            | Self::VaultAttested { note, .. }
            | Self::VaultRetired { note } => optional("the note", note.as_deref()),
            Self::KeyNoted { facts, .. } => facts.texts(),
            Self::OwnerNamed { .. }
            | Self::LabelsSet { .. }
            | Self::KeyProven { .. }
            | Self::MemberRemoved { .. }
            | Self::ProposalSubmitted { .. }
            | Self::ContributionAdded { .. }
            | Self::ProposalReleased { .. } => Vec::new(),
        }
    }
}

fn optional<'a>(what: &'static str, text: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    text.map(|text| (what, text)).into_iter().collect()
}
