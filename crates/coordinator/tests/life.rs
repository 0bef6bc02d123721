//! The life of a proposal through the use cases: drafts, edits, words, deadlines, replacements and
//! the list of it all.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf, TxOut};
use quorate_chain::{ChainSource, Simulated};
use quorate_coordinator::view::ProposalView;
use quorate_coordinator::{
    Choices, Coordinator, Deadline, Error, Incoming, Moment, NewVault, Revision, Spend, Terms,
};
use quorate_core::journal::Word;
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures;

const NOW: u64 = 1_750_000_000;

const fn moment(seed: u8) -> Moment {
    Moment {
        now: NOW,
        entropy: [seed; 32],
    }
}

fn at(now: u64, seed: u8) -> Moment {
    Moment {
        now,
        ..moment(seed)
    }
}

struct World {
    chain: Simulated,
    office: Coordinator,
    names: Vec<String>,
    home: tempfile::TempDir,
}

impl World {
    /// A vault of 2 of 3 with these coins, synced.
    fn new(sats: &[u64]) -> Self {
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
            template: &Template::builtin("2-of-3").unwrap(),
            keys: &keys,
            birth: None,
            carriers: &[],
        };
        office.create_vault(&new, at(0, 0)).unwrap();
        let address = office.new_address("family", None, moment(1)).unwrap();
        let address: Address<_> = address.address.parse().unwrap();
        let script = address.assume_checked().script_pubkey();
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
            names: keys.into_iter().map(|(name, _)| name).collect(),
            home,
        };
        world.sync();
        world
    }

    fn sync(&mut self) {
        self.office
            .sync(&self.chain, moment(9), &mut |_| ())
            .unwrap();
    }

    fn propose(
        &mut self,
        sats: u64,
        rate: u64,
        seed: u8,
        terms: &Terms<'_>,
    ) -> Result<ProposalView, Error> {
        let recipients = [pay(sats)];
        let spend = Spend {
            vault: "family",
            recipients: &recipients,
            fee_rate: FeeRate::from_sat_per_vb(rate).unwrap(),
            memo: Some("invoice 17"),
            path: 0,
            coins: &[],
            allow_high_fee: false,
            choices: Choices::default(),
        };
        self.office.propose_with(&spend, terms, moment(seed))
    }

    fn open(&mut self, sats: u64, rate: u64, seed: u8) -> String {
        self.propose(sats, rate, seed, &Terms::default())
            .unwrap()
            .id
    }

    /// The request signed by cosigners, as a file.
    fn signed(&mut self, id: &str, cosigners: &[usize]) -> Incoming {
        let mut psbt = self.office.export(id, false).unwrap();
        let keys = fixtures::cosigners(3);
        for &cosigner in cosigners {
            psbt.sign(&keys[cosigner].master(), fixtures::secp())
                .unwrap();
        }
        Incoming {
            name: "signed".to_owned(),
            bytes: psbt.serialize(),
        }
    }

    fn sign(&mut self, id: &str, cosigners: &[usize]) -> Option<String> {
        let file = self.signed(id, cosigners);
        self.office.import(&[file], moment(8)).unwrap().status
    }

    fn say(&mut self, id: &str, cosigner: usize, word: Word) -> Result<ProposalView, Error> {
        let name = self.names[cosigner].clone();
        self.office
            .speak(id, &name, word, Some("because"), moment(7))
    }

    fn status(&mut self, id: &str) -> String {
        self.office.proposal(id).unwrap().status
    }

    fn broadcast(&mut self, id: &str) -> Result<String, Error> {
        let sent = self.office.broadcast(id, &self.chain, false, moment(6))?;
        self.sync();
        Ok(sent.txid)
    }
}

fn pay(sats: u64) -> Recipient {
    Recipient {
        address: Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51]), Network::Regtest),
        send: Send::Exactly(Amount::from_sat(sats)),
    }
}

fn rate(sat_vb: u64) -> Option<FeeRate> {
    FeeRate::from_sat_per_vb(sat_vb)
}

const DRAFT: Terms<'_> = Terms {
    draft: true,
    expires: None,
    replaces: None,
};

