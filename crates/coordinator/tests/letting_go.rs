//! Letting a transaction go that nobody takes, and giving it up.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf, TxOut};
use quorate_chain::{ChainSource, Simulated};
use quorate_coordinator::{Choices, Coordinator, Incoming, Moment, NewVault, Spend};
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send, Wishes};
use quorate_testkit::fixtures;

const fn moment(seed: u8) -> Moment {
    Moment {
        now: 1_750_000_000,
        entropy: [seed; 32],
    }
}

struct World {
    chain: Simulated,
    office: Coordinator,
    _home: tempfile::TempDir,
}

impl World {
    /// A vault of 2 of 3 with these coins, synced.
    fn new(sats: &[u64]) -> Self {
        Self::of(&Template::builtin("2-of-3").unwrap(), sats)
    }

    /// The same for any policy of three.
    fn of(template: &Template, sats: &[u64]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let chain = Simulated::new();
        Coordinator::init(home.path(), Network::Regtest, moment(1)).unwrap();
        let mut office = Coordinator::open(home.path()).unwrap();
        let keys: Vec<_> = fixtures::cosigners(3)
            .iter()
            .map(|key| (key.name().to_owned(), key.text()))
            .collect();
        let new = NewVault {
            name: "family",
            template,
            keys: &keys,
            birth: None,
            carriers: &[],
        };
        let long_ago = Moment {
            now: 0,
            ..moment(0)
        };
        office.create_vault(&new, long_ago).unwrap();
        let script = address(&mut office);
        let coins: Vec<TxOut> = sats
            .iter()
            .map(|&sat| TxOut {
                value: Amount::from_sat(sat),
                script_pubkey: script.clone(),
            })
            .collect();
        chain.fund_all(&coins).unwrap();
        let mut world = Self {
            chain,
            office,
            _home: home,
        };
        world.sync();
        world
    }

    fn sync(&mut self) -> quorate_coordinator::view::SyncView {
        self.office
            .sync(&self.chain, moment(9), &mut |_| ())
            .unwrap()
    }

    /// A proposal with all signatures that it needs.
    fn ready(&mut self, sats: u64, fee_rate: FeeRate, seed: u8) -> String {
        let address = Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51, seed]), Network::Regtest);
        let recipients = [Recipient {
            address,
            send: Send::Exactly(Amount::from_sat(sats)),
        }];
        let spend = Spend {
            vault: "family",
            recipients: &recipients,
            fee_rate,
            memo: None,
            path: 0,
            coins: &[],
            allow_high_fee: false,
            // Nobody takes it: that is what some of these tests are about.
            choices: Choices {
                wishes: Wishes {
                    relay_floor: FeeRate::ZERO,
                    ..Wishes::default()
                },
                ..Choices::default()
            },
        };
        let id = self.office.propose(&spend, moment(seed)).unwrap().id;
        let mut psbt = self.office.export(&id, true).unwrap();
        for cosigner in &fixtures::cosigners(2) {
            psbt.sign(&cosigner.master(), fixtures::secp()).unwrap();
        }
        let file = Incoming {
            name: "signed".to_owned(),
            bytes: psbt.serialize(),
        };
        let imported = self.office.import(&[file], moment(seed)).unwrap();
        assert_eq!(imported.status.as_deref(), Some("ready"), "{imported:?}");
        id
    }

    fn status(&mut self, id: &str) -> String {
        self.office.proposal(id).unwrap().status
    }
}

/// The script of a new receive address.
fn address(office: &mut Coordinator) -> ScriptBuf {
    let address = office.new_address("family", None, moment(1)).unwrap();
    let address: Address<_> = address.address.parse().unwrap();
    address.assume_checked().script_pubkey()
}

/// Shows a limit: whoever sends a little to the vault holds the heirs up for a whole timelock, because
/// `all` by the recovery path takes coins whose lock has only begun together with those it is over for.
#[test]
fn fresh_dust_does_not_hold_up_a_recovery() {
    let policy = r#"
name = "quick"
title = "2 of 3, one alone after 12 blocks"
summary = "For a test."
script = "wsh"
cosigners = ["first", "second", "third"]
[[path]]
threshold = 2
[[path]]
threshold = 1
after_blocks = 12
"#;
    let template = Template::parse(policy, "quick.toml").unwrap();
    let mut world = World::of(&template, &[1_000_000]);
    world.chain.mine(12).unwrap();
    let script = address(&mut world.office);
    world.chain.fund(&script, Amount::from_sat(1_000)).unwrap();
    world.sync();
    let recipients = [Recipient {
        address: Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51]), Network::Regtest),
        send: Send::All,
    }];
    let spend = Spend {
        vault: "family",
        recipients: &recipients,
        fee_rate: FeeRate::BROADCAST_MIN,
        memo: None,
        path: 1,
        coins: &[],
        allow_high_fee: false,
        choices: Choices::default(),
    };
    let view = world.office.propose(&spend, moment(2)).unwrap();
    assert_eq!(view.not_before, None);
}

