//! A member whom the owner enrolled turns hostile. Whatever it writes, no home counts what isn't true,
//! and each refusal names the member.

use super::world::{Forger, NOW, World, moment, proposal_id, signatures};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, Psbt, Transaction, TxOut, Witness};
use quorate_chain::ChainSource;
use quorate_core::journal::{
    Body, CloseReason, Entry, MAX_TEXT, SignatureText, write_file, write_line,
};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::ProposalId;
use quorate_core::psbt::to_base64;
use quorate_testkit::fixtures;

/// The owner's proposal, known to bob too, and a forger whom both count.
fn scene() -> (World, Forger, String, Psbt) {
    let mut world = World::new();
    let forger = world.enrolled_forger();
    let id = world.owner.propose(150_000, 20);
    let request = world.owner.office.export(&id, false).unwrap();
    let journal = world.owner.export();
    world.bob.import(&journal);
    assert_eq!(world.bob.status(&id), "collecting");
    (world, forger, id, request)
}

/// Bob takes the entry in; nothing changes, and the refusal names member and reason.
fn refused(world: &mut World, forger: &Forger, entry: Entry, reason: &str) {
    let before = world.bob.state();
    let view = world.bob.take(&[entry]);
    assert_eq!(world.bob.state(), before, "{reason}");
    let member = forger.id().to_string();
    let named = view.refused.iter().any(|refused| {
        refused.reason.contains(reason) && refused.member.as_deref() == Some(member.as_str())
    });
    assert!(named, "`{reason}`: {:?}", view.refused);
}

/// Refused, kept as evidence, and listed from then on.
fn refused_and_listed(world: &mut World, forger: &mut Forger, body: Body, reason: &str) {
    let entry = forger.say(body);
    refused(world, forger, entry, reason);
    let members = world.bob.office.members("family").unwrap();
    assert!(
        members
            .refused
            .iter()
            .any(|one| one.reason.contains(reason)),
        "{reason}: {:?}",
        members.refused
    );
    let log = world.bob.office.journal("family").unwrap();
    let remarks: Vec<_> = log
        .entries
        .iter()
        .filter_map(|one| one.remark.as_ref())
        .collect();
    assert!(
        remarks.iter().any(|remark| remark.contains(reason)),
        "{remarks:?}"
    );
}

fn contribution(id: &str, signatures: Vec<SignatureText>) -> Body {
    Body::ContributionAdded {
        proposal: proposal_id(id),
        signatures,
    }
}

#[test]
fn t13_a_members_bogus_signatures_are_refused_and_the_valid_ones_count() {
    let (mut world, mut forger, id, request) = scene();
    let valid = signatures(&request, &fixtures::carol(), None);
    assert!(valid.len() >= 2, "several inputs");
    // Of another input.
    let mut swapped = valid.clone();
    swapped[0].signature = valid[1].signature.clone();
    let view = world.bob.take(&[forger.say(contribution(&id, swapped))]);
    assert_eq!(view.refused.len(), 1, "{:?}", view.refused);
    assert!(
        view.refused[0].reason.contains("input 0"),
        "{:?}",
        view.refused
    );
    assert!(
        view.refused[0].reason.contains("valid signature"),
        "{:?}",
        view.refused
    );
    let grid = world.bob.office.proposal(&id).unwrap().review.inputs;
    assert_eq!(grid[0].signatures["carol"], "missing");
    assert_eq!(grid[1].signatures["carol"], "signed");
    // The bogus one didn't take the place of the valid one.
    let entry = forger.say(contribution(&id, valid));
    let view = world.bob.take(&[entry]);
    assert!(view.refused.is_empty(), "{:?}", view.refused);
    assert_eq!(world.bob.signers(&id), ["carol"]);
}

