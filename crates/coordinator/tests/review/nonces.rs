//! T32: a one-time number used for two signatures gives a key away.

use crate::world::{World, moment, secrets, stranger, with};
use quorate_coordinator::view::ImportView;
use quorate_coordinator::{Coordinator, Incoming, VaultImport};
use quorate_core::ledger::Birth;
use quorate_core::script_type::ScriptType;
use quorate_testkit::rogue::sign_psbt_with;

fn world(coins: usize) -> World {
    let mut world = World::new();
    let address = world.address("family");
    for _ in 0..coins {
        world.fund(&address, 100_000);
    }
    world
}

fn alarms(world: &mut World, view: &ImportView) -> usize {
    let raised = with(&view.findings, "ALARM").len();
    let vault = world.office.vault("family").unwrap();
    assert_eq!(with(&vault.warnings, "ALARM").len(), raised);
    let list = world.office.proposals(None, true).unwrap();
    for proposal in list.proposals {
        let shown = world.office.proposal(&proposal.id).unwrap();
        assert_eq!(with(&shown.review.findings, "ALARM").len(), raised);
    }
    raised
}

#[test]
fn t32_one_number_for_two_messages_raises_the_alarm_and_the_signature_counts() {
    let mut world = world(2);
    let first = world.pay(&stranger(1), 50_000);
    let second = world.pay(&stranger(2), 60_000);
    let view = world.sign(&first.id, 0, &[7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (1, 0));
    let view = world.sign(&second.id, 0, &[7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (1, 1));
    let told = &view.findings[0];
    assert!(told.contains("`alice` is compromised"), "{told}");
    assert!(told.contains(&first.id[..12]) && told.contains(&second.id[..12]));
    // What is proposed later carries it too: the key stays known to others.
    let third = world.office.proposal(&second.id).unwrap();
    assert_eq!(third.review.inputs[0].signatures["alice"], "signed");
    let view = world.sign(&second.id, 1, &[8]);
    assert_eq!((view.accepted, view.status.as_deref()), (1, Some("ready")));
    assert_eq!(alarms(&mut world, &view), 1);
}

/// The same of BIP-0340 signatures, and between the cosigners of a taproot vault.
#[test]
fn t32_taproot_signatures_with_one_number_raise_the_alarm() {
    let mut world = World::of(ScriptType::Tr);
    let address = world.address("family");
    for _ in 0..3 {
        world.fund(&address, 100_000);
    }
    let [first, second, third] =
        [(1, 50_000), (2, 60_000), (3, 70_000)].map(|(to, sat)| world.pay(&stranger(to), sat).id);
    let view = world.sign(&first, 0, &[7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (1, 0));
    let view = world.sign(&first, 0, &[7]);
    assert_eq!((view.known, alarms(&mut world, &view)), (1, 0));
    let view = world.sign(&second, 0, &[7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (1, 1));
    assert!(view.findings[0].contains("`alice` is compromised"));
    let view = world.sign(&third, 2, &[7]);
    assert_eq!(view.accepted, 1);
    let told = with(&view.findings, "`alice` and `carol`");
    assert_eq!(told.len(), 1, "{:?}", view.findings);
    // A file alone shows it too.
    let mut psbt = world.office.export(&third, false).unwrap();
    sign_psbt_with(&mut psbt, &world.signers[1], &secrets(&[7]));
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: psbt.serialize(),
    };
    let seen = world.office.review_file(&file, None).unwrap();
    let told = with(&seen.review.findings, "`alice` and `bob`");
    assert_eq!(told.len(), 1, "{:?}", seen.review.findings);
}

#[test]
fn t32_the_same_signature_again_is_no_alarm() {
    let mut world = world(1);
    let id = world.pay(&stranger(1), 50_000).id;
    for accepted in [1, 0] {
        let view = world.sign(&id, 0, &[7]);
        assert_eq!((view.accepted, alarms(&mut world, &view)), (accepted, 0));
    }
    // The office restarts, and replays its journal.
    world.office = Coordinator::open(world.folder.path()).unwrap();
    let verified = world.office.verify(None, true).unwrap();
    assert!(verified.projection_matches && verified.faults.is_empty());
    let view = world.sign(&id, 0, &[7]);
    assert_eq!((view.known, alarms(&mut world, &view)), (1, 0));
}

#[test]
fn t32_fresh_numbers_are_no_alarm() {
    let mut world = world(2);
    for (number, to) in [(11, 1), (21, 2)] {
        let id = world.pay(&stranger(to), 50_000).id;
        for signer in 0..2 {
            let view = world.sign(&id, signer, &[number + u8::try_from(signer).unwrap()]);
            assert_eq!(alarms(&mut world, &view), 0);
        }
    }
}

/// Keys of different addresses are of one cosigner: what lies between them is known to all who know
/// the vault.
#[test]
fn t32_one_number_on_two_addresses_of_one_cosigner_raises_the_alarm() {
    let mut world = World::new();
    for _ in 0..2 {
        let address = world.address("family");
        world.fund(&address, 100_000);
    }
    let id = world.pay(&stranger(1), 150_000).id;
    let view = world.sign(&id, 2, &[7, 7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (2, 1));
    assert!(view.findings[0].contains("`carol` is compromised"));
    // Told to programs as well, once, also after the tables were made anew.
    let told = |world: &mut World| -> Vec<Option<String>> {
        let events = world.office.events(0).unwrap().events.into_iter();
        let alarms = events.filter(|event| event.kind == "alarm");
        alarms.map(|event| event.proposal).collect()
    };
    assert_eq!(told(&mut world), [Some(id.clone())]);
    world.office.verify(None, true).unwrap();
    assert_eq!(told(&mut world), [Some(id)]);
}

/// A cosigner may use one number for every coin on purpose: the alarm must not make every view of the
/// vault take minutes.
#[test]
fn t32_one_number_on_very_many_inputs_costs_little() {
    let mut world = world(60);
    let id = world.pay(&stranger(1), 5_900_000).id;
    let mut psbt = world.office.export(&id, false).unwrap();
    let inputs = psbt.inputs.len();
    assert!(inputs > 55, "{inputs}");
    sign_psbt_with(&mut psbt, &world.signers[1], &secrets(&vec![7; inputs]));
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: psbt.serialize(),
    };
    let review = |world: &mut World| {
        let begun = std::time::Instant::now();
        let seen = world.office.review_file(&file, None).unwrap();
        assert_eq!(with(&seen.review.findings, "ALARM").len(), 1);
        begun.elapsed()
    };
    let before = review(&mut world);
    let view = world.sign(&id, 1, &vec![7; inputs]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (inputs, 1));
    let after = review(&mut world);
    assert!(after < before * 10, "{before:?}, {after:?}");
}

#[test]
fn t32_one_number_of_two_cosigners_raises_the_alarm() {
    let mut world = world(1);
    let id = world.pay(&stranger(1), 50_000).id;
    world.sign(&id, 0, &[7]);
    let view = world.sign(&id, 1, &[7]);
    assert_eq!((view.accepted, alarms(&mut world, &view)), (1, 1));
    let told = &view.findings[0];
    assert!(told.contains("`alice` and `bob`"), "{told}");
    assert!(!told.contains("compromised"));
}

/// What a key gave away in one vault is lost in every vault that has the key, and in no other.
#[test]
fn t32_the_alarm_is_raised_in_every_vault_with_the_key() {
    let mut world = world(2);
    world.add_vault("savings");
    world.add_vault("twin");
    for to in [1, 2] {
        let id = world.pay(&stranger(to), 50_000).id;
        world.sign(&id, 0, &[7]);
    }
    let warnings = |world: &mut World, name| world.office.vault(name).unwrap().warnings;
    assert_eq!(with(&warnings(&mut world, "family"), "ALARM").len(), 1);
    assert_eq!(with(&warnings(&mut world, "twin"), "ALARM").len(), 1);
    assert!(with(&warnings(&mut world, "savings"), "ALARM").is_empty());
}

/// A cosigner who gets a file with two signatures sees it before signing, in a home that knows no
/// signature yet.
#[test]
fn t32_a_file_alone_shows_it() {
    let mut world = world(3);
    let id = world.pay(&stranger(1), 150_000).id;
    let mut psbt = world.office.export(&id, false).unwrap();
    sign_psbt_with(&mut psbt, &world.signers[1], &secrets(&[7, 7]));
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: psbt.serialize(),
    };
    let folder = tempfile::tempdir().unwrap();
    Coordinator::init(folder.path(), bitcoin::Network::Regtest, moment(60)).unwrap();
    let mut cosigner = Coordinator::open(folder.path()).unwrap();
    let vault = world.office.vault("family").unwrap();
    let import = VaultImport {
        name: "ours",
        text: &vault.descriptor,
        cosigners: None,
        birth: Birth::Height(0),
    };
    cosigner.import_vault(&import, moment(61)).unwrap();
    let seen = cosigner.review_file(&file, None).unwrap();
    assert_eq!(with(&seen.review.findings, "ALARM").len(), 1);
    sign_psbt_with(&mut psbt, &world.signers[1], &secrets(&[7, 8]));
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: psbt.serialize(),
    };
    let seen = cosigner.review_file(&file, None).unwrap();
    assert!(with(&seen.review.findings, "ALARM").is_empty());
    // The office kept a signature with one of the numbers; a file that uses it again is told of
    // before it is imported.
    world.sign(&id, 1, &[9, 10]);
    let second = world.pay(&stranger(2), 20_000);
    let mut psbt = world.office.export(&second.id, false).unwrap();
    for (number, raised) in [(9, 1), (12, 0)] {
        sign_psbt_with(&mut psbt, &world.signers[1], &secrets(&[number]));
        let file = Incoming {
            name: "request.psbt".to_owned(),
            bytes: psbt.serialize(),
        };
        let seen = world.office.review_file(&file, None).unwrap();
        assert_eq!(with(&seen.review.findings, "ALARM").len(), raised);
    }
}
