//! Who may speak for whom.

use super::world::{World, moment, proposal_id, word};
use bitcoin::Amount;
use quorate_coordinator::Revision;
use quorate_core::journal::{Body, Word};
use quorate_core::spend::{Recipient, Send};
use std::collections::BTreeSet;

fn answers(view: &quorate_coordinator::view::ProposalView) -> Vec<(&str, &str)> {
    let answers = view.answers.iter();
    answers
        .map(|one| (one.cosigner.as_str(), one.answer.as_str()))
        .collect()
}

/// Two of three say no: one of them through a member who isn't enrolled for him.
#[test]
fn t14_a_member_speaks_for_its_own_cosigner_alone() {
    let mut world = World::new();
    let id = world.owner.propose(20_000, 20);
    let journal = world.owner.export();
    world.bob.import(&journal);
    let no = Word::Rejected;
    world
        .bob
        .office
        .speak(&id, "bob", no, Some("too much"), moment(21))
        .unwrap();
    let error = world
        .bob
        .office
        .speak(&id, "carol", no, None, moment(22))
        .unwrap_err();
    assert_eq!(error.code, "not_enrolled", "{error:?}");
    let mut forger = world.enrolled_forger();
    let forged = [
        forger.say(word(&id, &world.vault, 2, no, "carol said so")),
        forger.say(word(&id, &world.vault, 0, no, "alice said so")),
    ];
    let bobs = world.bob.export();
    for home in [&mut world.owner, &mut world.bob] {
        home.import(&bobs);
        home.take(&forged);
    }
    let journal = world.owner.export();
    world.bob.import(&journal);
    for home in [&mut world.owner, &mut world.bob] {
        let view = home.office.proposal(&id).unwrap();
        assert_eq!(answers(&view), [("bob", "rejected")]);
        assert_eq!(view.status, "collecting");
    }
    // The owner may speak for all: he writes down what he was told.
    let office = &mut world.owner.office;
    let view = office.speak(&id, "carol", no, None, moment(23)).unwrap();
    assert_eq!(view.status, "rejected");
    let journal = world.owner.export();
    world.bob.import(&journal);
    assert_eq!(world.bob.status(&id), "rejected");
}

/// Who backdates an opening can't take a proposal back from those who are signing it.
#[test]
fn a_proposal_that_is_open_is_not_made_a_draft_by_another_opening() {
    let mut world = World::new();
    let id = world.owner.propose(20_000, 20);
    let request = world.owner.office.export(&id, false).unwrap();
    let forger = world.enrolled_forger();
    let body = Body::ProposalOpened {
        proposal: proposal_id(&id),
        psbt: quorate_core::psbt::to_base64(&request),
        memo: Some("invoice 17".to_owned()),
        draft: true,
        expires: None,
        replaces: None,
    };
    let entry = forger.entry(1, None, 1, body);
    let journal = world.owner.export();
    // Whichever of the two comes first.
    world.owner.take(std::slice::from_ref(&entry));
    world.bob.import(&journal);
    world.bob.take(std::slice::from_ref(&entry));
    world.carol.take(&[entry]);
    world.carol.import(&journal);
    for home in [&mut world.owner, &mut world.bob, &mut world.carol] {
        assert_eq!(home.status(&id), "collecting");
    }
    assert_eq!(world.owner.state(), world.bob.state());
    assert_eq!(world.carol.state(), world.bob.state());
}

/// A member says that its proposal replaces another one with which it has nothing in common; a revision
/// of it takes none of that one's coins.
#[test]
fn t25_claiming_to_replace_a_proposal_does_not_free_its_coins() {
    let mut world = World::new();
    let honest = world.owner.propose(80_000, 20);
    let other = world.owner.propose(80_000, 21);
    let request = world.owner.office.export(&other, false).unwrap();
    let coins = |world: &mut World, id: &str| -> BTreeSet<String> {
        let view = world.owner.office.proposal(id).unwrap();
        let inputs = view.review.inputs.into_iter();
        inputs.map(|input| input.outpoint).collect()
    };
    let held = coins(&mut world, &honest);
    assert!(held.is_disjoint(&coins(&mut world, &other)));
    let forger = world.enrolled_forger();
    let body = Body::ProposalOpened {
        proposal: proposal_id(&other),
        psbt: quorate_core::psbt::to_base64(&request),
        memo: None,
        draft: false,
        expires: None,
        replaces: Some(proposal_id(&honest)),
    };
    let entry = forger.entry(1, None, 1, body);
    world.owner.take(&[entry]);
    let view = world.owner.office.proposal(&other).unwrap();
    assert_eq!(view.replaces.as_deref(), Some(honest.as_str()));
    let told = world.owner.office.proposal(&honest).unwrap();
    assert_eq!(told.replaced_by, None);
    let address = view.review.recipients[0].address.clone().unwrap();
    let address: bitcoin::Address<_> = address.parse().unwrap();
    let address = address.assume_checked();
    // The vault has three coins of 100,000.
    let pay = |sats| {
        [Recipient {
            address: address.clone(),
            send: Send::Exactly(Amount::from_sat(sats)),
        }]
    };
    let (more, most) = (pay(150_000), pay(250_000));
    let mut revise = |recipients| {
        let revision = Revision {
            recipients: Some(recipients),
            ..Revision::default()
        };
        world.owner.office.revise(&other, &revision, moment(30))
    };
    let error = revise(&most).unwrap_err();
    assert_eq!(error.code, "not_enough", "{error:?}");
    let revised = revise(&more).unwrap();
    assert!(held.is_disjoint(&coins(&mut world, &revised.id)));
    assert_eq!(world.owner.status(&honest), "collecting");
}

/// A word about a proposal of another vault's cosigner is refused, not kept for later.
#[test]
fn a_word_for_somebody_who_is_no_cosigner_is_refused() {
    let mut world = World::new();
    let id = world.owner.propose(20_000, 20);
    let mut forger = world.enrolled_forger();
    let mut body = word(&id, &world.vault, 0, Word::Approved, "me");
    if let Body::WordGiven { cosigner, .. } = &mut body {
        cosigner.chain_code = [7; 32].into();
    }
    let view = world.owner.take(&[forger.say(body)]);
    assert_eq!(view.refused.len(), 1);
    assert!(
        view.refused[0]
            .reason
            .contains("whom the vault doesn't have"),
        "{:?}",
        view.refused
    );
    assert!(world.owner.office.proposal(&id).unwrap().answers.is_empty());
}