#[test]
fn t13_a_bogus_signature_doesnt_take_a_valid_ones_place_afterwards() {
    let (mut world, mut forger, id, request) = scene();
    let valid = signatures(&request, &fixtures::carol(), None);
    world
        .bob
        .take(&[forger.say(contribution(&id, valid.clone()))]);
    let mut bogus = valid;
    for one in &mut bogus {
        // Still DER, another number.
        one.signature.replace_range(20..24, "1111");
    }
    refused_and_listed(
        &mut world,
        &mut forger,
        contribution(&id, bogus),
        "valid signature",
    );
    assert_eq!(world.bob.signers(&id), ["carol"]);
}

#[test]
fn t14_a_members_signatures_by_foreign_keys_are_refused() {
    let (mut world, mut forger, id, request) = scene();
    let mut foreign = signatures(&request, &fixtures::carol(), None);
    for one in &mut foreign {
        one.public_key = fixtures::mallory().xpub().public_key.to_string();
    }
    refused_and_listed(
        &mut world,
        &mut forger,
        contribution(&id, foreign),
        "doesn't belong to this input",
    );
}

#[test]
fn t15_a_members_padded_signature_is_refused() {
    let (mut world, mut forger, id, request) = scene();
    let mut padded = signatures(&request, &fixtures::carol(), None);
    for one in &mut padded {
        one.signature.insert_str(one.signature.len() - 2, "00");
    }
    refused_and_listed(&mut world, &mut forger, contribution(&id, padded), "DER");
}

#[test]
fn t11_a_members_signature_of_another_sighash_type_is_refused() {
    let (mut world, mut forger, id, request) = scene();
    for byte in ["00", "02", "03", "81", "83"] {
        let mut other = signatures(&request, &fixtures::carol(), None);
        for one in &mut other {
            one.signature.truncate(one.signature.len() - 2);
            one.signature.push_str(byte);
        }
        refused_and_listed(
            &mut world,
            &mut forger,
            contribution(&id, other),
            "SIGHASH_ALL",
        );
    }
}

#[test]
fn t18_a_members_flood_of_signatures_is_refused_unread() {
    let (mut world, mut forger, id, request) = scene();
    let one = signatures(&request, &fixtures::carol(), None)[0].clone();
    let many = vec![one; 5_000];
    refused_and_listed(
        &mut world,
        &mut forger,
        contribution(&id, many),
        "has places for",
    );
}

#[test]
fn signatures_of_inputs_that_arent_there_cost_the_others_nothing() {
    let (mut world, mut forger, id, request) = scene();
    let mut some = signatures(&request, &fixtures::carol(), None);
    some.push(SignatureText {
        input: u32::MAX,
        ..some[0].clone()
    });
    some.push(SignatureText {
        public_key: "xyz".to_owned(),
        ..some[0].clone()
    });
    let view = world.bob.take(&[forger.say(contribution(&id, some))]);
    assert_eq!(view.refused.len(), 2, "{:?}", view.refused);
    assert_eq!(world.bob.signers(&id), ["carol"]);
}

fn opened(proposal: ProposalId, psbt: &Psbt) -> Body {
    Body::ProposalOpened {
        proposal,
        psbt: to_base64(psbt),
        memo: None,
        draft: false,
        expires: None,
        replaces: None,
    }
}

fn id_of(world: &World, psbt: &Psbt) -> ProposalId {
    ProposalId::of(world.vault.id(), &psbt.unsigned_tx)
}

#[test]
fn t08_a_members_proposal_with_fake_change_is_refused() {
    let (mut world, mut forger, _, request) = scene();
    let mut fake = request;
    let change = (0..fake.outputs.len())
        .find(|&at| !fake.outputs[at].bip32_derivation.is_empty())
        .unwrap();
    fake.unsigned_tx.output[change].script_pubkey =
        bitcoin::ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::all_zeros());
    let id = id_of(&world, &fake);
    refused_and_listed(&mut world, &mut forger, opened(id, &fake), "change");
}

