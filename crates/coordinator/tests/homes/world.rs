//! Three homes of one vault, and a forger who writes what no home would.

use bitcoin::{Address, Amount, FeeRate, Network, Psbt, ScriptBuf};
use quorate_chain::Simulated;
use quorate_coordinator::view::{JournalImportView, TakenView};
use quorate_coordinator::{
    Choices, Coordinator, Incoming, Moment, NewVault, Spend, Terms, VaultImport,
};
use quorate_core::journal::{
    Body, Content, Entry, EntryId, MemberId, MemberKey, SignatureText, VERSION, Word, write_file,
};
use quorate_core::ledger::Birth;
use quorate_core::policy::Template;
use quorate_core::proposal::ProposalId;
use quorate_core::spend::{Recipient, Send};
use quorate_core::vault::{Vault, VaultId};
use quorate_testkit::fixtures::{self, TestKey};
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_750_000_000;

pub(crate) const fn moment(seed: u8) -> Moment {
    Moment {
        now: NOW + seed as u64,
        entropy: [seed; 32],
    }
}

/// In memory where there is such a place: what is tested here doesn't depend on a disk.
pub(crate) fn temporary() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) struct Home {
    pub(crate) office: Coordinator,
    pub(crate) id: String,
    folder: TempDir,
}

impl Home {
    pub(crate) fn new(seed: u8) -> Self {
        let folder = temporary();
        let view = Coordinator::init(folder.path(), Network::Regtest, moment(seed)).unwrap();
        Self {
            office: Coordinator::open(folder.path()).unwrap(),
            id: view.member,
            folder,
        }
    }

    /// A home that took the vault in, and knows its owner.
    pub(crate) fn joining(seed: u8, vault: &Vault, owner: &str) -> Self {
        let mut home = Self::new(seed);
        let import = VaultImport {
            name: "family",
            text: vault.descriptor(),
            cosigners: Some(&names()),
            birth: Birth::Height(0),
        };
        home.office.import_vault(&import, moment(seed)).unwrap();
        home.office.trust("family", owner, moment(seed)).unwrap();
        home
    }

    pub(crate) fn export(&mut self) -> String {
        self.office.export_journal("family").unwrap().text
    }

    pub(crate) fn import(&mut self, text: &str) -> JournalImportView {
        self.office
            .import_journal("a file", text.as_bytes(), None, moment(7))
            .unwrap()
    }

    pub(crate) fn take(&mut self, entries: &[Entry]) -> TakenView {
        let vault = entries[0].content().vault;
        self.import(&write_file(vault, entries)).taken
    }

    pub(crate) fn state(&mut self) -> String {
        let view = self.office.verify(Some("family"), false).unwrap();
        assert!(view.faults.is_empty(), "{:?}", view.faults);
        view.states[0].state.clone()
    }

    /// What somebody with the file can do.
    pub(crate) fn tamper(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.folder.path().join("quorate.db")).unwrap();
        assert!(conn.execute(sql, []).unwrap() > 0, "{sql}");
    }

    pub(crate) fn status(&mut self, proposal: &str) -> String {
        self.office.proposal(proposal).unwrap().status
    }

    /// Whose signatures are there on every input.
    pub(crate) fn signers(&mut self, proposal: &str) -> Vec<String> {
        let view = self.office.proposal(proposal).unwrap();
        let names = view.review.inputs[0].signatures.keys();
        names
            .filter(|name| {
                let mut inputs = view.review.inputs.iter();
                inputs.all(|input| input.signatures[*name] == "signed")
            })
            .cloned()
            .collect()
    }

    /// A cosigner signs here and the file is imported here.
    pub(crate) fn sign(&mut self, proposal: &str, who: &TestKey, seed: u8) {
        let mut psbt = self.office.export(proposal, false).unwrap();
        psbt.sign(&who.master(), fixtures::secp()).unwrap();
        let file = Incoming {
            name: "signed".to_owned(),
            bytes: psbt.serialize(),
        };
        let view = self.office.import(&[file], moment(seed)).unwrap();
        assert!(view.accepted > 0, "{view:?}");
    }

    pub(crate) fn propose(&mut self, sats: u64, seed: u8) -> String {
        self.propose_with(sats, &Terms::default(), seed)
    }

    pub(crate) fn propose_with(&mut self, sats: u64, terms: &Terms<'_>, seed: u8) -> String {
        let address = Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51, seed]), Network::Regtest);
        let recipients = [Recipient {
            address,
            send: Send::Exactly(Amount::from_sat(sats)),
        }];
        let spend = Spend {
            vault: "family",
            recipients: &recipients,
            fee_rate: FeeRate::from_sat_per_vb(2).unwrap(),
            memo: Some("invoice 17"),
            path: 0,
            coins: &[],
            allow_high_fee: false,
            choices: Choices::default(),
        };
        let view = self.office.propose_with(&spend, terms, moment(seed));
        view.unwrap().id
    }
}

fn names() -> Vec<String> {
    let keys = fixtures::cosigners(3);
    keys.iter().map(|key| key.name().to_owned()).collect()
}

