//! Hostile files, generated: every kind of bad signature, for every cosigner and input, under
//! several policies, in every form of file, in open and in finalized inputs. Of each, exactly the
//! good signatures are kept, the bad one is named, and the session goes on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::taproot::{ControlBlock, LeafVersion, TaprootBuilder};
use bitcoin::{Psbt, ScriptBuf, Sequence, TxOut};
use common::rogue::{
    Form, Signed, high_s, nobodys, put_final, put_raw, with_byte, with_signatures,
};
use common::vault_as;
use common::world::{World, ecdsa_of, kept, stranger};
use quorate_core::consensus::verify_transaction;
use quorate_core::proposal::{Proposal, Signature, SignatureSet, SignedInputs};
use quorate_core::psbt::{ContributionError, FinalizeError, admit, finalize, read};
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Request, Send, propose};
use std::collections::BTreeSet;

/// Policy, kind of output and spending path.
const SPENDS: [(&str, ScriptType, usize); 11] = [
    ("2-of-3", ScriptType::Wsh, 0),
    ("3-of-5", ScriptType::Wsh, 0),
    ("2-of-3-recovery", ScriptType::Wsh, 1),
    ("inheritance", ScriptType::Wsh, 0),
    ("inheritance", ScriptType::Wsh, 1),
    ("2-of-3", ScriptType::ShWsh, 0),
    ("inheritance", ScriptType::ShWsh, 1),
    ("2-of-3", ScriptType::Sh, 0),
    ("2-of-3", ScriptType::Tr, 0),
    ("inheritance", ScriptType::Tr, 0),
    ("inheritance", ScriptType::Tr, 1),
];
/// Cosigners of those paths, counted together.
const MEMBERS: usize = 3 + 5 + 3 + 2 + 2 + 3 + 2 + 3 + 3 + 2 + 2;

struct Session {
    world: World,
    proposal: Proposal,
    signed: Signed,
    path: usize,
}

impl Session {
    fn new(policy: &str, script: ScriptType, path: usize) -> Self {
        let world = World::of(vault_as(policy, script), &[60_000, 50_000]);
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
        Self {
            world,
            proposal,
            signed,
            path,
        }
    }

    fn all() -> impl Iterator<Item = (String, Self)> {
        SPENDS.iter().map(|&(policy, script, path)| {
            let name = format!("{policy} as {script}, path {path}");
            (name, Self::new(policy, script, path))
        })
    }

    fn threshold(&self) -> usize {
        self.world.vault.policy().paths[self.path].threshold
    }

    fn members(&self) -> BTreeSet<usize> {
        self.world.vault.policy().paths[self.path].cosigners.clone()
    }