#[test]
fn t10_a_members_proposal_with_a_lied_amount_is_refused() {
    let (mut world, mut forger, _, request) = scene();
    let mut lied = request;
    let claimed = lied.inputs[0].witness_utxo.as_ref().unwrap().clone();
    lied.inputs[0].witness_utxo = Some(TxOut {
        value: Amount::from_sat(21),
        ..claimed
    });
    lied.unsigned_tx.lock_time = bitcoin::absolute::LockTime::ZERO;
    let id = id_of(&world, &lied);
    refused_and_listed(
        &mut world,
        &mut forger,
        opened(id, &lied),
        "claims to be worth",
    );
}

#[test]
fn t12_a_members_proposal_with_a_foreign_script_is_refused() {
    let (mut world, mut forger, _, request) = scene();
    let mut altered = request;
    altered.inputs[0].witness_script = Some(bitcoin::ScriptBuf::from_bytes(vec![0x51]));
    altered.unsigned_tx.lock_time = bitcoin::absolute::LockTime::ZERO;
    let id = id_of(&world, &altered);
    refused_and_listed(
        &mut world,
        &mut forger,
        opened(id, &altered),
        "witness script",
    );
}

#[test]
fn t16_a_members_proposal_under_another_ones_name_is_refused() {
    let (mut world, mut forger, id, request) = scene();
    let mut other = request;
    other.unsigned_tx.lock_time = bitcoin::absolute::LockTime::ZERO;
    refused_and_listed(
        &mut world,
        &mut forger,
        opened(proposal_id(&id), &other),
        "another proposal than the one it names",
    );
}

#[test]
fn t20_a_members_proposal_with_unknown_fields_is_refused() {
    let (mut world, mut forger, id, request) = scene();
    let mut odd = request;
    let key = bitcoin::psbt::raw::Key {
        type_value: 0xf0,
        key: vec![1],
    };
    odd.unknown.insert(key, vec![7; 100]);
    refused_and_listed(
        &mut world,
        &mut forger,
        opened(proposal_id(&id), &odd),
        "aren't known",
    );
}

#[test]
fn a_members_proposal_that_brings_signatures_is_refused() {
    let (mut world, mut forger, id, mut request) = scene();
    request
        .sign(&fixtures::bob().master(), fixtures::secp())
        .unwrap();
    refused_and_listed(
        &mut world,
        &mut forger,
        opened(proposal_id(&id), &request),
        "without signatures",
    );
    assert!(world.bob.signers(&id).is_empty());
}

/// The final transaction of a proposal that alice and carol signed.
fn finished(world: &mut World, id: &str, request: &Psbt, forger: &mut Forger) -> Transaction {
    for who in [fixtures::alice(), fixtures::carol()] {
        let entry = forger.say(contribution(id, signatures(request, &who, None)));
        world.bob.take(&[entry]);
    }
    assert_eq!(world.bob.status(id), "ready");
    let mut psbt = request.clone();
    for who in [fixtures::alice(), fixtures::carol()] {
        psbt.sign(&who.master(), fixtures::secp()).unwrap();
    }
    use miniscript::psbt::PsbtExt;
    psbt.finalize_mut(&bitcoin::secp256k1::Secp256k1::verification_only())
        .unwrap();
    psbt.extract_tx_unchecked_fee_rate()
}

fn released(id: &str, transaction: &Transaction) -> Body {
    Body::ProposalReleased {
        proposal: proposal_id(id),
        transaction: serialize_hex(transaction),
    }
}