#[test]
fn t26_a_draft_is_not_handed_out_and_takes_no_signatures_words_or_sending() {
    let mut world = World::new(&[100_000]);
    let id = world.propose(50_000, 2, 2, &DRAFT).unwrap().id;
    assert_eq!(world.status(&id), "draft");
    let next = world.office.proposal(&id).unwrap().next;
    assert_eq!(next, Some(format!("quorate proposal submit {}", &id[..12])));
    for refused in [
        world.office.export(&id, true).unwrap_err(),
        world.say(&id, 0, Word::Approved).unwrap_err(),
        world.broadcast(&id).unwrap_err(),
    ] {
        assert_eq!(refused.code, "wrong_status", "{refused}");
        assert!(refused.message.contains("submit"), "{refused}");
    }
    world.office.submit(&id, moment(3)).unwrap();
    let early = world.signed(&id, &[0]);
    assert_eq!(world.status(&id), "collecting");
    let twice = world.office.submit(&id, moment(3)).unwrap_err();
    assert_eq!(twice.code, "wrong_status");
    // The same transaction as a draft in another home takes no signature that was made here.
    let other = world.propose(50_000, 2, 4, &DRAFT);
    assert_eq!(other.unwrap_err().code, "not_enough");
    let view = world.office.import(&[early], moment(5)).unwrap();
    assert_eq!(view.accepted, 1);
}

#[test]
fn a_draft_is_edited_freely_and_stays_one() {
    let mut world = World::new(&[100_000, 90_000]);
    let first = world.propose(150_000, 2, 2, &DRAFT).unwrap();
    assert_eq!(first.review.inputs.len(), 2);
    let smaller = [pay(10_000)];
    let revision = Revision {
        recipients: Some(&smaller),
        ..Revision::default()
    };
    let second = world
        .office
        .revise(&first.id, &revision, moment(3))
        .unwrap();
    assert_eq!(
        (second.status.as_str(), second.review.inputs.len()),
        ("draft", 1)
    );
    assert_eq!(second.memo.as_deref(), Some("invoice 17"));
    assert_eq!(world.status(&first.id), "replaced");
    let balance = world.office.balance("family").unwrap().reserved_sat;
    assert_eq!(balance, second.review.inputs[0].value_sat);
}

#[test]
fn t17_an_edit_is_another_proposal_and_what_was_said_of_the_old_one_is_void() {
    let mut world = World::new(&[100_000, 90_000]);
    let old = world.open(50_000, 2, 2);
    world.say(&old, 1, Word::Approved).unwrap();
    assert_eq!(world.sign(&old, &[0]).as_deref(), Some("collecting"));
    let late = world.signed(&old, &[1]);
    let revision = Revision {
        fee_rate: rate(5),
        ..Revision::default()
    };
    let new = world.office.revise(&old, &revision, moment(3)).unwrap();
    assert_ne!(new.id, old);
    assert_eq!(new.status, "collecting");
    assert!(new.answers.is_empty() && new.missing.len() == 3);
    let signed = |view: &ProposalView| {
        let mut words = view
            .review
            .inputs
            .iter()
            .flat_map(|input| input.signatures.values());
        words.any(|word| word == "signed")
    };
    assert!(!signed(&new));
    // The record of the old one stays, it takes nothing more, and the warning is honest.
    let view = world.office.proposal(&old).unwrap();
    assert!(signed(&view) && view.answers.len() == 1);
    assert!(
        view.review
            .findings
            .iter()
            .any(|note| note.contains("can still send it")),
        "{:?}",
        view.review.findings
    );
    let refused = world.office.import(&[late], moment(4)).unwrap();
    let error = refused.files[0].error.as_ref().unwrap();
    assert_eq!(error.code, "wrong_status", "{error:?}");
    for refused in [
        world.office.export(&old, true).unwrap_err(),
        world.say(&old, 0, Word::Approved).unwrap_err(),
        world.office.revise(&old, &revision, moment(5)).unwrap_err(),
        world.office.abandon(&old, None, moment(5)).unwrap_err(),
    ] {
        assert_eq!(refused.code, "wrong_status", "{refused}");
    }
}

