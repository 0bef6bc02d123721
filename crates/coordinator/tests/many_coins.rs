//! Which coins a proposal may take where not all of them can be: of a vault with very many, and in the
//! place of another proposal.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf, TxOut};
use quorate_chain::Simulated;
use quorate_coordinator::view::ProposalView;
use quorate_coordinator::{Choices, Coordinator, Error, Moment, NewVault, Spend, Terms};
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures;
use tempfile::TempDir;

fn moment(seed: u8) -> Moment {
    Moment {
        now: 1_750_000_000,
        entropy: [seed; 32],
    }
}

/// A vault with coins of these values, all on one address.
fn vault(values: &[u64]) -> (TempDir, Coordinator) {
    let home = tempfile::tempdir().unwrap();
    Coordinator::init(home.path(), Network::Regtest, moment(1)).unwrap();
    let mut coordinator = Coordinator::open(home.path()).unwrap();
    let template = Template::builtin("2-of-3").unwrap();
    let keys: Vec<_> = fixtures::cosigners(3)
        .iter()
        .map(|key| (key.name().to_owned(), key.text()))
        .collect();
    let new = NewVault {
        name: "family",
        template: &template,
        keys: &keys,
        birth: None,
        carriers: &[],
    };
    let born = Moment {
        now: 0,
        entropy: [0; 32],
    };
    coordinator.create_vault(&new, born).unwrap();
    let address = coordinator.new_address("family", None, moment(1)).unwrap();
    let address: Address<_> = address.address.parse().unwrap();
    let script_pubkey = address.assume_checked().script_pubkey();
    let outputs: Vec<TxOut> = values
        .iter()
        .map(|sat| TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: script_pubkey.clone(),
        })
        .collect();
    let chain = Simulated::new();
    // A request holds whole previous transactions, so these are small.
    for some in outputs.chunks(30) {
        chain.fund_all(some).unwrap();
    }
    coordinator.sync(&chain, moment(1), &mut |_| ()).unwrap();
    (home, coordinator)
}

fn propose(
    coordinator: &mut Coordinator,
    sat: u64,
    avoid: &[String],
    replaces: Option<&str>,
) -> Result<ProposalView, Error> {
    let script = ScriptBuf::from_bytes(vec![0x51, 0x75, 0x51]);
    let recipients = [Recipient {
        address: Address::p2wsh(&script, Network::Regtest),
        send: Send::Exactly(Amount::from_sat(sat)),
    }];
    let spend = Spend {
        vault: "family",
        recipients: &recipients,
        fee_rate: FeeRate::from_sat_per_vb(1).unwrap(),
        memo: None,
        path: 0,
        coins: &[],
        allow_high_fee: false,
        choices: Choices {
            avoid,
            ..Choices::default()
        },
    };
    let terms = Terms {
        replaces,
        ..Terms::default()
    };
    coordinator.propose_with(&spend, &terms, moment(3))
}

#[test]
fn what_takes_too_many_coins_is_not_called_too_little() {
    let (_home, mut coordinator) = vault(&[20_000; 900]);
    // There are 18,000,000; a transaction of 500 coins can move 10,000,000 at the most.
    let error = propose(&mut coordinator, 17_000_000, &[], None).unwrap_err();
    assert_eq!(error.code, "spend");
    assert!(error.message.contains("more than 500"), "{error}");
    assert!(error.hint.unwrap().contains("proposal consolidate family"));
    let view = propose(&mut coordinator, 8_000_000, &[], None).unwrap();
    assert!((401..=500).contains(&view.review.inputs.len()));
}

#[test]
fn what_takes_anothers_place_avoids_the_same_labels() {
    let (_home, mut coordinator) = vault(&[60_000, 60_001]);
    let first = propose(&mut coordinator, 50_000, &[], None).unwrap();
    let spent = &first.review.inputs[0].outpoint;
    let coins = coordinator.coins("family").unwrap().coins;
    let other = coins.iter().find(|coin| coin.outpoint != *spent).unwrap();
    coordinator
        .set_label("family", None, &other.outpoint, "salary", moment(4))
        .unwrap();
    let avoid = ["salary".to_owned()];
    let error = propose(&mut coordinator, 100_000, &avoid, Some(&first.id)).unwrap_err();
    assert_eq!(error.code, "not_enough", "{error}");
    let both = propose(&mut coordinator, 100_000, &[], Some(&first.id)).unwrap();
    assert_eq!(both.review.inputs.len(), 2);
}