#[test]
fn t16_a_members_release_of_another_transaction_is_refused_and_never_sent() {
    let (mut world, mut forger, id, request) = scene();
    let good = finished(&mut world, &id, &request, &mut forger);
    let mut other = good.clone();
    other.output[0].value = Amount::from_sat(1_000);
    refused_and_listed(
        &mut world,
        &mut forger,
        released(&id, &other),
        "isn't the proposal's",
    );
    let unsigned = request.unsigned_tx.clone();
    refused_and_listed(
        &mut world,
        &mut forger,
        released(&id, &unsigned),
        "refused by every node",
    );
    let mut junk = good.clone();
    junk.input[0].witness = Witness::from_slice(&[vec![0x30; 70]]);
    refused_and_listed(
        &mut world,
        &mut forger,
        released(&id, &junk),
        "refused by every node",
    );
    for text in ["00", "zz", ""] {
        let body = Body::ProposalReleased {
            proposal: proposal_id(&id),
            transaction: text.to_owned(),
        };
        refused_and_listed(&mut world, &mut forger, body, "its transaction");
    }
    let sent = world
        .bob
        .office
        .sync(&world.chain, moment(9), &mut |_| ())
        .unwrap();
    assert!(
        sent.rebroadcast.is_empty() && sent.problems.is_empty(),
        "{sent:?}"
    );
    assert_eq!(world.bob.status(&id), "ready");
    // The true one counts, and bob's home sends it.
    let entry = forger.say(released(&id, &good));
    world.bob.take(&[entry]);
    let sent = world
        .bob
        .office
        .sync(&world.chain, moment(9), &mut |_| ())
        .unwrap();
    assert_eq!(sent.rebroadcast, [good.compute_txid().to_string()]);
    assert!(
        world
            .chain
            .mempool_txids()
            .unwrap()
            .contains(&good.compute_txid())
    );
}

#[test]
fn t21_a_members_secrets_are_refused_and_not_even_kept() {
    let (mut world, forger, id, _) = scene();
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let wif = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ";
    let xprv = fixtures::mallory().master().to_string();
    for secret in [words, wif, &xprv] {
        for body in [
            Body::AddressRevealed {
                keychain: Keychain::Receive,
                index: 9,
                label: Some(secret.to_owned()),
            },
            Body::ProposalClosed {
                proposal: proposal_id(&id),
                reason: CloseReason::Abandoned,
                note: Some(secret.to_owned()),
            },
        ] {
            let entry = forger.clone().say(body);
            refused(&mut world, &forger, entry, "so it isn't kept");
        }
    }
    assert!(!world.bob.export().contains("abandon abandon"));
    assert!(!world.bob.export().contains(wif));
}

#[test]
fn t35_a_members_texts_that_steer_terminals_are_refused() {
    let (mut world, mut forger, id, _) = scene();
    for text in ["\u{1b}[2J", "pay \u{202e}live", &"x".repeat(256), " "] {
        let body = Body::AddressRevealed {
            keychain: Keychain::Receive,
            index: 9,
            label: Some(text.to_owned()),
        };
        refused_and_listed(&mut world, &mut forger, body, "the label");
        let body = Body::ProposalClosed {
            proposal: proposal_id(&id),
            reason: CloseReason::Abandoned,
            note: Some(text.to_owned()),
        };
        refused_and_listed(&mut world, &mut forger, body, "the note");
    }
    assert_eq!(world.bob.status(&id), "collecting");
}

#[test]
fn t34_entries_of_another_vault_are_refused() {
    let (mut world, _, id, _) = scene();
    let other = quorate_core::vault::VaultId::from_bytes([9; 32]);
    let mut stranger = Forger::new(66, other);
    let entry = stranger.say(Body::ProposalClosed {
        proposal: proposal_id(&id),
        reason: CloseReason::Abandoned,
        note: None,
    });
    let text = write_file(world.vault.id(), [&entry]);
    let view = world.bob.import(&text);
    assert!(
        view.taken.refused[0].reason.contains("another vault"),
        "{view:?}"
    );
    assert_eq!(world.bob.status(&id), "collecting");
}