/// Both must never be mined, so they share a coin, also where another coin alone would do.
#[test]
fn t26_a_replacement_spends_a_coin_of_the_old_one() {
    for seed in 10..30 {
        let mut world = World::new(&[40_000, 1_000_000, 50_000]);
        let old = world.propose(30_000, 2, seed, &Terms::default()).unwrap();
        let terms = Terms {
            replaces: Some(&old.id),
            ..Terms::default()
        };
        let new = world.propose(35_000, 3, seed, &terms).unwrap();
        let shared = new.review.inputs.iter().any(|input| {
            old.review
                .inputs
                .iter()
                .any(|one| one.outpoint == input.outpoint)
        });
        assert!(shared, "seed {seed}");
        assert_eq!(new.replaces.as_ref(), Some(&old.id));
        // More than the old coins hold: others come in addition.
        let more = [pay(1_050_000)];
        let revision = Revision {
            recipients: Some(&more),
            ..Revision::default()
        };
        let more = world.office.revise(&new.id, &revision, moment(3)).unwrap();
        assert!(more.review.inputs.len() >= 2, "seed {seed}");
        let shared = |input: &quorate_coordinator::view::InputView| {
            new.review
                .inputs
                .iter()
                .any(|one| one.outpoint == input.outpoint)
        };
        assert!(more.review.inputs.iter().any(shared), "seed {seed}");
    }
}

#[test]
fn two_noes_of_three_reject_and_an_approval_or_a_signature_revives() {
    let mut world = World::new(&[100_000]);
    let id = world.open(50_000, 2, 2);
    assert_eq!(
        world.say(&id, 0, Word::Rejected).unwrap().status,
        "collecting"
    );
    let view = world.say(&id, 1, Word::Rejected).unwrap();
    assert_eq!(
        (view.status.as_str(), view.objectors.len()),
        ("rejected", 2)
    );
    assert_eq!(view.missing, Vec::<String>::new());
    assert_eq!(view.answers[0].note.as_deref(), Some("because"));
    // It keeps its coin, because anybody may change his mind, and isn't handed out.
    assert_eq!(
        world.office.balance("family").unwrap().reserved_sat,
        100_000
    );
    let refused = world.office.export(&id, true).unwrap_err();
    assert!(refused.message.contains("approve"), "{refused}");
    let view = world.say(&id, 1, Word::Approved).unwrap();
    assert_eq!(view.status, "collecting");
    let file = world.signed(&id, &[1, 0]);
    world.say(&id, 1, Word::Rejected).unwrap();
    assert_eq!(world.status(&id), "rejected");
    // Both noes sign after all.
    let view = world.office.import(&[file], moment(5)).unwrap();
    assert_eq!((view.accepted, view.status.as_deref()), (2, Some("ready")));
    let notes = world.office.proposal(&id).unwrap().review.findings;
    let told = notes
        .iter()
        .filter(|note| note.contains("said no but has signed"));
    assert_eq!(told.count(), 2, "{notes:?}");
    // And the record of all of it stays after confirmation.
    world.broadcast(&id).unwrap();
    let refused = world.say(&id, 2, Word::Approved).unwrap_err();
    assert_eq!(refused.code, "wrong_status");
    world.chain.mine(1).unwrap();
    world.sync();
    let view = world.office.proposal(&id).unwrap();
    assert_eq!((view.status.as_str(), view.answers.len()), ("confirmed", 2));
}

#[test]
fn the_same_word_twice_is_written_once_and_a_stranger_has_none() {
    let mut world = World::new(&[100_000]);
    let id = world.open(50_000, 2, 2);
    world.say(&id, 0, Word::Approved).unwrap();
    let before = world.office.journal("family").unwrap().entries.len();
    world.say(&id, 0, Word::Approved).unwrap();
    let entries = world.office.journal("family").unwrap().entries;
    assert_eq!(entries.len(), before);
    let last = &entries[before - 1];
    assert_eq!(last.kind, "word_given");
    let expected = format!(
        "{} approved proposal {} \"because\"",
        world.names[0],
        &id[..12]
    );
    assert_eq!(last.summary, expected);
    let unknown = world
        .office
        .speak(&id, "mallory", Word::Rejected, None, moment(3))
        .unwrap_err();
    assert_eq!(unknown.code, "unknown_cosigner");
    let verified = world.office.verify(None, false).unwrap();
    assert_eq!(
        (verified.faults, verified.projection_matches),
        (Vec::new(), true)
    );
}

