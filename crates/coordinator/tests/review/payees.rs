//! T30: who is paid, and for whom he could be taken.

use crate::world::{World, stranger, with};
use bitcoin::{Address, Amount};
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{Incoming, review_alone};
use quorate_core::spend::Send;

/// Another address with the same first and last characters, as whoever has computing power or knows
/// the checksum makes one: adding a multiple of its generator in the middle leaves it valid.
fn forged(address: &Address) -> Address {
    const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [usize; 7] = [1, 29, 22, 20, 21, 29, 18];
    let mut text: Vec<char> = address.to_string().chars().collect();
    let middle = "bcrt1".len() + 12;
    for (at, add) in GENERATOR.into_iter().enumerate() {
        let value = CHARSET.find(text[middle + at]).unwrap() ^ add;
        text[middle + at] = CHARSET.chars().nth(value).unwrap();
    }
    let text: String = text.into_iter().collect();
    let honest = address.to_string();
    assert!(text != honest && text[..11] == honest[..11] && text.ends_with(&honest[58..]));
    let forged: Address<_> = text.parse().unwrap();
    forged.assume_checked()
}

fn funded() -> World {
    let mut world = World::new();
    for _ in 0..4 {
        let address = world.address("family");
        world.fund(&address, 100_000);
    }
    world
}

#[test]
fn t30_an_address_that_looks_like_a_payee_is_told() {
    let mut world = funded();
    let honest = world.pay(&stranger(1), 50_000);
    assert!(with(&honest.review.findings, "looks like").is_empty());
    world.finish(&honest.id, [11, 21]);
    let poisoned = world.pay(&forged(&stranger(1)), 50_000);
    let told = with(&poisoned.review.findings, "looks like");
    assert_eq!(told.len(), 1, "{:?}", poisoned.review.findings);
    assert!(told[0].contains("was paid before"), "{told:?}");
    let known = stranger(1).to_string();
    assert!(told[0].contains(&known));
    let payment = &poisoned.review.recipients[0];
    assert_eq!(payment.looks_like.as_ref(), Some(&known));
    // The one that was meant, and one that only begins alike, raise no alarm.
    world
        .office
        .abandon(&poisoned.id, None, crate::world::moment(90))
        .unwrap();
    let other = world.pay(&stranger(2), 20_000);
    assert!(with(&other.review.findings, "looks like").is_empty());
}

#[test]
fn t30_an_address_that_looks_like_our_own_is_told() {
    let mut world = funded();
    let own = world.address("family");
    let view = world.pay(&forged(&own), 50_000);
    let told = with(&view.review.findings, "looks like");
    assert_eq!(told.len(), 1, "{:?}", view.review.findings);
    assert!(told[0].contains("this home's vaults"), "{told:?}");
}

#[test]
fn t30_an_address_that_looks_like_another_proposals_is_told() {
    let mut world = funded();
    world.pay(&stranger(1), 50_000);
    let view = world.pay(&forged(&stranger(1)), 50_000);
    let told = with(&view.review.findings, "looks like");
    assert_eq!(told.len(), 1, "{:?}", view.review.findings);
    assert!(told[0].contains("another proposal"), "{told:?}");
}

#[test]
fn t30_two_recipients_of_one_transaction_that_look_alike_are_told() {
    let mut world = funded();
    let send = Send::Exactly(Amount::from_sat(20_000));
    let pair = [(stranger(1), send), (forged(&stranger(1)), send)];
    let view = world.propose(&pair, &[]).unwrap();
    // As recipients of the stored proposal they are known of each other anyway; without a home the
    // transaction itself shows it.
    assert_eq!(with(&view.review.findings, "looks like").len(), 2);
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: world.office.export(&view.id, false).unwrap().serialize(),
    };
    let alone = alone(&mut world, &file);
    let told = with(&alone.review.findings, "looks like");
    assert_eq!(told.len(), 2, "{:?}", alone.review.findings);
    assert!(told[0].contains("another address of this transaction"));
}

fn alone(world: &mut World, file: &Incoming) -> FileReviewView {
    let vault = world.office.vault("family").unwrap();
    let descriptor = Incoming {
        name: "family.txt".to_owned(),
        bytes: vault.descriptor.clone().into_bytes(),
    };
    let alone = review_alone(file, bitcoin::Network::Regtest, &descriptor).unwrap();
    assert_eq!(alone.vault_id, vault.id);
    alone
}

#[test]
fn t30_a_first_payment_is_told_until_one_was_made() {
    let mut world = funded();
    let first = world.pay(&stranger(1), 50_000);
    assert_eq!(with(&first.review.findings, "for the first time").len(), 1);
    assert_eq!(first.review.recipients[0].paid_before, Some(false));
    // That it was proposed is no payment.
    let second = world.pay(&stranger(1), 20_000);
    assert_eq!(second.review.recipients[0].paid_before, Some(false));
    world.finish(&first.id, [11, 21]);
    let second = world.office.proposal(&second.id).unwrap();
    assert_eq!(second.review.recipients[0].paid_before, Some(true));
    assert!(with(&second.review.findings, "for the first time").is_empty());
    // What was said of the first stays true of it: it is no earlier payment than itself.
    let first = world.office.proposal(&first.id).unwrap();
    assert_eq!(first.status, "confirmed");
    assert_eq!(first.review.recipients[0].paid_before, Some(false));
}

