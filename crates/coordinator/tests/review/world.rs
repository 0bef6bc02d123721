//! An office with a 2-of-3 vault on a simulated chain.

use bitcoin::secp256k1::SecretKey;
use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, Psbt, ScriptBuf};
use quorate_chain::Simulated;
use quorate_coordinator::view::{CoinView, ImportView, ProposalView};
use quorate_coordinator::{Choices, Coordinator, Error, Incoming, Moment, NewVault, Spend};
use quorate_core::ledger::Birth;
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures::{self, TestKey};
use quorate_testkit::rogue::sign_psbt_with;
use std::cell::Cell;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) office: Coordinator,
    pub(crate) chain: Simulated,
    pub(crate) signers: Vec<TestKey>,
    moments: Cell<u8>,
    script: ScriptType,
}

pub(crate) fn moment(seed: u8) -> Moment {
    Moment {
        now: 1_750_000_000 + u64::from(seed),
        entropy: [seed; 32],
    }
}

/// Somebody's address.
pub(crate) fn stranger(number: u8) -> Address {
    Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51, number]), Network::Regtest)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(ScriptType::Wsh)
    }

    pub(crate) fn of(script: ScriptType) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Coordinator::init(folder.path(), Network::Regtest, moment(1)).unwrap();
        let mut world = Self {
            office: Coordinator::open(folder.path()).unwrap(),
            folder,
            chain: Simulated::new(),
            signers: fixtures::cosigners(3),
            moments: Cell::new(1),
            script,
        };
        world.add_vault("family");
        world
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moments.set(self.moments.get() + 1);
        moment(self.moments.get())
    }

    /// A vault of the three; `savings` with the keys of a further account, `twin` with another third.
    pub(crate) fn add_vault(&mut self, name: &str) {
        let mut template = Template::builtin("2-of-3").unwrap();
        template.script = self.script;
        let text = |key: &TestKey| match name {
            "savings" => key.text_at("48h/1h/1h/2h"),
            _ => key.text(),
        };
        let mut people = self.signers.clone();
        if name == "twin" {
            people[2] = fixtures::dave();
        }
        let keys: Vec<_> = people
            .iter()
            .map(|key| (key.name().to_owned(), text(key)))
            .collect();
        let new = NewVault {
            name,
            template: &template,
            keys: &keys,
            birth: Some(Birth::Height(0)),
            carriers: &[],
        };
        self.office.create_vault(&new, self.moment()).unwrap();
    }

    pub(crate) fn address(&mut self, vault: &str) -> Address {
        let moment = self.moment();
        let address = self.office.new_address(vault, None, moment).unwrap();
        let address: Address<_> = address.address.parse().unwrap();
        address.assume_checked()
    }

    /// Pays the address and confirms it.
    pub(crate) fn fund(&mut self, address: &Address, sat: u64) -> OutPoint {
        let funded = self
            .chain
            .fund(&address.script_pubkey(), Amount::from_sat(sat))
            .unwrap();
        self.chain.mine(1).unwrap();
        self.sync();
        funded
    }

    pub(crate) fn sync(&mut self) {
        let moment = self.moment();
        self.office.sync(&self.chain, moment, &mut |_| ()).unwrap();
    }

    pub(crate) fn coin(&mut self, outpoint: OutPoint) -> CoinView {
        let coins = self.office.coins("family").unwrap().coins;
        let found = coins
            .into_iter()
            .find(|coin| coin.outpoint == outpoint.to_string());
        found.unwrap()
    }

    pub(crate) fn propose(
        &mut self,
        to: &[(Address, Send)],
        coins: &[OutPoint],
    ) -> Result<ProposalView, Error> {
        let recipients: Vec<Recipient> = to
            .iter()
            .map(|(address, send)| Recipient {
                address: address.clone(),
                send: *send,
            })
            .collect();
        let spend = Spend {
            vault: "family",
            recipients: &recipients,
            fee_rate: FeeRate::from_sat_per_vb(2).unwrap(),
            memo: None,
            path: 0,
            coins,
            allow_high_fee: false,
            choices: Choices::default(),
        };
        let moment = self.moment();
        self.office.propose(&spend, moment)
    }

    pub(crate) fn pay(&mut self, address: &Address, sat: u64) -> ProposalView {
        let send = Send::Exactly(Amount::from_sat(sat));
        self.propose(&[(address.clone(), send)], &[]).unwrap()
    }

    /// Imports a copy of the request signed by `signer` with these one-time numbers.
    pub(crate) fn sign(&mut self, id: &str, signer: usize, numbers: &[u8]) -> ImportView {
        let mut psbt = self.office.export(id, false).unwrap();
        sign_psbt_with(&mut psbt, &self.signers[signer], &secrets(numbers));
        self.import(&psbt)
    }

    pub(crate) fn import(&mut self, psbt: &Psbt) -> ImportView {
        let file = Incoming {
            name: "signed.psbt".to_owned(),
            bytes: psbt.serialize(),
        };
        let moment = self.moment();
        let view = self.office.import(&[file], moment).unwrap();
        assert!(view.refused.is_empty(), "{view:?}");
        view
    }

    /// Has a proposal signed by two, sent and confirmed.
    pub(crate) fn finish(&mut self, id: &str, numbers: [u8; 2]) {
        let inputs = self.office.proposal(id).unwrap().review.inputs.len();
        for (signer, number) in [(0, numbers[0]), (1, numbers[1])] {
            let numbers: Vec<u8> = (0..inputs)
                .map(|at| number + u8::try_from(at).unwrap())
                .collect();
            self.sign(id, signer, &numbers);
        }
        let moment = self.moment();
        self.office
            .broadcast(id, &self.chain, false, moment)
            .unwrap();
        self.chain.mine(1).unwrap();
        self.sync();
    }
}

pub(crate) fn secrets(numbers: &[u8]) -> Vec<SecretKey> {
    numbers
        .iter()
        .map(|number| SecretKey::from_slice(&[*number; 32]).unwrap())
        .collect()
}

/// The findings that contain a word.
pub(crate) fn with<'a>(findings: &'a [String], word: &str) -> Vec<&'a String> {
    findings
        .iter()
        .filter(|finding| finding.contains(word))
        .collect()
}
