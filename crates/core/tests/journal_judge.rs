//! What of a foreign entry counts, for every kind of output: the truth is found sound, and each lie
//! is refused where it stands.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Amount;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hex::DisplayHex;
use common::named_keys;
use common::world::World;
use quorate_core::journal::{Body, EntryId, Judgement, MemberKey, SignatureText, judge, secret_in};
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, SignatureSet, Slot};
use quorate_core::psbt::{finalize, to_base64};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::workers::Alone;

/// A vault of every kind that 2 of 3 can be.
fn worlds() -> Vec<(ScriptType, World)> {
    let all = ScriptType::ALL.into_iter().filter_map(|script| {
        let mut template = Template::builtin("2-of-3").unwrap();
        template.script = script;
        let keys = named_keys(template.roles.len());
        let vault = Vault::create(bitcoin::Network::Regtest, &template, keys).ok()?;
        Some((script, World::of(vault, &[100_000, 70_000])))
    });
    let all: Vec<_> = all.collect();
    assert!(all.len() >= 4, "{}", all.len());
    all
}

/// The signatures of two cosigners, as texts and as a set.
fn signatures(world: &World, proposal: &Proposal) -> (Vec<SignatureText>, SignatureSet) {
    let (mut texts, mut set) = (Vec::new(), SignatureSet::new());
    for cosigner in [0, 2] {
        for input in 0..proposal.inputs().len() {
            for (public_key, signature) in world.signatures(proposal, input, cosigner) {
                let input = u32::try_from(input).unwrap();
                texts.push(SignatureText {
                    input,
                    public_key: signature.key_bytes(&public_key).to_lower_hex_string(),
                    signature: signature.to_string(),
                });
                set.insert(Slot { input, public_key }, signature);
            }
        }
    }
    (texts, set)
}

fn judged(world: &World, proposal: &Proposal, body: &Body) -> Judgement {
    judge(&world.vault, body, Some(proposal), &Alone)
}

fn contribution(proposal: &Proposal, signatures: Vec<SignatureText>) -> Body {
    Body::ContributionAdded {
        proposal: proposal.id(),
        signatures,
    }
}

#[test]
fn the_truth_is_sound_for_every_kind_of_output() {
    for (script, world) in worlds() {
        let proposal = world.spend(150_000).unwrap();
        let (texts, set) = signatures(&world, &proposal);
        let transaction = finalize(&proposal, &set).unwrap();
        for body in [
            Body::ProposalOpened {
                proposal: proposal.id(),
                psbt: to_base64(proposal.psbt()),
                memo: None,
                draft: false,
                expires: None,
                replaces: None,
            },
            contribution(&proposal, texts),
            Body::ProposalReleased {
                proposal: proposal.id(),
                transaction: serialize_hex(&transaction),
            },
        ] {
            assert_eq!(secret_in(&body), None);
            let judged = judged(&world, &proposal, &body);
            assert_eq!(judged, Judgement::Sound, "{script} {}", body.kind());
        }
    }
}

