//! Who may speak for whom.

use super::world::{World, moment, word};
use quorate_core::journal::Word;

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

/// A word about a proposal of another vault's cosigner is refused, not kept for later.
#[test]
fn a_word_for_somebody_who_is_no_cosigner_is_refused() {
    let mut world = World::new();
    let id = world.owner.propose(20_000, 20);
    let mut forger = world.enrolled_forger();
    let mut body = word(&id, &world.vault, 0, Word::Approved, "me");
    if let quorate_core::journal::Body::WordGiven { cosigner, .. } = &mut body {
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