/// The owner's home, bob's and carol's. Bob is enrolled, carol isn't.
pub(crate) struct World {
    pub(crate) chain: Simulated,
    pub(crate) vault: Vault,
    pub(crate) owner: Home,
    pub(crate) bob: Home,
    pub(crate) carol: Home,
}

impl World {
    pub(crate) fn new() -> Self {
        let chain = Simulated::new();
        let mut owner = Home::new(1);
        let template = Template::builtin("2-of-3").unwrap();
        let keys: Vec<_> = fixtures::cosigners(3)
            .iter()
            .map(|key| (key.name().to_owned(), key.text()))
            .collect();
        let new = NewVault {
            name: "family",
            template: &template,
            keys: &keys,
            birth: Some(Birth::Height(0)),
            carriers: &[],
        };
        owner.office.create_vault(&new, moment(1)).unwrap();
        let vault = owner.office.vault_facts("family").unwrap();
        let bob = Home::joining(2, &vault, &owner.id);
        let carol = Home::joining(3, &vault, &owner.id);
        let mut world = Self {
            chain,
            vault,
            owner,
            bob,
            carol,
        };
        for _ in 0..3 {
            let office = &mut world.owner.office;
            let address = office
                .new_address("family", Some("rent"), moment(4))
                .unwrap();
            let address: Address<_> = address.address.parse().unwrap();
            let script = address.assume_checked().script_pubkey();
            world
                .chain
                .fund(&script, Amount::from_sat(100_000))
                .unwrap();
        }
        let (id, office) = (world.bob.id.clone(), &mut world.owner.office);
        office
            .add_member("family", "bob", &id, Some("bob"), moment(5))
            .unwrap();
        world.sync();
        world
    }

    pub(crate) fn sync(&mut self) {
        for home in [&mut self.owner, &mut self.bob, &mut self.carol] {
            home.office
                .sync(&self.chain, moment(9), &mut |_| ())
                .unwrap();
        }
    }

    /// A member whom the owner enrolled and who turns out to be hostile.
    pub(crate) fn enrolled_forger(&mut self) -> Forger {
        let forger = Forger::new(66, self.vault.id());
        let office = &mut self.owner.office;
        office
            .add_member(
                "family",
                "mallory",
                &forger.id().to_string(),
                None,
                moment(6),
            )
            .unwrap();
        forger
    }
}

/// Writes any entry, with a member's key.
#[derive(Clone)]
pub(crate) struct Forger {
    key: MemberKey,
    vault: VaultId,
    pub(crate) written: Vec<Entry>,
}

impl Forger {
    pub(crate) fn new(seed: u8, vault: VaultId) -> Self {
        Self {
            key: MemberKey::from_bytes(&[seed; 32]).unwrap(),
            vault,
            written: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> MemberId {
        self.key.id()
    }

    pub(crate) fn say(&mut self, body: Body) -> Entry {
        let seq = self.written.len() as u64 + 1;
        let prev = self.written.last().map(Entry::id);
        let entry = self.entry(seq, prev, NOW, body);
        self.written.push(entry.clone());
        entry
    }

    pub(crate) fn entry(&self, seq: u64, prev: Option<EntryId>, at: u64, body: Body) -> Entry {
        let content = Content {
            version: VERSION,
            vault: self.vault,
            author: self.key.id(),
            seq,
            prev,
            at,
            body,
        };
        Entry::sign(content, &self.key).unwrap()
    }
}

/// A cosigner's signatures on a request, as entries hold them. Another `nonce` makes other ones that
/// are valid as well.
pub(crate) fn signatures(request: &Psbt, who: &TestKey, nonce: Option<u8>) -> Vec<SignatureText> {
    let mut psbt = request.clone();
    psbt.sign(&who.master(), fixtures::secp()).unwrap();
    let mut cache = bitcoin::sighash::SighashCache::new(&request.unsigned_tx);
    let mut found = Vec::new();
    for (input, fields) in psbt.inputs.iter().enumerate() {
        for (key, signature) in &fields.partial_sigs {
            let mut signature = *signature;
            if let Some(nonce) = nonce {
                let (_, path) = &fields.bip32_derivation[&key.inner];
                let secret = who.master().derive_priv(fixtures::secp(), path).unwrap();
                let (message, _) = request.sighash_ecdsa(input, &mut cache).unwrap();
                signature.signature = fixtures::secp().sign_ecdsa_with_noncedata(
                    &message,
                    &secret.private_key,
                    &[nonce; 32],
                );
            }
            found.push(SignatureText {
                input: u32::try_from(input).unwrap(),
                public_key: key.to_string(),
                signature: signature.to_string(),
            });
        }
    }
    found
}

/// What a cosigner is made to say.
pub(crate) fn word(id: &str, vault: &Vault, cosigner: usize, word: Word, note: &str) -> Body {
    Body::WordGiven {
        proposal: proposal_id(id),
        cosigner: *vault.cosigners()[cosigner].key.xpub(),
        word,
        note: Some(note.to_owned()),
    }
}

pub(crate) fn proposal_id(id: &str) -> ProposalId {
    id.parse().unwrap()
}
