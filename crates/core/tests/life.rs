//! The life of a proposal: what may be said about it, when enough said no, and what may take its
//! place.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Amount, Weight};
use common::all_facts;
use common::rogue::Signed;
use common::vault;
use common::world::{World, pay, stranger};
use quorate_core::journal::{Body, CloseReason, Word};
use quorate_core::key::KeyIdentity;
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{
    Facts, Place, Price, Proposal, Purpose, Refusal, Rival, SignatureSet, SignedInputs, Stage,
    Status, Succession, is_rejected, objectors, outbid, speak, status, submit, supersede,
};
use quorate_core::spend::{Available, Finding, Recipient, Request, Send, propose, review};
use quorate_core::vault::Vault;
use std::collections::BTreeSet;

const OPEN: Facts = Facts {
    stage: Stage::Open,
    released: false,
    satisfied: false,
    rejected: false,
    expired: false,
    place: Place::Nowhere,
    rival: Rival::None,
};

fn set(numbers: &[usize]) -> BTreeSet<usize> {
    numbers.iter().copied().collect()
}

fn rejected(
    world: &World,
    proposal: &Proposal,
    signatures: &SignatureSet,
    no: &BTreeSet<usize>,
) -> bool {
    is_rejected(
        &world.vault,
        proposal,
        &SignedInputs::of(proposal, signatures),
        no,
    )
}

/// The rule against the scripts themselves: with everybody's signature but the objectors', is every
/// input satisfied? For every template, every set of objectors, and every spending path.
#[test]
fn a_proposal_is_rejected_exactly_when_the_others_signatures_cannot_suffice() {
    let mut cases = 0;
    for policy in [
        "2-of-3",
        "3-of-5",
        "2-of-3-recovery",
        "decaying-3-of-3",
        "inheritance",
    ] {
        let paths = vault(policy).policy().paths.len();
        for path in 0..paths {
            let world = World::new(policy, &[60_000, 50_000]);
            let recipients = [Recipient {
                address: stranger(1),
                send: Send::All,
            }];
            let request = Request {
                path,
                ..world.request(&recipients, 2)
            };
            let proposal = propose(&world.vault, &request).unwrap();
            let signed = Signed::new(&world, &proposal);
            let count = world.vault.cosigners().len();
            for bits in 0..1_usize << count {
                let (no, others): (BTreeSet<usize>, BTreeSet<usize>) =
                    (0..count).partition(|cosigner| bits >> cosigner & 1 == 1);
                let enough =
                    SignedInputs::of(&proposal, &signed.set(others.iter().copied())).is_complete();
                let found = rejected(&world, &proposal, &SignatureSet::new(), &no);
                assert_eq!(found, !enough, "{policy} path {path}: no of {no:?}");
                cases += 1;
            }
        }
    }
    assert!(cases > 100, "{cases}");
}

#[test]
fn a_signature_goes_over_a_no_on_each_input_by_itself() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let no = set(&[0, 1]);
    assert!(rejected(&world, &proposal, &SignatureSet::new(), &no));
    // He signed both inputs: with carol there would be two.
    let both = signed.set([0]);
    assert!(!rejected(&world, &proposal, &both, &no));
    // Only one of them: the other can't be satisfied.
    let mut half = both.clone();
    let slot = *half.keys().find(|slot| slot.input == 1).unwrap();
    half.remove(&slot);
    assert!(rejected(&world, &proposal, &half, &no));
    // Someone else's signature doesn't help.
    assert!(rejected(&world, &proposal, &signed.set([2]), &no));
}

#[test]
fn a_no_stands_until_its_own_author_takes_it_back() {
    assert_eq!(objectors([]), set(&[]));
    assert_eq!(
        objectors([(0, Word::Approved), (1, Word::Rejected)]),
        set(&[1])
    );
    // Two authors about one cosigner, in any order.
    for words in [
        [(1, Word::Rejected), (1, Word::Approved)],
        [(1, Word::Approved), (1, Word::Rejected)],
    ] {
        assert_eq!(objectors(words), set(&[1]));
    }
}

#[test]
fn words_are_taken_while_there_is_something_to_decide() {
    let vault = vault("2-of-3");
    let world = World::new("2-of-3", &[60_000]);
    let id = world.spend_all_coins().id();
    let key = &vault.cosigners()[1].key;
    for facts in all_facts() {
        let status = status(&facts);
        let open = facts.stage == Stage::Open;
        let taken = matches!(status, Status::Collecting | Status::Ready)
            || status == Status::Rejected && open;
        let note = Some("why".to_owned());
        match speak(id, &facts, key, Word::Rejected, note.clone()) {
            Ok(body) => {
                assert!(taken, "{facts:?}");
                let Body::WordGiven {
                    proposal,
                    cosigner,
                    word,
                    note: said,
                } = body
                else {
                    panic!("another entry");
                };
                assert_eq!((proposal, word, said), (id, Word::Rejected, note));
                assert_eq!(KeyIdentity::from(&cosigner), key.identity());
            }
            Err(_) => assert!(!taken, "{facts:?}"),
        }
    }
}

