//! The edges of what is read and compared: sizes to the byte, counts to the last one, and fields that
//! are only looked at for their form.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::raw;
use bitcoin::script::{PushBytesBuf, ScriptBuf};
use bitcoin::{Amount, Network, Psbt, Witness};
use common::named_keys;
use common::rogue::nobodys;
use common::world::{World, foreign, kept, stranger};
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, SignatureSet};
use quorate_core::psbt::{
    FinalizeError, MAX_BYTES, RawSignature, WireError, admit, final_txid, finalize, is_signed_form,
    read, serialize_v2, to_base64, with_signatures,
};
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Request, Send, propose};
use quorate_core::vault::Vault;

fn world(script: ScriptType) -> World {
    let mut template = Template::builtin("2-of-3").unwrap();
    template.script = script;
    let vault = Vault::create(Network::Regtest, &template, named_keys(3)).unwrap();
    World::of(vault, &[60_000, 50_000])
}

fn request() -> Psbt {
    world(ScriptType::Wsh).spend_all_coins().psbt().clone()
}

fn put(psbt: &mut Psbt, type_value: u8, key: &[u8], value: &[u8]) {
    let key = raw::Key {
        type_value,
        key: key.to_vec(),
    };
    psbt.inputs[0].unknown.insert(key, value.to_vec());
}

#[test]
fn t18_a_file_of_exactly_2_mib_is_read_in_every_form() {
    let mut psbt = request();
    let size = psbt.serialize().len();
    // A key of 4 bytes and its length, the value's length in 5 bytes.
    put(&mut psbt, 0xf0, &[0; 3], &vec![1; MAX_BYTES - size - 10]);
    let exact = psbt.serialize();
    assert_eq!(exact.len(), MAX_BYTES);
    read(&exact).unwrap();
    let text = to_base64(&psbt);
    assert!(read(text.as_bytes()).unwrap().psbt == psbt);
    let longest = 2 * MAX_BYTES + 64 * 1024;
    let padded = |length: usize| text.clone() + &" ".repeat(length - text.len());
    read(padded(longest).as_bytes()).unwrap();
    let refused = read(padded(longest + 1).as_bytes()).unwrap_err();
    assert_eq!(refused, WireError::TooLarge { bytes: longest + 1 });
    put(&mut psbt, 0xf1, &[], &[]);
    let bytes = MAX_BYTES + 3;
    for larger in [psbt.serialize(), to_base64(&psbt).into_bytes()] {
        assert_eq!(read(&larger).unwrap_err(), WireError::TooLarge { bytes });
    }
    // Nothing but a magic, as text.
    let refused = read(b"70736274ff").unwrap_err();
    assert!(matches!(refused, WireError::Truncated { .. }), "{refused}");
}

#[test]
fn t19_all_the_bitcoin_there_can_be_may_be_paid() {
    let mut tx = request().unsigned_tx;
    tx.output[0].value = Amount::MAX_MONEY;
    read(&Psbt::from_unsigned_tx(tx.clone()).unwrap().serialize()).unwrap();
    tx.output[0].value = Amount::MAX_MONEY + Amount::ONE_SAT;
    let refused = read(&Psbt::from_unsigned_tx(tx).unwrap().serialize()).unwrap_err();
    assert_eq!(refused, WireError::AmountRange { output: 0 });
}

#[test]
fn t18_version_2_may_have_512_inputs_and_outputs() {
    let file = |count: u32| {
        let mut tx = request().unsigned_tx;
        let input = tx.input[0].clone();
        tx.input = vec![input; count as usize];
        for (vout, input) in (0..).zip(&mut tx.input) {
            input.previous_output.vout = vout;
        }
        tx.output = vec![tx.output[0].clone(); count as usize];
        Psbt::from_unsigned_tx(tx).unwrap()
    };
    let read = read(&serialize_v2(&file(512)).unwrap()).unwrap();
    assert!(read.psbt == file(512));
}

/// BIP-0373: read over, but each where it belongs and of its length.
#[test]
fn fields_of_musig2_have_the_form_they_must_have() {
    let key = |first: u8| [&[first][..], &[9; 32]].concat();
    let good = [key(2), key(3)].concat();
    let is_read = |kind: u8, data: &[u8], value: &[u8]| {
        let mut psbt = request();
        put(&mut psbt, kind, data, value);
        read(&psbt.serialize()).is_ok()
    };
    assert!(is_read(0x1a, &key(2), &good));
    for (data, value) in [
        (good.clone(), good.clone()),
        (key(4), good.clone()),
        (key(2), vec![]),
        (key(2), key(5)),
        (key(2), [key(2), key(5)].concat()),
        (key(2), [&key(2)[..], &[2]].concat()),
        (key(2)[..32].to_vec(), good.clone()),
    ] {
        assert!(!is_read(0x1a, &data, &value), "{data:?} {value:?}");
    }
    for (kind, length) in [(0x1b, 66), (0x1c, 32)] {
        let value = vec![7; length];
        let with_leaf = [&good[..], &[7; 32]].concat();
        assert!(is_read(kind, &good, &value));
        assert!(is_read(kind, &with_leaf, &value));
        for data in [
            [key(5), key(2)].concat(),
            [key(2), key(5)].concat(),
            key(2),
            with_leaf[..97].to_vec(),
        ] {
            assert!(!is_read(kind, &data, &value), "{data:?}");
        }
        assert!(!is_read(kind, &good, &vec![7; length + 1]));
    }
}

