//! T25: a coin is in one open proposal only, however many ask for it at once.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf};
use quorate_chain::Simulated;
use quorate_coordinator::{Choices, Coordinator, Incoming, Moment, NewVault, Spend, Terms};
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures;
use std::path::Path;

fn moment(seed: u8) -> Moment {
    Moment {
        now: 1_750_000_000,
        entropy: [seed; 32],
    }
}

fn vault(home: &Path, chain: &Simulated) -> Coordinator {
    Coordinator::init(home, Network::Regtest, moment(1)).unwrap();
    let mut coordinator = Coordinator::open(home).unwrap();
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
    coordinator
        .create_vault(
            &new,
            Moment {
                now: 0,
                entropy: [0; 32],
            },
        )
        .unwrap();
    let address = coordinator
        .new_address("family", None, moment(1))
        .unwrap()
        .address;
    let address: Address<_> = address.parse().unwrap();
    chain
        .fund(
            &address.assume_checked().script_pubkey(),
            Amount::from_sat(100_000),
        )
        .unwrap();
    coordinator.sync(chain, moment(1), &mut |_| ()).unwrap();
    coordinator
}

fn spend(coordinator: &mut Coordinator, seed: u8) -> Result<String, quorate_coordinator::Error> {
    spend_with(coordinator, seed, &Terms::default(), 1_750_000_000)
}

fn spend_with(
    coordinator: &mut Coordinator,
    seed: u8,
    terms: &Terms<'_>,
    now: u64,
) -> Result<String, quorate_coordinator::Error> {
    let address = Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51, seed]), Network::Regtest);
    let recipients = [Recipient {
        address,
        send: Send::Exactly(Amount::from_sat(50_000)),
    }];
    let spend = Spend {
        vault: "family",
        recipients: &recipients,
        fee_rate: FeeRate::from_sat_per_vb(2).unwrap(),
        memo: None,
        path: 0,
        coins: &[],
        allow_high_fee: false,
        choices: Choices::default(),
    };
    let moment = Moment {
        now,
        ..moment(seed)
    };
    coordinator
        .propose_with(&spend, terms, moment)
        .map(|view| view.id)
}

/// 64 at once; how many won, and the refusals' codes.
fn race(home: &Path, terms: &Terms<'_>, now: u64) -> (Vec<String>, Vec<&'static str>) {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64u8)
            .map(|seed| {
                scope.spawn(move || {
                    spend_with(&mut Coordinator::open(home).unwrap(), seed, terms, now)
                })
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        let (won, lost): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
        (
            won.into_iter().map(Result::unwrap).collect(),
            lost.into_iter()
                .map(|lost| lost.unwrap_err().code)
                .collect(),
        )
    })
}

#[test]
fn t25_of_64_drafts_on_one_coin_exactly_one_wins() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let terms = Terms {
        draft: true,
        ..Terms::default()
    };
    let (won, lost) = race(home.path(), &terms, 1_750_000_000);
    assert_eq!((won.len(), lost), (1, vec!["not_enough"; 63]));
    assert_eq!(coordinator.proposal(&won[0]).unwrap().status, "draft");
    // Nor does a proposal that isn't one get the coin of a draft.
    assert_eq!(spend(&mut coordinator, 99).unwrap_err().code, "not_enough");
}

#[test]
fn t25_of_64_that_take_one_proposals_place_exactly_one_does() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let old = spend(&mut coordinator, 77).unwrap();
    let terms = Terms {
        replaces: Some(&old),
        ..Terms::default()
    };
    let (won, lost) = race(home.path(), &terms, 1_750_000_000);
    assert_eq!((won.len(), lost), (1, vec!["wrong_status"; 63]));
    let view = coordinator.proposal(&old).unwrap();
    assert_eq!(
        (view.status.as_str(), view.replaced_by.as_ref()),
        ("replaced", won.first())
    );
    assert_eq!(coordinator.proposal(&won[0]).unwrap().replaces, Some(old));
    assert_eq!(coordinator.balance("family").unwrap().reserved_sat, 100_000);
}

#[test]
fn t25_the_coin_of_an_expired_proposal_goes_to_exactly_one_of_64() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let now = 1_750_000_000;
    let terms = Terms {
        expires: Some(now + 100),
        ..Terms::default()
    };
    let old = spend_with(&mut coordinator, 77, &terms, now).unwrap();
    let (won, lost) = race(home.path(), &Terms::default(), now + 99);
    assert_eq!((won.len(), lost), (0, vec!["not_enough"; 64]));
    let (won, lost) = race(home.path(), &Terms::default(), now + 100);
    assert_eq!((won.len(), lost), (1, vec!["not_enough"; 63]));
    let mut later = coordinator.at(now + 100);
    assert_eq!(later.proposal(&old).unwrap().status, "expired");
    let coins = later.coins("family").unwrap().coins;
    assert_eq!(coins[0].reserved_by.as_ref(), won.first());
}

#[test]
fn t25_of_64_proposals_on_one_coin_exactly_one_wins() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64u8)
            .map(|seed| {
                let path = home.path();
                scope.spawn(move || spend(&mut Coordinator::open(path).unwrap(), seed))
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results
            .filter(|result| match result {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.code, "not_enough", "{error}");
                    assert!(
                        error.hint.as_ref().unwrap().contains("reserved"),
                        "{error:?}"
                    );
                    false
                }
            })
            .count()
    });
    assert_eq!(won, 1);
    assert_eq!(
        coordinator.proposals(None, true).unwrap().proposals.len(),
        1
    );
    assert_eq!(coordinator.balance("family").unwrap().reserved_sat, 100_000);
}

#[test]
fn giving_a_proposal_up_frees_its_coins() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let first = spend(&mut coordinator, 1).unwrap();
    assert!(spend(&mut coordinator, 2).is_err());
    coordinator
        .abandon(&first, Some("typing error"), moment(3))
        .unwrap();
    let second = spend(&mut coordinator, 2).unwrap();
    assert_eq!(coordinator.proposal(&first).unwrap().status, "abandoned");
    assert_eq!(coordinator.proposal(&second).unwrap().status, "collecting");
    let again = coordinator.abandon(&first, None, moment(3)).unwrap_err();
    assert_eq!(again.code, "wrong_status");
}

#[test]
fn t26_a_proposal_that_was_given_up_is_neither_handed_out_nor_signed() {
    let home = tempfile::tempdir().unwrap();
    let chain = Simulated::new();
    let mut coordinator = vault(home.path(), &chain);
    let id = spend(&mut coordinator, 1).unwrap();
    let request = coordinator.export(&id, true).unwrap();
    coordinator.abandon(&id, None, moment(2)).unwrap();
    let error = coordinator.export(&id, true).unwrap_err();
    assert_eq!(error.code, "wrong_status", "{error}");
    let file = Incoming {
        name: "late.psbt".to_owned(),
        bytes: request.serialize(),
    };
    let view = coordinator.import(&[file], moment(3)).unwrap();
    let error = view.files[0].error.as_ref().unwrap();
    assert_eq!(error.code, "wrong_status");
    assert!(
        error.message.contains("late.psbt") && error.message.contains("abandoned"),
        "{error:?}"
    );
    let error = coordinator
        .broadcast(&id, &chain, false, moment(4))
        .unwrap_err();
    assert_eq!(error.code, "wrong_status", "{error}");
}