/// What is said in one vault about a proposal of another one waits there for ever.
#[test]
fn t34_a_member_of_one_vault_cant_close_the_proposals_of_another() {
    let (mut world, mut forger, id, _) = scene();
    let unknown = Body::ProposalClosed {
        proposal: ProposalId::from_bytes([3; 32]),
        reason: CloseReason::Abandoned,
        note: None,
    };
    let view = world.bob.take(&[forger.say(unknown)]);
    assert_eq!((view.waiting, view.refused.len()), (1, 0));
    assert_eq!(world.bob.status(&id), "collecting");
}

#[test]
fn t18_oversized_entries_and_lines_are_refused() {
    let (mut world, forger, ..) = scene();
    let entry = forger.entry(
        1,
        None,
        NOW,
        Body::AddressRevealed {
            keychain: Keychain::Receive,
            index: 0,
            label: Some("x".repeat(MAX_TEXT)),
        },
    );
    let view = world.bob.take(&[entry]);
    assert_eq!(view.new, 0);
    assert!(
        view.refused[0].reason.contains("too long"),
        "{:?}",
        view.refused
    );
}

#[test]
fn a_changed_signature_and_an_unknown_version_are_refused() {
    let (mut world, mut forger, ..) = scene();
    let entry = forger.say(Body::AddressRevealed {
        keychain: Keychain::Receive,
        index: 0,
        label: None,
    });
    let line = write_line(&entry);
    let forged = line.replacen("\"index\":0", "\"index\":1", 1);
    let newer = line.replacen("\"version\":3", "\"version\":99", 1);
    for (line, reason) in [(forged, "isn't the author's"), (newer, "update Quorate")] {
        let reason = reason.replace("isn't", "is not");
        let text = format!("{}{line}\n", write_file(world.vault.id(), []));
        let view = world.bob.import(&text);
        assert!(view.taken.refused[0].reason.contains(&reason), "{view:?}");
        assert_eq!(view.taken.new, 0);
    }
}

/// Numbers chosen to make us count for ever, or to overflow what the database holds.
#[test]
fn huge_numbers_are_refused_or_told_in_one_sentence() {
    let (mut world, mut forger, ..) = scene();
    let body = || Body::AddressRevealed {
        keychain: Keychain::Receive,
        index: 0,
        label: None,
    };
    let first = forger.say(body());
    let far = forger.entry(u64::MAX >> 1, Some(first.id()), NOW, body());
    let beyond = forger.entry(u64::MAX, Some(first.id()), NOW, body());
    let late = forger.entry(3, Some(first.id()), u64::MAX, body());
    let view = world.bob.take(&[first, far, beyond, late]);
    assert_eq!((view.new, view.refused.len()), (2, 2), "{:?}", view.refused);
    let view = world.bob.office.verify(None, false).unwrap();
    assert!(view.faults.is_empty(), "{:?}", view.faults);
    assert!(
        view.notes.iter().any(|note| note.contains("are missing")),
        "{:?}",
        view.notes
    );
}

#[test]
fn t09_addresses_far_ahead_are_told_and_not_followed() {
    let (mut world, mut forger, ..) = scene();
    let reveal = |index| Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: None,
    };
    let near = forger.say(reveal(150));
    let far = forger.say(reveal((1 << 31) - 1));
    let none = forger.say(reveal(1 << 31));
    let view = world.bob.take(&[near, far, none]);
    assert!(
        view.refused[0].reason.contains("no address"),
        "{:?}",
        view.refused
    );
    assert!(
        view.findings.iter().any(|one| one.contains("far beyond")),
        "{:?}",
        view.findings
    );
    let next = world
        .bob
        .office
        .new_address("family", None, moment(8))
        .unwrap();
    assert_eq!(next.index, 151);
}