    /// That these signatures make a transaction which nodes take, if there are enough.
    fn ends(&self, signatures: &SignatureSet, enough: bool, case: &str) {
        let complete = SignedInputs::of(&self.proposal, signatures).is_complete();
        assert_eq!(complete, enough, "{case}");
        match finalize(&self.proposal, signatures) {
            Ok(transaction) => {
                assert!(enough, "{case}");
                if let Some(txid) = self.proposal.final_txid() {
                    assert_eq!(transaction.compute_txid(), txid, "{case}");
                }
                verify_transaction(&transaction, &self.proposal.prevouts()).unwrap();
            }
            Err(FinalizeError::Incomplete { .. }) => assert!(!enough, "{case}"),
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

/// Kinds of bad signature by `bad` on `input`, with the word that the refusal must contain.
fn bad_signatures(
    session: &Session,
    bad: usize,
    input: usize,
) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let elsewhere = session.signed.of(bad, 1 - input)[0].1;
    if let Signature::Schnorr(good) = session.signed.of(bad, input)[0].1 {
        return bad_schnorr(&good.signature.serialize(), elsewhere.to_vec());
    }
    let good = ecdsa_of(&session.signed.of(bad, input)[0].1).signature;
    let mut truncated = with_byte(&good, 1);
    truncated.remove(20);
    let mut noise = vec![0x30; 71];
    noise[70] = 1;
    vec![
        ("by nobody", with_byte(&nobodys(), 1), "sign"),
        ("of the other input", elsewhere.to_vec(), "sign"),
        ("SIGHASH_NONE", with_byte(&good, 2), "SIGHASH_ALL"),
        ("SIGHASH_SINGLE", with_byte(&good, 3), "SIGHASH_ALL"),
        ("ALL|ANYONECANPAY", with_byte(&good, 0x81), "SIGHASH_ALL"),
        ("without sighash byte", good.serialize_der().to_vec(), ""),
        ("high S", with_byte(&high_s(&good), 1), "canonical"),
        ("a byte short", truncated, "DER"),
        ("71 bytes of noise", noise, "DER"),
    ]
}

fn bad_schnorr(good: &[u8; 64], elsewhere: Vec<u8>) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let with = |byte: u8| [&good[..], &[byte]].concat();
    let mut damaged = good.to_vec();
    damaged[40] ^= 1;
    vec![
        ("by nobody", vec![7; 64], "sign"),
        ("of the other input", elsewhere, "sign"),
        ("SIGHASH_NONE", with(2), "SIGHASH_ALL"),
        ("SIGHASH_SINGLE", with(3), "SIGHASH_ALL"),
        ("ALL|ANYONECANPAY", with(0x81), "SIGHASH_ALL"),
        ("DEFAULT written out", with(0), "SIGHASH_ALL"),
        ("said to be ALL", with(1), "sign"),
        ("a bit changed", damaged, "sign"),
        ("64 bytes of noise", vec![0xff; 64], "sign"),
    ]
}

#[test]
fn t13_hostile_signatures_cost_no_good_one_and_are_named() {
    let mut cases = 0;
    for (name, session) in Session::all() {
        let members = session.members();
        for &bad in &members {
            let others: Vec<usize> = members.iter().copied().filter(|&at| at != bad).collect();
            let enough = others.len() >= session.threshold();
            for input in 0..2 {
                for (what, value, word) in bad_signatures(&session, bad, input) {
                    for form in Form::ALL {
                        for finalized in [false, true] {
                            let case = format!(
                                "{name}: {what} by {bad} on input {input}, {form:?}, finalized {finalized}"
                            );
                            let file = Attack {
                                session: &session,
                                bad,
                                input,
                                value: &value,
                            };
                            file.check(&others, enough, word, (form, finalized), &case);
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, MEMBERS * 2 * 9 * 4 * 2);
}

/// One bad signature.
struct Attack<'a> {
    session: &'a Session,
    bad: usize,
    input: usize,
    value: &'a [u8],
}

impl Attack<'_> {
    fn check(
        &self,
        others: &[usize],
        enough: bool,
        word: &str,
        (form, finalized): (Form, bool),
        case: &str,
    ) {
        let Session {
            proposal, signed, ..
        } = self.session;
        // What is good: all the others' signatures, and his own on the other input.
        let mut good = signed.set(others.iter().copied());
        let own = signed.set([self.bad]).into_iter();
        good.extend(own.filter(|(slot, _)| slot.input as usize != self.input));
        let mut psbt = with_signatures(proposal, &good);
        let key = signed.of(self.bad, self.input)[0].0;
        let coin = &proposal.inputs()[self.input].derived;
        if finalized {
            put_final(&mut psbt, self.input, coin, &key, self.value);
        } else {
            put_raw(&mut psbt, self.input, coin, &key, self.value);
        }
        let file = read(&form.write(&psbt)).unwrap();
        let admission = admit(proposal, &file, &SignatureSet::new()).unwrap();
        assert_eq!(kept(&admission), good, "{case}");
        assert_eq!(admission.new.len(), good.len(), "{case}");
        let [refused] = &admission.refused[..] else {
            panic!("{case}: {admission:?}");
        };
        assert_eq!(refused.input as usize, self.input, "{case}");
        // In a finalized input nothing says whose it was meant to be.
        let named = (!finalized).then_some(self.bad);
        assert_eq!(refused.cosigner, named, "{case}");
        assert!(refused.reason.contains(word), "{case}: {}", refused.reason);
        for one in &admission.new {
            let of = signed.of(one.cosigner, one.slot.input as usize);
            assert!(of.contains(&(one.slot.public_key, one.signature)), "{case}");
        }
        self.session.ends(&good, enough, case);
        // The same file again brings nothing, and takes nothing away.
        let again = admit(proposal, &file, &good).unwrap();
        assert!(again.new.is_empty(), "{case}");
        assert_eq!(again.known.len(), good.len(), "{case}");
        // And once he signs as he should, it ends in any case.
        let honest = read(&with_signatures(proposal, &signed.set([self.bad])).serialize()).unwrap();
        let honest = admit(proposal, &honest, &good).unwrap();
        assert!(honest.refused.is_empty(), "{case}");
        good.extend(kept(&honest));
        self.session.ends(&good, true, case);
    }
}

/// A signature that is good, in the slot of somebody else.
#[test]
fn t14_a_good_signature_in_any_wrong_slot_is_refused_and_named() {
    let mut cases = 0;
    for (name, session) in Session::all() {
        let cosigners = 0..session.world.vault.cosigners().len();
        for signer in cosigners.clone() {
            for named in cosigners.clone().filter(|&named| named != signer) {
                for input in 0..2 {
                    let case = format!("{name}: by {signer} as {named} on input {input}");
                    let form = Form::ALL[cases % 4];
                    let coin = &session.proposal.inputs()[input].derived;
                    let value = session.signed.of(signer, input)[0].1.to_vec();
                    let key = session.signed.of(named, input)[0].0;
                    let good = session.signed.set([signer]);
                    let mut psbt = with_signatures(&session.proposal, &good);
                    put_raw(&mut psbt, input, coin, &key, &value);
                    let file = read(&form.write(&psbt)).unwrap();
                    let admission = admit(&session.proposal, &file, &SignatureSet::new()).unwrap();
                    assert_eq!(kept(&admission), good, "{case}");
                    let refused: Vec<_> = admission.refused.iter().collect();
                    assert_eq!(refused.len(), 1, "{case}");
                    let place = (refused[0].input as usize, refused[0].cosigner);
                    assert_eq!(place, (input, Some(named)), "{case}");
                    cases += 1;
                }
            }
        }
    }
    // Ordered pairs: 6 of three cosigners, 12 of four, 20 of five; on both inputs.
    assert_eq!(cases, (5 * 6 + 5 * 12 + 20) * 2);
}

type Change = (&'static str, fn(&mut Psbt, usize));

/// Fields of an input that say something else than ours; the name is what the refusal says.
const ALTERED_INPUTS: [Change; 16] = [
    ("non_witness_utxo", |psbt, at| {
        psbt.inputs[at].non_witness_utxo.as_mut().unwrap().lock_time =
            bitcoin::absolute::LockTime::from_consensus(99);
    }),
    ("non_witness_utxo", |psbt, at| {
        let utxo = psbt.inputs[at].non_witness_utxo.as_mut().unwrap();
        utxo.output[1].value += bitcoin::Amount::ONE_SAT;
    }),
    ("witness_utxo", |psbt, at| {
        prevout(psbt, at).value -= bitcoin::Amount::ONE_SAT;
    }),
    ("witness_utxo", |psbt, at| {
        prevout(psbt, at).script_pubkey = ScriptBuf::new();
    }),
    ("sighash_type", |psbt, at| {
        psbt.inputs[at].sighash_type = Some(bitcoin::EcdsaSighashType::None.into());
    }),
    ("sighash_type", |psbt, at| {
        psbt.inputs[at].sighash_type = Some(bitcoin::EcdsaSighashType::AllPlusAnyoneCanPay.into());
    }),
    ("redeem_script", |psbt, at| {
        psbt.inputs[at].redeem_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    }),
    ("witness_script", |psbt, at| {
        psbt.inputs[at].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    }),
    ("origin", |psbt, at| {
        origin(psbt, at).0 = [7; 4].into();
    }),
    ("origin", |psbt, at| {
        origin(psbt, at).1 = "7/7".parse().unwrap();
    }),
    ("bip32_derivation", |psbt, at| {
        let key = bitcoin::secp256k1::SecretKey::from_slice(&[9; 32]).unwrap();
        let key = key.public_key(&bitcoin::secp256k1::Secp256k1::new());
        let origin = ([7; 4].into(), "7/7".parse().unwrap());
        psbt.inputs[at].bip32_derivation.insert(key, origin);
    }),
    ("tap_internal_key", |psbt, at| {
        psbt.inputs[at].tap_internal_key = Some(x_only());
    }),
    ("tap_key_origins", |psbt, at| {
        let origin = (Vec::new(), ([7; 4].into(), "7/7".parse().unwrap()));
        psbt.inputs[at].tap_key_origins.insert(x_only(), origin);
    }),
    ("tap_merkle_root", |psbt, at| {
        use bitcoin::hashes::Hash;
        psbt.inputs[at].tap_merkle_root = Some(bitcoin::TapNodeHash::all_zeros());
    }),
    ("tap_scripts", |psbt, at| {
        let leaf = (ScriptBuf::from_bytes(vec![0x51]), LeafVersion::TapScript);
        psbt.inputs[at].tap_scripts.insert(control_block(), leaf);
    }),
    ("sighash_type", |psbt, at| {
        psbt.inputs[at].sighash_type = Some(bitcoin::TapSighashType::Single.into());
    }),
];

/// A proof that looks like one.
fn control_block() -> ControlBlock {
    let key = x_only().serialize();
    ControlBlock::decode(&[&[0xc0], &key[..]].concat()).unwrap()
}

/// What the file says of the output an input spends; said by the file alone where ours is silent.
fn prevout(psbt: &mut Psbt, at: usize) -> &mut TxOut {
    let input = &mut psbt.inputs[at];
    let spent = input.non_witness_utxo.as_ref().unwrap().output[1].clone();
    input.witness_utxo.get_or_insert(spent)
}

/// The origin of one of the input's keys.
fn origin(psbt: &mut Psbt, at: usize) -> &mut bitcoin::bip32::KeySource {
    let input = &mut psbt.inputs[at];
    let taproot = input.tap_key_origins.values_mut().map(|(_, origin)| origin);
    input
        .bip32_derivation
        .values_mut()
        .chain(taproot)
        .next()
        .unwrap()
}

/// The same for an output.
const ALTERED_OUTPUTS: [Change; 6] = [
    ("tap_tree", |psbt, at| {
        let script = ScriptBuf::from_bytes(vec![0x51]);
        let tree = TaprootBuilder::new().add_leaf(0, script).unwrap();
        psbt.outputs[at].tap_tree = Some(tree.try_into().unwrap());
    }),
    ("redeem_script", |psbt, at| {
        psbt.outputs[at].redeem_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    }),
    ("witness_script", |psbt, at| {
        psbt.outputs[at].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    }),
    ("bip32_derivation", |psbt, at| {
        let key = bitcoin::secp256k1::SecretKey::from_slice(&[9; 32]).unwrap();
        let key = key.public_key(&bitcoin::secp256k1::Secp256k1::new());
        let origin = ([7; 4].into(), "7/7".parse().unwrap());
        psbt.outputs[at].bip32_derivation.insert(key, origin);
    }),
    ("tap_internal_key", |psbt, at| {
        psbt.outputs[at].tap_internal_key = Some(x_only());
    }),
    ("tap_key_origins", |psbt, at| {
        let origin = (Vec::new(), ([7; 4].into(), "7/7".parse().unwrap()));
        psbt.outputs[at].tap_key_origins.insert(x_only(), origin);
    }),
];

fn x_only() -> bitcoin::XOnlyPublicKey {
    let key = bitcoin::secp256k1::SecretKey::from_slice(&[9; 32]).unwrap();
    key.x_only_public_key(&bitcoin::secp256k1::Secp256k1::new())
        .0
}

#[test]
fn t12_every_altered_field_is_named_with_its_place() {
    let mut cases = 0;
    for (name, session) in Session::all() {
        let signer = *session.members().first().unwrap();
        let honest = with_signatures(&session.proposal, &session.signed.set([signer]));
        let inputs = ALTERED_INPUTS.iter().map(|change| ("inputs", change));
        let outputs = ALTERED_OUTPUTS.iter().map(|change| ("outputs", change));
        for (side, (field, change)) in inputs.chain(outputs) {
            let count = if side == "inputs" { 2 } else { 1 };
            for at in 0..count {
                let mut psbt = honest.clone();
                change(&mut psbt, at);
                let file = read(&Form::ALL[cases % 4].write(&psbt)).unwrap();
                let is_taproot = session.world.vault.script_type() == ScriptType::Tr;
                let field = match (*field, is_taproot) {
                    ("origin", false) => "bip32_derivation",
                    ("origin", true) => "tap_key_origins",
                    (field, _) => field,
                };
                let field = format!("{side}[{at}].{field}");
                let error = admit(&session.proposal, &file, &SignatureSet::new()).unwrap_err();
                assert_eq!(error, ContributionError::Altered { field }, "{name}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, SPENDS.len() * (16 * 2 + 6));
}

#[test]
fn t16_every_change_of_the_transaction_is_refused() {
    let changes: [Change; 9] = [
        ("its version", |psbt, _| psbt.unsigned_tx.version.0 = 1),
        ("its lock time", |psbt, _| {
            psbt.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_consensus(1);
        }),
        ("an input's sequence", |psbt, at| {
            psbt.unsigned_tx.input[at].sequence = Sequence::MAX;
        }),
        ("an input's sequence", |psbt, at| {
            psbt.unsigned_tx.input[at].sequence = Sequence::ZERO;
        }),
        ("the coins it spends or their order", |psbt, at| {
            psbt.unsigned_tx.input[at].previous_output.vout = 7;
        }),
        ("the coins it spends or their order", |psbt, at| {
            psbt.unsigned_tx.input.swap(at, 1 - at);
        }),
        ("its outputs or their order", |psbt, _| {
            psbt.unsigned_tx.output[0].value -= bitcoin::Amount::ONE_SAT;
        }),
        ("its outputs or their order", |psbt, _| {
            psbt.unsigned_tx.output[0].script_pubkey = ScriptBuf::new();
        }),
        ("its outputs or their order", |psbt, _| {
            let more = psbt.unsigned_tx.output[0].clone();
            psbt.unsigned_tx.output.push(more);
            psbt.outputs.push(bitcoin::psbt::Output::default());
        }),
    ];
    let mut cases = 0;
    for (name, session) in Session::all() {
        for signer in session.members() {
            let honest = with_signatures(&session.proposal, &session.signed.set([signer]));
            for (what, change) in changes {
                for at in 0..2 {
                    let mut psbt = honest.clone();
                    change(&mut psbt, at);
                    let file = read(&Form::ALL[cases % 4].write(&psbt)).unwrap();
                    let error = admit(&session.proposal, &file, &SignatureSet::new()).unwrap_err();
                    assert_eq!(error, ContributionError::OtherTransaction(what), "{name}");
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, MEMBERS * 9 * 2);
}
