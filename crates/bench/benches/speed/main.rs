//! What admission, finalizing, signing and deriving cost beside the bare cryptography in them.
//! `cargo xtask bench` runs it, in release. A promised ratio that is missed is marked.
#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

mod peers;
mod world;

use bitcoin::bip32::{ChildNumber, Xpriv};
use bitcoin::ecdsa;
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sighash::SighashCache;
use bitcoin::{EcdsaSighashType, Psbt, PublicKey};
use quorate_bench::{Line, Work, measure, table};
use quorate_coordinator::Threads;
use quorate_core::consensus::{verify_finished_with, verify_transaction_with};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, SignatureSet};
use quorate_core::psbt::{admit, admit_with, finalize, finalize_with, read, to_base64};
use quorate_core::spend::FeeLimits;
use quorate_core::workers::Workers;
use std::hint::black_box;
use world::{INPUTS, NETWORK, World};

const ROUNDS: usize = 7;

fn main() {
    let world = World::new();
    let tables = [
        admission(&world),
        finalizing(&world),
        signing(&world),
        deriving(&world),
    ];
    // A figure over its aim is told, not failed: the machine may be busy with something else.
    for (title, lines) in &tables {
        println!("{}", table(title, lines));
    }
}

type Table = (&'static str, Vec<Line>);

fn admission(world: &World) -> Table {
    let bytes = world.signed_by(1).serialize();
    let proposal = &world.proposal;
    let foreign = read(&bytes).expect("sound");
    let kept = SignatureSet::new();
    let bare = signatures(world, 1);
    let lines = measure(
        ROUNDS,
        vec![
            Work::new("500 bare ECDSA verifications", || verify(&bare)),
            Work::new("the same on all cores", || verify_on_threads(&bare)),
            Work::new("admit the file that was read", || {
                let admission = admit_with(proposal, &foreign, &kept, &Threads).expect("ours");
                assert_eq!(admission.new.len(), 500);
            })
            .at_most(1.5),
            Work::new("admit on one core", || {
                black_box(admit(proposal, &foreign, &kept).expect("ours"));
            }),
            Work::new("read it (strict parse of 400 kB)", || {
                black_box(read(&bytes).expect("sound"));
            }),
            Work::new("read and admit", || {
                let foreign = read(&bytes).expect("sound");
                let admission = admit_with(proposal, &foreign, &kept, &Threads).expect("ours");
                assert_eq!(admission.new.len(), 500);
            })
            .at_most(1.5),
        ],
    );
    (
        "Admission: one signature on each of 500 inputs of a 2-of-3",
        lines,
    )
}

fn finalizing(world: &World) -> Table {
    let signed = world.signed_by(2);
    let foreign = read(&signed.serialize()).expect("sound");
    let admission = admit(&world.proposal, &foreign, &SignatureSet::new()).expect("ours");
    let set: SignatureSet = (admission.new.iter())
        .map(|one| (one.slot, one.signature))
        .collect();
    let done = finalize(&world.proposal, &set).expect("complete");
    let prevouts = world.proposal.prevouts();
    let bare = signatures(world, 2);
    let wallet = peers::wallet(world);
    let node = peers::node();
    let text = to_base64(&signed);
    let mut works = vec![
        Work::new("1,000 bare ECDSA verifications", || verify(&bare)),
        Work::new("the same on all cores", || verify_on_threads(&bare)),
        Work::new("finalize and verify every signature again", || {
            black_box(finalize_with(&world.proposal, &set, &Threads).expect("complete"));
        })
        .at_most(1.5),
        Work::new("finalize on one core", || {
            black_box(finalize(&world.proposal, &set).expect("complete"));
        }),
        Work::new("of it, the check of the finished transaction", || {
            verify_finished_with(&done, &prevouts, &Threads).expect("valid");
        }),
        Work::new("every input through Core's interpreter", || {
            verify_transaction_with(&done, &prevouts, &Threads).expect("valid");
        }),
        Work::new("miniscript's PsbtExt, its interpreter included", || {
            peers::miniscript(&signed);
        }),
        Work::new("bdk_wallet, without any check", || {
            peers::bdk(&wallet, &signed);
        }),
    ];
    if let Some(node) = &node {
        works.push(Work::new("Bitcoin Core's finalizepsbt, over RPC", || {
            peers::core(node, &text);
        }));
        works.push(Work::new(
            "of it, the way there and back (combinepsbt)",
            || {
                peers::core_passes_on(node, &text);
            },
        ));
    }
    let lines = measure(ROUNDS, works);
    ("Finalizing 500 inputs of a 2-of-3", lines)
}

fn signing(world: &World) -> Table {
    let alice = &world.keys[0];
    let master = Xpriv::new_master(NETWORK, &[1; 32]).expect("a seed");
    let messages: Vec<Message> = signatures(world, 1).into_iter().map(|one| one.0).collect();
    let secp = Secp256k1::new();
    let lines = measure(
        ROUNDS,
        vec![
            Work::new("500 bare signatures (RFC 6979, low R)", || {
                for message in &messages {
                    black_box(secp.sign_ecdsa_low_r(message, &master.private_key));
                }
            }),
            Work::new("sign a checked request", || {
                let fees = FeeLimits::default();
                let signed = alice.sign(&world.vault, &world.proposal, &world.psbt, &fees);
                assert_eq!(signed.expect("nothing to refuse").inputs_signed, 500);
            })
            .at_most(2.5),
            Work::new("500 private child keys and signatures", || {
                for (index, message) in (0..).zip(&messages) {
                    let number = ChildNumber::from_normal_idx(index).expect("small");
                    let child = master.derive_priv(&secp, &[number]).expect("derives");
                    black_box(secp.sign_ecdsa_low_r(message, &child.private_key));
                }
            }),
            Work::new("check the request (1,500 public child keys)", || {
                black_box(Proposal::check(&world.vault, world.psbt.clone()).expect("sound"));
            }),
        ],
    );
    ("Signing 500 inputs with one key", lines)
}

fn deriving(world: &World) -> Table {
    let xpub = *world.vault.cosigners()[0].key.xpub();
    let secp = Secp256k1::verification_only();
    let lines = measure(
        2,
        vec![
            Work::new("30,000 bare public child keys", || {
                for index in 0..30_000 {
                    let number = ChildNumber::from_normal_idx(index).expect("small");
                    black_box(xpub.ckd_pub(&secp, number).expect("derives"));
                }
            }),
            Work::new("10,000 addresses of a 2-of-3", || {
                for index in 0..10_000 {
                    let derived = world.vault.derive(Keychain::Receive, index);
                    black_box(derived.expect("derives").address(NETWORK));
                }
            }),
        ],
    );
    ("Deriving", lines)
}

/// What each signature of the first `count` cosigners says: message, signature, key.
fn signatures(world: &World, count: usize) -> Vec<(Message, ecdsa::Signature, PublicKey)> {
    let signed: Psbt = world.signed_by(count);
    let mut cache = SighashCache::new(&signed.unsigned_tx);
    let mut found = Vec::new();
    for (index, coin) in world.proposal.inputs().iter().enumerate() {
        let script = coin.derived.witness_script.as_ref().expect("wsh");
        let hash = cache
            .p2wsh_signature_hash(index, script, coin.prevout.value, EcdsaSighashType::All)
            .expect("the input is there");
        for (key, signature) in &signed.inputs[index].partial_sigs {
            found.push((Message::from(hash), *signature, *key));
        }
    }
    assert_eq!(found.len(), count * INPUTS as usize);
    found
}

fn verify(signatures: &[(Message, ecdsa::Signature, PublicKey)]) {
    let secp = Secp256k1::verification_only();
    for (message, signature, key) in signatures {
        let valid = secp.verify_ecdsa(message, &signature.signature, &key.inner);
        valid.expect("a good signature");
    }
}

/// What all cores of the machine are worth at this moment.
fn verify_on_threads(signatures: &[(Message, ecdsa::Signature, PublicKey)]) {
    let pieces: Vec<_> = signatures.chunks(50).collect();
    Threads.run(pieces.len(), &|number| verify(pieces[number]));
}