/// Shows a limit: the coin a proposal spends was never confirmed and its payer took it back. The
/// proposal can never happen, and nothing says so: people go on signing.
#[test]
fn a_proposal_whose_coin_is_gone_does_not_ask_for_signatures() {
    let mut world = World::new(&[1_000]);
    let script = address(&mut world.office);
    let paid = world.chain.pay(&script, Amount::from_sat(100_000)).unwrap();
    world.sync();
    let id = world.ready(50_000, FeeRate::BROADCAST_MIN, 2);
    // A block with another spend of the payer's coin.
    let payment = world.chain.mempool_transactions(&[paid.txid]).unwrap();
    let mut other = payment[0].clone();
    other.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51]);
    world.chain.mine_with(vec![other]).unwrap();
    world.sync();
    assert_ne!(world.status(&id), "ready");
}

/// A source that refuses for good (here: nothing is paid to the miner) must not hold the coins for
/// ever: what nobody has can be given up, and isn't handed over again.
#[test]
fn a_transaction_that_nobody_takes_can_be_given_up() {
    let mut world = World::new(&[100_000]);
    let id = world.ready(50_000, FeeRate::ZERO, 2);
    let refused = world.office.broadcast(&id, &world.chain, false, moment(3));
    assert_eq!(refused.unwrap_err().code, "refused_by_node");
    assert_eq!(world.status(&id), "broadcast");
    assert_eq!(world.sync().problems.len(), 1);

    world.office.abandon(&id, None, moment(4)).unwrap();
    assert_eq!(world.status(&id), "abandoned");
    assert_eq!(world.sync().problems.len(), 0);
    assert_eq!(world.office.balance("family").unwrap().reserved_sat, 0);
    let second = world.ready(50_000, FeeRate::BROADCAST_MIN, 5);
    let view = world
        .office
        .broadcast(&second, &world.chain, false, moment(6))
        .unwrap();
    assert_eq!(view.status, "broadcast");
    world.sync();
    assert_eq!(world.status(&second), "broadcast");
    assert_eq!(world.status(&id), "abandoned");
}

/// What the chain source has isn't given up, and what was given up too soon is seen all the same.
#[test]
fn a_transaction_that_is_out_cannot_be_given_up() {
    let mut world = World::new(&[100_000]);
    let id = world.ready(50_000, FeeRate::BROADCAST_MIN, 2);
    world
        .office
        .broadcast(&id, &world.chain, false, moment(3))
        .unwrap();
    world.sync();
    let refused = world.office.abandon(&id, None, moment(4)).unwrap_err();
    assert_eq!(refused.code, "wrong_status");
    world.chain.mine(1).unwrap();
    world.sync();
    assert_eq!(world.status(&id), "confirmed");
    let refused = world.office.abandon(&id, None, moment(5)).unwrap_err();
    assert_eq!(refused.code, "wrong_status");
    assert!(world.chain.status().is_ok());
}

/// T22: the rate that was proposed, and seen by everybody who signed, is the rate that is judged:
/// real signatures are a byte or two shorter than the worst.
#[test]
fn t22_the_highest_rate_that_may_be_proposed_may_be_broadcast() {
    let mut world = World::new(&[30_000_000; 20]);
    let rate = FeeRate::from_sat_per_vb(1_000).unwrap();
    let id = world.ready(500_000_000, rate, 2);
    world
        .office
        .broadcast(&id, &world.chain, false, moment(3))
        .unwrap();
}

#[test]
fn a_vault_made_again_finds_its_old_coins_by_its_birthday_or_a_rescan() {
    let mut world = World::new(&[70_000]);
    let template = Template::builtin("2-of-3").unwrap();
    let keys: Vec<_> = fixtures::cosigners(3)
        .iter()
        .map(|key| (key.name().to_owned(), key.text()))
        .collect();
    let made_again = |birth| {
        let folder = tempfile::tempdir().unwrap();
        Coordinator::init(folder.path(), Network::Regtest, moment(9)).unwrap();
        let mut home = Coordinator::open(folder.path()).unwrap();
        let new = NewVault {
            name: "family",
            template: &template,
            keys: &keys,
            birth,
            carriers: &[],
        };
        let much_later = Moment {
            now: 4_000_000_000,
            ..moment(9)
        };
        home.create_vault(&new, much_later).unwrap();
        (folder, home)
    };
    // More blocks than are looked at for a birth in the future.
    world.chain.mine(200).unwrap();
    world.sync();
    let balance = |home: &mut Coordinator| {
        home.sync(&world.chain, moment(9), &mut |_| ()).unwrap();
        home.balance("family").unwrap().confirmed_sat
    };
    let (_folder, mut home) = made_again(Some(quorate_core::ledger::Birth::Height(0)));
    assert_eq!(balance(&mut home), 70_000);
    let (_folder, mut home) = made_again(None);
    assert_eq!(balance(&mut home), 0);
    home.rescan("family", quorate_core::ledger::Birth::Height(0))
        .unwrap();
    assert_eq!(balance(&mut home), 70_000);
}
