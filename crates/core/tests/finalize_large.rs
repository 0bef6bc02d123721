//! Transactions of so many inputs that Bitcoin Core's interpreter doesn't see each of them: what is wrong
//! with any is found all the same, for every kind of output.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::named_keys;
use common::world::{World, kept};
use quorate_core::consensus::{EVERY, verify_finished_with, verify_transaction};
use quorate_core::policy::Template;
use quorate_core::proposal::{SignatureSet, Slot};
use quorate_core::psbt::{FinalizeError, finalize};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::workers::Alone;

const COINS: usize = EVERY + 6;

fn world(policy: &str, script: ScriptType) -> World {
    let mut template = Template::builtin(policy).unwrap();
    template.script = script;
    let keys = named_keys(template.roles.len());
    let vault = Vault::create(bitcoin::Network::Regtest, &template, keys).unwrap();
    World::of(vault, &[60_000; COINS])
}

#[test]
fn t13_in_large_transactions_every_signature_is_verified_again() {
    for script in ScriptType::ALL {
        let world = world("2-of-3", script);
        let proposal = world.spend_all_coins();
        let mut signatures = SignatureSet::new();
        for cosigner in [0, 2] {
            let psbt = world.sign(&proposal, cosigner);
            signatures.extend(kept(&world.admit(&proposal, &psbt)));
        }
        let done = finalize(&proposal, &signatures).unwrap();
        assert_eq!(done.input.len(), COINS, "{script}");
        assert_eq!(verify_transaction(&done, &proposal.prevouts()), Ok(()));
        // As if another input's signature had been kept: only the check of the finished one can tell.
        for input in [1, 33, COINS - 1] {
            let slots: Vec<Slot> = (signatures.keys().copied())
                .filter(|slot| slot.input as usize == input)
                .collect();
            let other = *signatures
                .iter()
                .find(|(slot, _)| slot.input == 0)
                .unwrap()
                .1;
            let mut wrong = signatures.clone();
            wrong.insert(slots[0], other);
            match finalize(&proposal, &wrong).unwrap_err() {
                FinalizeError::Consensus(error) => {
                    assert_eq!(error.input(), Some(input), "{script}")
                }
                other => panic!("{script}: {other}"),
            }
        }
    }
}

/// Witnesses of a finalizer that has a fault.
#[test]
fn a_witness_assembled_wrongly_is_found_in_large_transactions() {
    for script in [ScriptType::Wsh, ScriptType::Tr] {
        let world = world("2-of-3-recovery", script);
        let proposal = world.spend_all_coins();
        let mut signatures = SignatureSet::new();
        for cosigner in [0, 1] {
            let psbt = world.sign(&proposal, cosigner);
            signatures.extend(kept(&world.admit(&proposal, &psbt)));
        }
        let done = finalize(&proposal, &signatures).unwrap();
        let prevouts = proposal.prevouts();
        let at = COINS - 3;
        let mut refused = 0;
        for fault in 0..4 {
            let mut wrong = done.clone();
            let mut elements = wrong.input[at].witness.to_vec();
            match fault {
                0 => elements.insert(0, vec![1]),
                1 => elements.swap(0, 1),
                2 => elements.truncate(1),
                _ => elements[0] = vec![2],
            }
            wrong.input[at].witness = bitcoin::Witness::from_slice(&elements);
            let cores = verify_transaction(&wrong, &prevouts);
            let error = verify_finished_with(&wrong, &prevouts, &Alone);
            assert_eq!(error, cores, "{script}, {fault}: {elements:?}");
            refused += usize::from(error.is_err_and(|error| error.input() == Some(at)));
        }
        // Empty elements may change places.
        assert!(refused >= 3, "{script}: {refused}");
    }
}