#[test]
fn after_the_deadline_nothing_is_signed_and_the_coins_are_free() {
    let mut world = World::new(&[100_000]);
    let terms = Terms {
        expires: Some(NOW + 100),
        ..Terms::default()
    };
    let past = Terms {
        expires: Some(NOW),
        ..Terms::default()
    };
    assert_eq!(
        world.propose(50_000, 2, 2, &past).unwrap_err().code,
        "bad_deadline"
    );
    let id = world.propose(50_000, 2, 2, &terms).unwrap().id;
    let file = world.signed(&id, &[0, 1]);
    let view = world.office.import(&[file], at(NOW + 100, 3)).unwrap();
    let error = view.files[0].error.as_ref().unwrap();
    assert_eq!(error.code, "wrong_status");
    assert!(
        error.message.contains("expired") && error.message.contains("revise"),
        "{error:?}"
    );
    assert_eq!(world.status(&id), "expired");
    assert_eq!(world.office.balance("family").unwrap().reserved_sat, 0);
    let coins = world.office.coins("family").unwrap().coins;
    assert_eq!(coins[0].reserved_by, None);
    let broadcast = world
        .office
        .broadcast(&id, &world.chain, false, at(NOW + 100, 4));
    assert_eq!(broadcast.unwrap_err().code, "wrong_status");
    // A new deadline is a revision.
    let revision = Revision {
        expires: Some(Deadline::At(NOW + 900)),
        fee_rate: rate(3),
        ..Revision::default()
    };
    let new = world
        .office
        .revise(&id, &revision, at(NOW + 101, 5))
        .unwrap();
    assert_eq!(
        (new.status.as_str(), new.expires_at),
        ("collecting", Some(NOW + 900))
    );
    assert_eq!(world.status(&id), "replaced");
    // One that hasn't passed is taken over.
    let revision = Revision {
        fee_rate: rate(4),
        ..Revision::default()
    };
    let newer = world
        .office
        .revise(&new.id, &revision, at(NOW + 102, 6))
        .unwrap();
    assert_eq!(newer.expires_at, Some(NOW + 900));
}

#[test]
fn what_was_let_go_before_the_deadline_does_not_expire() {
    let mut world = World::new(&[100_000]);
    let terms = Terms {
        expires: Some(NOW + 100),
        ..Terms::default()
    };
    let id = world.propose(50_000, 2, 2, &terms).unwrap().id;
    assert_eq!(world.sign(&id, &[0, 1]).as_deref(), Some("ready"));
    world
        .office
        .broadcast(&id, &world.chain, false, moment(3))
        .unwrap();
    let mut later = Coordinator::open(world.home.path()).unwrap().at(NOW + 200);
    assert_eq!(later.proposal(&id).unwrap().status, "broadcast");
    let coins = later.coins("family").unwrap().coins;
    assert_eq!(coins[0].reserved_by.as_ref(), Some(&id));
}

/// A fee that was too low: the second pays more, goes out, and the first is replaced, without any
/// stop at either of them being called out of the way before the chain says so.
#[test]
fn t27_what_is_out_is_replaced_by_what_pays_enough_and_the_chain_decides() {
    let mut world = World::new(&[100_000, 90_000]);
    let old = world.open(50_000, 2, 2);
    world.sign(&old, &[0, 1]);
    let first_txid = world.broadcast(&old).unwrap();
    let low = Revision {
        fee_rate: rate(2),
        ..Revision::default()
    };
    let refused = world.office.revise(&old, &low, moment(3)).unwrap_err();
    assert_eq!(refused.code, "underbid", "{refused}");
    assert!(refused.message.contains("--feerate 3.0"), "{refused}");
    let high = Revision {
        fee_rate: rate(4),
        ..Revision::default()
    };
    let new = world.office.revise(&old, &high, moment(4)).unwrap();
    assert_eq!(
        (new.status.as_str(), world.status(&old).as_str()),
        ("collecting", "broadcast")
    );
    assert_eq!(world.sign(&new.id, &[1, 2]).as_deref(), Some("ready"));
    // Its coin is promised once: 63 of 64 more that would replace the first are refused.
    let home = world.home.path();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64u8)
            .map(|seed| {
                let (old, high) = (&old, &high);
                scope.spawn(move || {
                    let mut office = Coordinator::open(home).unwrap();
                    office
                        .revise(old, high, moment(seed))
                        .map_err(|error| error.code)
                })
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    });
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err("reserved"))),
        "{results:?}"
    );
    // A third steps into the second's place, and must outbid the first as well.
    let low = world.office.revise(&new.id, &low, moment(5)).unwrap_err();
    assert_eq!(low.code, "underbid", "{low}");
    assert!(low.message.contains(&old[..12]), "{low}");
    let third = Revision {
        fee_rate: rate(3),
        ..Revision::default()
    };
    let third = world.office.revise(&new.id, &third, moment(5)).unwrap();
    assert_eq!(world.status(&new.id), "replaced");
    assert_eq!(world.sign(&third.id, &[0, 2]).as_deref(), Some("ready"));
    let txid = world.broadcast(&third.id).unwrap();
    assert_ne!(txid, first_txid);
    assert_eq!(world.status(&third.id), "broadcast");
    assert_eq!(world.status(&old), "replaced");
    world.chain.mine(1).unwrap();
    world.sync();
    assert_eq!(world.status(&third.id), "confirmed");
    assert_eq!(world.status(&old), "replaced");
    assert_eq!(world.office.balance("family").unwrap().reserved_sat, 0);
}