/// A type means what it does in its own kind of map.
#[test]
fn an_outputs_unknown_fields_are_no_leaf_scripts() {
    let mut psbt = request();
    for number in 0..5_000u32 {
        for type_value in [0x15, 0x16, 0x17] {
            let key = raw::Key {
                type_value,
                key: number.to_be_bytes().to_vec(),
            };
            psbt.outputs[0].unknown.insert(key, vec![]);
        }
    }
    read(&psbt.serialize()).unwrap();
}

#[test]
fn t12_a_previous_transaction_may_come_back_without_its_witnesses() {
    let world = world(ScriptType::Wsh);
    let mut psbt = world.spend_all_coins().psbt().clone();
    for input in &mut psbt.inputs {
        let previous = input.non_witness_utxo.as_mut().unwrap();
        previous.input[0].witness = Witness::from_slice(&[[7; 5]]);
    }
    let proposal = Proposal::check(&world.vault, psbt).unwrap();
    let mut signed = world.sign(&proposal, 0);
    for input in &mut signed.inputs {
        let previous = input.non_witness_utxo.as_mut().unwrap();
        previous.input[0].witness.clear();
    }
    let admission = admit(&proposal, &foreign(&signed), &SignatureSet::new()).unwrap();
    assert_eq!(admission.new.len(), 2);
    let previous = signed.inputs[1].non_witness_utxo.as_mut().unwrap();
    previous.output[0].value += Amount::ONE_SAT;
    admit(&proposal, &foreign(&signed), &SignatureSet::new()).unwrap_err();
}

#[test]
fn t18_pushes_of_a_finalized_input_are_counted_by_themselves() {
    let signature = bitcoin::ecdsa::Signature::sighash_all(nobodys());
    let script = |pushes: usize| {
        let push = PushBytesBuf::try_from(signature.to_vec()).unwrap();
        (0..pushes).fold(ScriptBuf::new(), |mut script, _| {
            script.push_slice(&push);
            script
        })
    };
    let mut psbt = request();
    let key = *psbt.inputs[0].bip32_derivation.keys().next().unwrap();
    let key = bitcoin::PublicKey::new(key);
    psbt.inputs[0].partial_sigs.insert(key, signature);
    psbt.inputs[0].final_script_sig = Some(script(101));
    let file = read(&psbt.serialize()).unwrap();
    assert_eq!(file.signatures[0].len(), 102);
    for more in [102, 103] {
        psbt.inputs[0].final_script_sig = Some(script(more));
        let refused = read(&psbt.serialize()).unwrap_err();
        assert!(matches!(refused, WireError::TooMany { max: 101, .. }));
    }
}

/// BIP341: a last element that begins with 0x50 is no part of what is spent, unless it is alone.
#[test]
fn an_annex_is_left_out() {
    let candidates = |elements: &[Vec<u8>]| {
        let mut psbt = request();
        psbt.inputs[0].final_script_witness = Some(Witness::from_slice(elements));
        let file = read(&psbt.serialize()).unwrap();
        let leaf = |one: &RawSignature| match one {
            RawSignature::TapWitness { leaf, .. } => leaf.is_some(),
            other => panic!("{other:?}"),
        };
        file.signatures[0].iter().map(leaf).collect::<Vec<_>>()
    };
    let signature = vec![7; 64];
    let annex = vec![0x50; 64];
    assert_eq!(candidates(std::slice::from_ref(&signature)), [false]);
    assert_eq!(candidates(&[signature.clone(), annex.clone()]), [false]);
    assert_eq!(candidates(std::slice::from_ref(&annex)), [false]);
    let script = [signature, vec![0x51], vec![0xc0; 33]];
    assert_eq!(candidates(&script), [true]);
    assert_eq!(candidates(&[&script[..], &[annex]].concat()), [true]);
}

#[test]
fn what_a_proposal_becomes_is_known_by_its_id_and_form() {
    for script in ScriptType::ALL {
        let world = world(script);
        let proposal = world.spend_all_coins();
        let mut psbt = world.sign(&proposal, 0);
        world.sign_into(&mut psbt, &proposal, 2);
        let set = kept(&world.admit(&proposal, &psbt));
        assert!(with_signatures(&proposal, &set) == psbt, "{script}");
        let done = finalize(&proposal, &set).unwrap();
        let expected = (script != ScriptType::Sh).then(|| done.compute_txid());
        assert_eq!(final_txid(proposal.psbt()), expected, "{script}");
        assert!(is_signed_form(&done, proposal.transaction()), "{script}");
        let mut other = done;
        other.output[0].value += Amount::ONE_SAT;
        assert!(!is_signed_form(&other, proposal.transaction()), "{script}");
    }
}

/// A path after a height: open when the transaction's lock time says so.
#[test]
fn t24_an_absolute_lock_decides_on_the_path() {
    let [a, b, c] = [0, 1, 2].map(|at| format!("{}/<0;1>/*", named_keys(3)[at].1));
    let text = format!("wsh(or_d(multi(2,{a},{b}),and_v(v:pk({c}),after(500))))");
    let names = ["alice", "bob", "carol"].map(str::to_owned);
    let vault = Vault::from_descriptor(Network::Regtest, &text, Some(&names)).unwrap();
    let world = World::of(vault, &[60_000, 50_000]);
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    for (path, tip) in [(0, 400), (1, 1_000)] {
        let request = Request {
            path,
            tip,
            ..world.request(&recipients, 2)
        };
        let proposal = propose(&world.vault, &request).unwrap();
        let carols = world.sign(&proposal, 2);
        let carols = kept(&world.admit(&proposal, &carols));
        assert_eq!(carols.len(), 2);
        let finished = finalize(&proposal, &carols);
        if path == 1 {
            finished.unwrap();
        } else {
            assert_eq!(finished, Err(FinalizeError::Incomplete { input: 0 }));
        }
    }
}