#[test]
fn t31_an_address_of_two_homes_is_shown() {
    let (mut world, ..) = scene();
    // The owner is ahead by what bob hasn't heard of.
    let ours = world
        .owner
        .office
        .new_address("family", Some("shop"), moment(8))
        .unwrap();
    let theirs = world
        .bob
        .office
        .new_address("family", Some("flat"), moment(9))
        .unwrap();
    assert_eq!(ours.address, theirs.address);
    let journal = world.bob.export();
    let view = world.owner.import(&journal).taken;
    assert!(
        view.findings
            .iter()
            .any(|one| one.contains("handed out by two homes")),
        "{:?}",
        view.findings
    );
    let list = world.owner.office.addresses("family").unwrap();
    let labels: Vec<_> = list
        .addresses
        .iter()
        .filter(|one| one.address == ours.address)
        .map(|one| one.label.clone().unwrap())
        .collect();
    assert_eq!(labels, ["shop", "flat"]);
    assert!(!list.findings.is_empty());
    // The next one is new to both.
    let next = world
        .owner
        .office
        .new_address("family", None, moment(8))
        .unwrap();
    assert_eq!(next.index, ours.index + 1);
}

#[test]
fn a_member_cant_enrol_name_owners_or_rename_the_vault() {
    let (mut world, mut forger, ..) = scene();
    let before = world.bob.state();
    let friend = Forger::new(67, world.vault.id());
    let entries = [
        forger.say(Body::OwnerNamed { owner: forger.id() }),
        forger.say(Body::VaultAdded {
            name: "mine".to_owned(),
            network: bitcoin::Network::Regtest,
            descriptor: String::new(),
            cosigners: vec!["x".to_owned()],
            birth: quorate_core::journal::Birth::Height(0),
            owner: Some(forger.id()),
            session: false,
        }),
        forger.say(Body::MemberAdded {
            member: friend.id(),
            name: "friend".to_owned(),
            cosigner: None,
        }),
        forger.say(Body::MemberRemoved {
            member: world.owner.id.parse().unwrap(),
            last: 0,
            head: None,
        }),
    ];
    let view = world.bob.take(&entries);
    assert_eq!(view.new, 4);
    assert_eq!(world.bob.state(), before);
    assert_eq!(world.bob.office.vaults().unwrap().vaults[0].name, "family");
    let members = world.bob.office.members("family").unwrap();
    assert_eq!(members.members.len(), 3, "{members:?}");
}

/// An author chooses its clock, so it can come before the one who really proposed.
#[test]
fn a_member_who_says_other_things_about_a_proposal_is_shown() {
    let (mut world, mut forger, id, request) = scene();
    let view = world.bob.office.proposal(&id).unwrap();
    let mut findings = view.review.findings.iter();
    assert!(!findings.any(|one| one.contains("opened")), "{view:?}");
    let body = Body::ProposalOpened {
        proposal: proposal_id(&id),
        psbt: to_base64(&request),
        memo: Some("as agreed".to_owned()),
        draft: false,
        expires: None,
        replaces: None,
    };
    world.bob.take(&[forger.say(body)]);
    let view = world.bob.office.proposal(&id).unwrap();
    let told = view
        .review
        .findings
        .iter()
        .find(|one| one.contains("opened 2 times"));
    let told = told.unwrap_or_else(|| panic!("{:?}", view.review.findings));
    assert!(
        told.contains("invoice 17") && told.contains("as agreed"),
        "{told}"
    );
}

/// What authors whom nobody enrolled can make us keep is limited; members aren't held up by it.
#[test]
fn t18_strangers_cant_fill_the_disk() {
    let (mut world, mut forger, ..) = scene();
    let mut stranger = Forger::new(68, world.vault.id());
    let big = |index| Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: Some("x".repeat(MAX_TEXT - 1_000)),
    };
    let many: Vec<Entry> = (0..23).map(|index| stranger.say(big(index))).collect();
    let view = world.bob.take(&many);
    assert_eq!(view.unknown[0].entries, 21, "64 MiB of 3 MiB each");
    let full = view
        .refused
        .iter()
        .filter(|one| one.reason.contains("aren't kept"));
    assert_eq!(full.count(), 2);
    let view = world.bob.take(&[forger.say(big(0))]);
    assert_eq!(view.new, 1);
}