/// T26 the other way round: the old one is mined although a newer one was ready.
#[test]
fn t26_when_the_old_one_is_mined_the_status_follows_the_chain() {
    let mut world = World::new(&[100_000]);
    let old = world.open(50_000, 2, 2);
    world.sign(&old, &[0, 1]);
    let psbt = world.office.export(&old, true).unwrap();
    let revision = Revision {
        fee_rate: rate(4),
        ..Revision::default()
    };
    let new = world.office.revise(&old, &revision, moment(3)).unwrap();
    assert_eq!(world.status(&old), "replaced");
    // Somebody who kept the signed file finishes it and sends it.
    let vault = world.office.vault_facts("family").unwrap();
    let proposal = quorate_core::proposal::Proposal::check(&vault, psbt.clone()).unwrap();
    let file = quorate_core::psbt::read(&psbt.serialize()).unwrap();
    let admission = quorate_core::psbt::admit(&proposal, &file, &Default::default()).unwrap();
    let signatures = admission.new.iter().map(|one| (one.slot, one.signature));
    let signatures = signatures.collect();
    let transaction = quorate_core::psbt::finalize(&proposal, &signatures).unwrap();
    world.chain.broadcast(&transaction).unwrap();
    world.sync();
    assert_eq!(world.status(&old), "broadcast");
    world.chain.mine(1).unwrap();
    world.sync();
    assert_eq!(world.status(&old), "confirmed");
    assert_eq!(world.status(&new.id), "replaced");
}

#[test]
fn t26_a_spend_to_ourselves_makes_a_given_up_proposal_impossible() {
    let mut world = World::new(&[100_000, 90_000]);
    let old = world.open(150_000, 2, 2);
    world.sign(&old, &[0, 1]);
    let view = world.office.abandon(&old, None, moment(3)).unwrap();
    let offered = format!(
        "quorate proposal create family --cancel {} --feerate 2",
        &old[..12]
    );
    assert_eq!(view.next.as_deref(), Some(offered.as_str()));
    assert!(
        view.review
            .findings
            .iter()
            .any(|note| note.contains("can still send it"))
    );
    let other = world
        .office
        .cancel("elsewhere", &old, rate(2).unwrap(), None, false, moment(4));
    assert_eq!(other.unwrap_err().code, "unknown_vault");
    let cancel = world
        .office
        .cancel("family", &old, rate(2).unwrap(), None, false, moment(4))
        .unwrap();
    assert_eq!(
        (
            cancel.review.inputs.len(),
            cancel.review.inputs[0].value_sat
        ),
        (1, 100_000)
    );
    assert!(cancel.review.recipients.is_empty() && cancel.review.change.len() == 1);
    assert_eq!(cancel.replaces.as_ref(), Some(&old));
    world.sign(&cancel.id, &[1, 2]);
    world.broadcast(&cancel.id).unwrap();
    world.chain.mine(1).unwrap();
    world.sync();
    assert_eq!(world.status(&cancel.id), "confirmed");
    let view = world.office.proposal(&old).unwrap();
    assert_eq!((view.status.as_str(), view.next), ("abandoned", None));
    assert!(
        !view
            .review
            .findings
            .iter()
            .any(|note| note.contains("can still send it"))
    );
    // There is nothing left to make impossible.
    let again = world.office.cancel(
        "family",
        &cancel.id,
        rate(2).unwrap(),
        None,
        false,
        moment(5),
    );
    assert_eq!(again.unwrap_err().code, "wrong_status");
}