/// Which places of an entry were refused.
fn refused(judgement: Judgement) -> Vec<usize> {
    match judgement {
        Judgement::Partly(parts) => parts.into_iter().map(|part| part.place).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn t13_each_bogus_signature_is_refused_where_it_stands_and_no_other() {
    for (script, world) in worlds() {
        let proposal = world.spend(150_000).unwrap();
        let (texts, _) = signatures(&world, &proposal);
        for place in 0..texts.len() {
            let input = texts[place].input;
            let other = texts.iter().position(|one| one.input != input).unwrap();
            // By the right key for another input, by another key, damaged, of another kind, nothing.
            let edits: [&dyn Fn(&mut SignatureText); 6] = [
                &|one| one.signature.clone_from(&texts[other].signature),
                &|one| one.public_key.clone_from(&texts[other].public_key),
                &|one| {
                    let at = one.signature.len() / 2;
                    let digit = if one.signature.as_bytes()[at] == b'0' {
                        "1"
                    } else {
                        "0"
                    };
                    one.signature.replace_range(at..=at, digit);
                },
                &|one| {
                    one.public_key = "02".repeat(if one.public_key.len() == 64 { 33 } else { 32 })
                },
                &|one| one.signature.clear(),
                &|one| one.public_key.clear(),
            ];
            for (number, edit) in edits.iter().enumerate() {
                let mut spoilt = texts.clone();
                edit(&mut spoilt[place]);
                let body = contribution(&proposal, spoilt);
                let found = refused(judged(&world, &proposal, &body));
                assert_eq!(found, [place], "{script}, edit {number}");
            }
        }
        let mut twice = texts.clone();
        twice[1] = twice[0].clone();
        let body = contribution(&proposal, twice);
        assert_eq!(refused(judged(&world, &proposal, &body)), [1], "{script}");
    }
}

#[test]
fn t16_a_release_that_isnt_the_proposals_transaction_is_refused() {
    for (script, world) in worlds() {
        let proposal = world.spend(150_000).unwrap();
        let (_, set) = signatures(&world, &proposal);
        let good = finalize(&proposal, &set).unwrap();
        let mut bare = good.clone();
        let mut paid = good.clone();
        let mut later = good.clone();
        let mut swapped = good.clone();
        for input in &mut bare.input {
            input.witness.clear();
            input.script_sig = bitcoin::ScriptBuf::new();
        }
        paid.output[0].value -= Amount::ONE_SAT;
        later.lock_time = bitcoin::absolute::LockTime::from_height(1).unwrap();
        let first = swapped.input[0].clone();
        swapped.input[0].witness = swapped.input[1].witness.clone();
        swapped.input[0].script_sig = swapped.input[1].script_sig.clone();
        swapped.input[1].witness = first.witness;
        swapped.input[1].script_sig = first.script_sig;
        for bad in [bare, paid, later, swapped] {
            let body = Body::ProposalReleased {
                proposal: proposal.id(),
                transaction: serialize_hex(&bad),
            };
            let judged = judged(&world, &proposal, &body);
            assert!(
                matches!(judged, Judgement::Refused(_)),
                "{script}: {judged:?}"
            );
        }
    }
}

/// The id doesn't cover amounts, so a request that proves none could be told twice with two.
#[test]
fn t10_a_request_without_previous_transactions_is_refused_for_every_kind() {
    for (script, world) in worlds() {
        let proposal = world.spend(150_000).unwrap();
        let mut bare = proposal.psbt().clone();
        bare.inputs[1].non_witness_utxo = None;
        let body = Body::ProposalOpened {
            proposal: proposal.id(),
            psbt: to_base64(&bare),
            memo: None,
            draft: false,
            expires: None,
            replaces: None,
        };
        match judged(&world, &proposal, &body) {
            Judgement::Refused(reason) => {
                assert!(
                    reason.contains("without the previous"),
                    "{script}: {reason}"
                );
            }
            other => panic!("{script}: {other:?}"),
        }
    }
}

/// Of several members who open one proposal it isn't told who came first. A request that says less than
/// ours, or asks for a sighash type, would have the other cosigners' files refused.
#[test]
fn t12_a_request_that_says_less_than_we_would_is_refused_for_every_kind() {
    let stranger = *common::key(9).xpub();
    type Edit<'a> = (&'a str, &'a dyn Fn(&mut bitcoin::Psbt));
    let edits: [Edit<'_>; 9] = [
        ("witness script", &|psbt| {
            psbt.inputs[1].witness_script = None
        }),
        ("redeem script", &|psbt| psbt.inputs[1].redeem_script = None),
        ("internal key", &|psbt| {
            psbt.inputs[1].tap_internal_key = None
        }),
        ("root", &|psbt| psbt.inputs[1].tap_merkle_root = None),
        ("leaves", &|psbt| psbt.inputs[1].tap_scripts.clear()),
        ("a key", &|psbt| {
            psbt.inputs[1].bip32_derivation.pop_last();
        }),
        ("a taproot key", &|psbt| {
            psbt.inputs[1].tap_key_origins.pop_last();
        }),
        ("sighash type", &|psbt| {
            psbt.inputs[1].sighash_type = Some(bitcoin::EcdsaSighashType::All.into());
        }),
        ("a stranger's key", &|psbt| {
            psbt.xpub
                .insert(stranger, (stranger.fingerprint(), "m".parse().unwrap()));
        }),
    ];
    for (script, world) in worlds() {
        let proposal = world.spend(150_000).unwrap();
        let mut tried = 0;
        for (what, edit) in &edits {
            let mut psbt = proposal.psbt().clone();
            edit(&mut psbt);
            if psbt == *proposal.psbt() {
                continue;
            }
            let body = Body::ProposalOpened {
                proposal: proposal.id(),
                psbt: to_base64(&psbt),
                memo: None,
                draft: false,
                expires: None,
                replaces: None,
            };
            let judged = judged(&world, &proposal, &body);
            assert!(
                matches!(judged, Judgement::Refused(_)),
                "{script}, {what}: {judged:?}"
            );
            tried += 1;
        }
        assert!(tried >= 4, "{script}: {tried}");
    }
}

/// One vault's proposal is nothing to another vault.
#[test]
fn t34_what_is_another_vaults_never_counts() {
    let worlds = worlds();
    for (script, world) in &worlds {
        let proposal = world.spend(150_000).unwrap();
        let opened = Body::ProposalOpened {
            proposal: proposal.id(),
            psbt: to_base64(proposal.psbt()),
            memo: None,
            draft: false,
            expires: None,
            replaces: None,
        };
        for (other, strange) in worlds.iter().filter(|(other, _)| other != script) {
            let judged = judge(&strange.vault, &opened, None, &Alone);
            assert!(
                matches!(judged, Judgement::Refused(_)),
                "{script} in {other}: {judged:?}"
            );
            let theirs = strange.spend(150_000).unwrap();
            let (texts, _) = signatures(world, &proposal);
            let body = contribution(&proposal, texts);
            let judged = judge(&strange.vault, &body, Some(&theirs), &Alone);
            assert_eq!(judged, Judgement::Waits(proposal.id()));
        }
    }
}

#[test]
fn members_speak_for_cosigners_of_the_vault_and_removals_name_an_entry() {
    let key = |seed: u8| MemberKey::from_bytes(&[seed; 32]).unwrap().id();
    let head = EntryId::of("any");
    for (_, world) in worlds() {
        let added = |cosigner: Option<String>| {
            let body = Body::MemberAdded {
                member: key(1),
                name: "bob".to_owned(),
                cosigner,
            };
            judge(&world.vault, &body, None, &Alone)
        };
        let bob = world.vault.cosigners()[1].key.xpub();
        assert_eq!(added(None), Judgement::Sound);
        assert_eq!(added(Some(bob.to_string())), Judgement::Sound);
        // The same key under another text is the same cosigner.
        let other_text = bitcoin::bip32::Xpub {
            depth: bob.depth + 1,
            ..*bob
        };
        assert_eq!(added(Some(other_text.to_string())), Judgement::Sound);
        let stranger = common::key(200).xpub().to_string();
        for cosigner in [stranger.as_str(), "", "bob"] {
            let judged = added(Some(cosigner.to_owned()));
            assert!(
                matches!(judged, Judgement::Refused(_)),
                "{cosigner}: {judged:?}"
            );
        }
        let removed = |last, head| {
            let member = key(1);
            judge(
                &world.vault,
                &Body::MemberRemoved { member, last, head },
                None,
                &Alone,
            )
        };
        assert_eq!(removed(0, None), Judgement::Sound);
        assert_eq!(removed(7, Some(head)), Judgement::Sound);
        for (last, head) in [(7, None), (0, Some(head)), (u64::MAX, Some(head))] {
            let judged = removed(last, head);
            assert!(
                matches!(judged, Judgement::Refused(_)),
                "{last}: {judged:?}"
            );
        }
    }
}