#[test]
fn t30_a_payment_that_was_taken_back_is_none() {
    let mut world = funded();
    let first = world.pay(&stranger(1), 50_000);
    world.finish(&first.id, [11, 21]);
    let second = world.pay(&stranger(1), 20_000);
    assert_eq!(second.review.recipients[0].paid_before, Some(true));
    let moment = world.moment();
    // A chain on which none of it ever happened.
    let other = quorate_chain::Simulated::new();
    other.mine(300).unwrap();
    world.office.sync(&other, moment, &mut |_| ()).unwrap();
    let second = world.office.proposal(&second.id).unwrap();
    assert_eq!(second.review.recipients[0].paid_before, Some(false));
    world
        .office
        .sync(&world.chain, moment, &mut |_| ())
        .unwrap();
    let second = world.office.proposal(&second.id).unwrap();
    assert_eq!(second.review.recipients[0].paid_before, Some(true));
}

/// A file needn't say that an output is ours: the home has derived it long before.
#[test]
fn t08_what_is_ours_is_known_though_the_file_does_not_say_it() {
    let mut world = funded();
    world.add_vault("savings");
    let own = world.address("family");
    let savings = world.address("savings");
    let send = |sat| Send::Exactly(Amount::from_sat(sat));
    let to = [
        (own.clone(), send(20_000)),
        (savings.clone(), send(30_000)),
        (stranger(1), send(5_000)),
    ];
    let view = world.propose(&to, &[]).unwrap();
    let mut psbt = world.office.export(&view.id, false).unwrap();
    for output in &mut psbt.outputs {
        *output = Default::default();
    }
    let file = Incoming {
        name: "bare.psbt".to_owned(),
        bytes: psbt.serialize(),
    };
    let seen = world.office.review_file(&file, None).unwrap().review;
    let paid = |address: &Address| {
        let address = Some(address.to_string());
        let mut payments = seen.recipients.iter();
        payments.find(|to| to.address == address).unwrap()
    };
    assert_eq!(paid(&own).keychain.as_deref(), Some("receive"));
    assert_eq!(paid(&own).index, Some(4));
    assert_eq!(paid(&savings).index, None);
    assert_eq!(paid(&savings).vault.as_deref(), Some("savings"));
    assert_eq!(paid(&stranger(1)).paid_before, Some(false));
    assert_eq!(seen.change.len(), 1);
    assert_eq!(with(&seen.findings, "for the first time").len(), 1);
    // Without a home nothing but the file's own word could say it, and that isn't there.
    let alone = alone(&mut world, &file).review;
    assert!(alone.change.is_empty() && !alone.payees_known);
    assert!(alone.recipients.iter().all(|to| to.index.is_none()));
    assert!(with(&alone.findings, "for the first time").is_empty());
}

#[test]
fn t33_coins_ages_signers_and_locks_are_shown() {
    let mut world = funded();
    let tip = world.office.balance("family").unwrap().height.unwrap();
    let view = world.pay(&stranger(1), 250_000);
    let review = &view.review;
    assert_eq!(review.can_sign, ["alice", "bob", "carol"]);
    assert_eq!(review.inputs.len(), 3);
    for input in &review.inputs {
        let height = input.height.unwrap();
        assert_eq!(input.confirmations, Some(tip + 1 - height));
    }
    // Against fee sniping: a lock time that is reached.
    let lock = &review.timelocks[0];
    assert_eq!((lock.kind.as_str(), lock.blocks_left), ("height", Some(0)));
    assert!(lock.height.unwrap() <= tip + 1);
    assert_eq!(review.timelocks.len(), 1);
    // A file without a home doesn't know how old coins are.
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: world.office.export(&view.id, false).unwrap().serialize(),
    };
    let alone = alone(&mut world, &file).review;
    assert!(alone.inputs.iter().all(|one| one.confirmations.is_none()));
    assert_eq!(alone.timelocks[0].blocks_left, None);
    assert_eq!(alone.words, review.words);
    // A coin in the mempool has no confirmation.
    let address = world.address("family");
    let script = address.script_pubkey();
    let unconfirmed = world.chain.pay(&script, Amount::from_sat(80_000)).unwrap();
    world.sync();
    let send = Send::Exactly(Amount::from_sat(20_000));
    let view = world
        .propose(&[(stranger(1), send)], &[unconfirmed])
        .unwrap();
    let input = &view.review.inputs[0];
    assert_eq!((input.height, input.confirmations), (None, Some(0)));
}