/// A coin goes with a proposal only as long as that can happen.
#[test]
fn a_proposal_that_lost_a_coin_in_a_block_holds_no_other() {
    let mut world = World::new(&[100_000, 90_000]);
    let both = world.open(150_000, 2, 2);
    world.sign(&both, &[0, 1]);
    world.broadcast(&both).unwrap();
    let cancel = world
        .office
        .cancel("family", &both, rate(9).unwrap(), None, false, moment(4))
        .unwrap();
    world.sign(&cancel.id, &[0, 1]);
    world.broadcast(&cancel.id).unwrap();
    assert_eq!(world.status(&both), "replaced");
    world.chain.mine(1).unwrap();
    world.sync();
    assert_eq!(world.status(&both), "replaced");
    let coins = world.office.coins("family").unwrap().coins;
    assert!(
        coins.iter().all(|coin| coin.reserved_by.is_none()),
        "{coins:?}"
    );
}

fn spoil(world: &World, id: &str) {
    let path = world.home.path().join(quorate_coordinator::DATABASE);
    let conn = rusqlite::Connection::open(path).unwrap();
    let sql = format!(
        "UPDATE proposals SET psbt = x'00' WHERE lower(hex(id)) = '{id}';
         UPDATE signatures SET signature = x'00' WHERE lower(hex(proposal)) = '{id}'"
    );
    conn.execute_batch(&sql).unwrap();
}

#[test]
fn the_list_reads_nothing_of_finished_proposals_and_survives_a_damaged_one() {
    let mut world = World::new(&[100_000, 90_000, 80_000, 70_000]);
    let done = world.open(95_000, 2, 2);
    world.sign(&done, &[0, 1]);
    world.broadcast(&done).unwrap();
    world.chain.mine(1).unwrap();
    world.sync();
    let given_up = world.open(60_000, 2, 3);
    world.sign(&given_up, &[0]);
    world.office.abandon(&given_up, None, moment(4)).unwrap();
    let broken = world.open(50_000, 2, 5);
    let live = world.open(55_000, 2, 6);
    let view = world.office.proposals(Some("family"), false).unwrap();
    let ids: Vec<&String> = view.proposals.iter().map(|line| &line.id).collect();
    assert_eq!((ids, view.finished), (vec![&broken, &live], 2));
    let line = &view.proposals[1];
    assert_eq!((line.needed, line.threshold, line.missing.len()), (2, 2, 3));
    assert_eq!((line.amount_sat, line.payees), (55_000, 1));
    for id in [&done, &given_up, &broken] {
        spoil(&world, id);
    }
    let view = world.office.proposals(None, true).unwrap();
    let status: Vec<&str> = view
        .proposals
        .iter()
        .map(|line| line.status.as_str())
        .collect();
    assert_eq!(status, ["confirmed", "abandoned", "damaged", "collecting"]);
    assert_eq!(view.proposals[0].amount_sat, 95_000);
    assert!(view.proposals[0].to.is_some());
    let fault = view.proposals[2].fault.as_deref().unwrap();
    assert!(fault.contains(&broken), "{fault}");
    // Nor does it cost the vault's own page.
    let counts = world.office.vault("family").unwrap().proposals;
    assert_eq!((counts["damaged"], counts["confirmed"]), (1, 1));
}

#[test]
fn a_deadline_that_passes_is_told_once_though_nothing_happens() {
    let mut world = World::new(&[100_000]);
    let terms = Terms {
        expires: Some(NOW + 100),
        ..Terms::default()
    };
    let id = world.propose(20_000, 2, 5, &terms).unwrap().id;
    let World {
        chain: _chain,
        office,
        home,
        ..
    } = world;
    drop(office);
    let told = |now: u64| -> Vec<String> {
        let mut office = Coordinator::open(home.path()).unwrap().at(now);
        let events = office.events(0).unwrap().events.into_iter();
        let of_it = events.filter(|one| one.proposal.as_deref() == Some(&id));
        of_it.filter_map(|one| one.to).collect()
    };
    assert_eq!(told(NOW + 99), ["collecting"]);
    assert_eq!(told(NOW + 100), ["collecting", "expired"]);
    assert_eq!(told(NOW + 200), ["collecting", "expired"]);
}