#[test]
fn only_a_draft_is_submitted() {
    let id = World::new("2-of-3", &[60_000]).spend_all_coins().id();
    for facts in all_facts() {
        let draft = status(&facts) == Status::Draft;
        assert_eq!(submit(id, &facts).is_ok(), draft, "{facts:?}");
    }
    let facts = Facts {
        stage: Stage::Draft,
        ..OPEN
    };
    assert_eq!(
        submit(id, &facts),
        Ok(Body::ProposalSubmitted { proposal: id })
    );
}

#[test]
fn what_can_still_happen_can_be_replaced_and_is_closed_unless_it_is_out() {
    let id = World::new("2-of-3", &[60_000]).spend_all_coins().id();
    let closing = Some(Body::ProposalClosed {
        proposal: id,
        reason: CloseReason::Superseded,
        note: None,
    });
    for facts in all_facts() {
        let unclosed = matches!(facts.stage, Stage::Draft | Stage::Open);
        let out = facts.released || facts.place == Place::Mempool;
        let (revised, closed) = match status(&facts) {
            Status::Draft | Status::Collecting | Status::Ready => (true, true),
            Status::Expired | Status::Rejected => (unclosed, unclosed),
            Status::Broadcast => (true, false),
            Status::Confirmed | Status::Replaced | Status::Conflicted | Status::Abandoned => {
                (false, false)
            }
        };
        let expected = Succession {
            closing: closing.clone().filter(|_| closed),
            outbids: out,
        };
        let found = supersede(id, &facts, Purpose::Revise).ok();
        assert_eq!(found, revised.then(|| expected.clone()), "{facts:?}");
        // What was given up can't be revised, only be made impossible.
        let given_up = !unclosed && facts.place == Place::Nowhere;
        let found = supersede(id, &facts, Purpose::Cancel).ok();
        let cancelled = revised || given_up;
        assert_eq!(found, cancelled.then_some(expected), "{facts:?}");
    }
}

/// T27: exactly at the limits of the rules.
#[test]
fn t27_a_replacement_pays_the_old_fee_its_own_size_and_a_higher_rate() {
    let id = World::new("2-of-3", &[60_000]).spend_all_coins().id();
    let price = |fee, weight| Price {
        fee: Amount::from_sat(fee),
        weight: Weight::from_wu(weight),
    };
    // 1,000 sat for 400 vB; the same size: 400 sat more.
    let old = price(1_000, 1_600);
    assert_eq!(outbid(id, old, price(1_400, 1_600)), Ok(()));
    let low = outbid(id, old, price(1_399, 1_600)).unwrap_err();
    assert!(
        matches!(&low, Refusal::Underbid { needed, rate, .. }
            if needed.to_sat() == 1_400 && rate == "3.50"),
        "{low}"
    );
    assert!(low.to_string().contains("--feerate 3.50"), "{low}");
    // Twice the size: 2.5 sat/vB is the old rate, 2,001 sat is above it; the fee rule asks for 1,800.
    assert_eq!(outbid(id, old, price(2_001, 3_200)), Ok(()));
    assert!(outbid(id, old, price(2_000, 3_200)).is_err());
    // Half the size: the rate alone would let 501 sat do, the fee rule asks for 1,200.
    assert_eq!(outbid(id, old, price(1_200, 800)), Ok(()));
    assert!(outbid(id, old, price(1_199, 800)).is_err());
    // A virtual byte that has begun counts.
    assert!(outbid(id, old, price(1_400, 1_601)).is_err());
    assert_eq!(outbid(id, old, price(1_401, 1_601)), Ok(()));
}

/// A spend to ourselves is change that devices recognise, and its fee is held against what it moves.
#[test]
fn t26_a_spend_to_ourselves_is_change_and_nothing_leaves() {
    let world = World::new("2-of-3", &[60_000]);
    let change: Vault = vault("2-of-3");
    let address = change.derive(Keychain::Change, 0).unwrap();
    let recipients = [Recipient {
        address: address.address(change.network()),
        send: Send::All,
    }];
    let coins: Vec<Available> = world.coins.clone();
    let request = Request {
        coins: &coins,
        all_coins: true,
        ..world.request(&recipients, 2)
    };
    let proposal = propose(&world.vault, &request).unwrap();
    assert_eq!(proposal.outputs()[0].ours, Some((Keychain::Change, 0)));
    let review = review(&world.vault, &proposal, None);
    assert!(review.recipients.is_empty());
    assert_eq!(review.change.len(), 1);
    assert_eq!(review.findings, [Finding::StaysInside]);
    let request = Request {
        coins: &coins,
        all_coins: true,
        ..world.request(&recipients, 90)
    };
    assert!(propose(&world.vault, &request).is_err(), "over 10 %");
    let _ = pay(1);
}

/// Version 1 said nothing of drafts, deadlines and replacements, and still means an open proposal.
#[test]
fn what_version_1_wrote_means_the_same() {
    let golden = include_str!("golden/journal-v1.txt");
    let mut opened = 0;
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let (signature, text) = line.split_once(' ').unwrap();
        let signature: Vec<u8> = bitcoin::hex::FromHex::from_hex(signature).unwrap();
        let entry = quorate_core::journal::Entry::check(text, &signature).unwrap();
        if let Body::ProposalOpened {
            draft,
            expires,
            replaces,
            ..
        } = entry.content().body
        {
            assert_eq!((draft, expires, replaces), (false, None, None));
            opened += 1;
        }
    }
    assert_eq!(opened, 1);
}
