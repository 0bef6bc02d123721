//! T18: what a file may have at most of what is costly to read, to the last one.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Psbt;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::taproot::{LeafVersion, TaprootBuilder};
use bitcoin::{Network, ScriptBuf};
use common::world::World;
use quorate_core::psbt::{WireError, read};

fn request() -> Psbt {
    let world = World::new("2-of-3", &[60_000, 60_000]);
    world.spend(100_000).unwrap().psbt().clone()
}

fn points() -> impl Iterator<Item = PublicKey> {
    let secp = Secp256k1::new();
    (1u32..).map(move |number| {
        let mut secret = [7; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        SecretKey::from_slice(&secret).unwrap().public_key(&secp)
    })
}

/// Fills `psbt` with one more each time `add` is called, up to `most`, and then one over.
fn holds_at_most(most: usize, what: &'static str, psbt: &mut Psbt, add: &mut dyn FnMut(&mut Psbt)) {
    for _ in 0..most {
        add(psbt);
    }
    read(&psbt.serialize()).unwrap();
    add(psbt);
    let refused = read(&psbt.serialize()).unwrap_err();
    assert_eq!(refused, WireError::TooMany { what, max: most });
}

#[test]
fn t18_keys_are_counted_over_all_maps_and_types() {
    let mut psbt = request();
    for input in &mut psbt.inputs {
        input.bip32_derivation.clear();
    }
    for output in &mut psbt.outputs {
        output.bip32_derivation.clear();
    }
    let source = (Fingerprint::default(), DerivationPath::default());
    let mut keys = points();
    let mut turn = 0;
    holds_at_most(12_500, "keys", &mut psbt, &mut |psbt| {
        let key = keys.next().unwrap();
        let x_only = key.x_only_public_key().0;
        match turn % 4 {
            _ if turn == 4 => psbt.inputs[0].tap_internal_key = Some(x_only),
            _ if turn == 8 => psbt.outputs[1].tap_internal_key = Some(x_only),
            0 => drop(psbt.inputs[0].bip32_derivation.insert(key, source.clone())),
            1 => drop(psbt.outputs[0].bip32_derivation.insert(key, source.clone())),
            2 => {
                let origin = (vec![], source.clone());
                psbt.inputs[1].tap_key_origins.insert(x_only, origin);
            }
            _ => {
                let origin = (vec![], source.clone());
                psbt.outputs[1].tap_key_origins.insert(x_only, origin);
            }
        }
        turn += 1;
    });
}

#[test]
fn t18_extended_keys_are_counted() {
    let secp = Secp256k1::new();
    let master = Xpriv::new_master(Network::Regtest, &[7; 32]).unwrap();
    let mut number = 0;
    let mut psbt = request();
    psbt.xpub.clear();
    holds_at_most(200, "extended keys", &mut psbt, &mut |psbt| {
        let step = [ChildNumber::from_normal_idx(number).unwrap()];
        let xpub = Xpub::from_priv(&secp, &master.derive_priv(&secp, &step).unwrap());
        let source = (master.fingerprint(&secp), DerivationPath::from(&step[..]));
        psbt.xpub.insert(xpub, source);
        number += 1;
    });
}

fn script(number: u32) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x04], &number.to_be_bytes()[..], &[0x75]].concat())
}

#[test]
fn t18_leaf_scripts_are_counted_over_all_inputs() {
    let secp = Secp256k1::new();
    let internal = points().next().unwrap().x_only_public_key().0;
    let mut number = 0;
    holds_at_most(4_096, "leaf scripts", &mut request(), &mut |psbt| {
        // A control block names the other leaf, so it is another one each time.
        let (leaf, other) = (script(number), script(number + 1));
        let tree = TaprootBuilder::new().add_leaf(1, leaf.clone()).unwrap();
        let tree = tree.add_leaf(1, other).unwrap();
        let info = tree.finalize(&secp, internal).unwrap();
        let leaf = (leaf, LeafVersion::TapScript);
        let control = info.control_block(&leaf).unwrap();
        let scripts = &mut psbt.inputs[number as usize % 2].tap_scripts;
        scripts.insert(control, leaf);
        number += 1;
    });
}

/// The leaves of both outputs' trees together.
#[test]
fn t18_leaves_of_trees_are_counted_over_all_outputs() {
    let full = |psbt: &mut Psbt, output: usize, depth: u8| {
        let builder = (0..1u32 << depth).fold(TaprootBuilder::new(), |builder, number| {
            builder.add_leaf(depth, script(number)).unwrap()
        });
        psbt.outputs[output].tap_tree = Some(builder.try_into().unwrap());
    };
    let mut psbt = request();
    full(&mut psbt, 0, 9);
    full(&mut psbt, 1, 10);
    read(&psbt.serialize()).unwrap();
    full(&mut psbt, 0, 10);
    let refused = read(&psbt.serialize()).unwrap_err();
    let expected = WireError::TooMany {
        what: "leaves",
        max: 2_000,
    };
    assert_eq!(refused, expected);
}

/// The largest type that Bitcoin Core reads, and the one above.
#[test]
fn types_of_fields_have_a_largest_one() {
    let with_type = |number: u32| {
        let mut psbt = request();
        let key = bitcoin::psbt::raw::Key {
            type_value: 0xfe,
            key: number.to_le_bytes().to_vec(),
        };
        psbt.inputs[0].unknown.insert(key, vec![]);
        read(&psbt.serialize())
    };
    with_type(0x0200_0000).unwrap();
    let refused = with_type(0x0200_0001).unwrap_err();
    assert!(matches!(refused, WireError::Malformed { .. }), "{refused}");
}

#[test]
fn t18_maps_are_counted_before_they_are_kept() {
    let file = |maps: usize| [b"psbt\xff".as_slice(), &vec![0; maps]].concat();
    let missing = read(&file(1_025)).unwrap_err();
    assert!(matches!(missing, WireError::BadField(_)), "{missing}");
    let refused = read(&file(1_026)).unwrap_err();
    let expected = WireError::TooMany {
        what: "maps",
        max: 1_025,
    };
    assert_eq!(refused, expected);
}

#[test]
fn t18_fields_are_counted_over_all_maps() {
    let mut psbt = request();
    psbt.xpub.clear();
    let unknown = |psbt: &mut Psbt, number: u32| {
        let key = bitcoin::psbt::raw::Key {
            type_value: 0xf0,
            key: number.to_be_bytes().to_vec(),
        };
        psbt.inputs[number as usize % 2].unknown.insert(key, vec![]);
    };
    let mut number = 0;
    let mut add = |psbt: &mut Psbt| {
        unknown(psbt, number);
        number += 1;
    };
    for _ in 0..39_900 {
        add(&mut psbt);
    }
    let held = pairs(&psbt.serialize());
    for _ in held..40_000 {
        add(&mut psbt);
    }
    assert_eq!(pairs(&psbt.serialize()), 40_000);
    read(&psbt.serialize()).unwrap();
    add(&mut psbt);
    let refused = read(&psbt.serialize()).unwrap_err();
    let expected = WireError::TooMany {
        what: "fields",
        max: 40_000,
    };
    assert_eq!(refused, expected);
}

/// Pairs in a file, counted by another reader: every length here is below 253 or of two bytes.
fn pairs(file: &[u8]) -> usize {
    let (mut at, mut pairs) = (5, 0);
    let length = |at: &mut usize| {
        let first = usize::from(file[*at]);
        *at += 1;
        if first < 0xfd {
            return first;
        }
        assert_eq!(first, 0xfd);
        let length = usize::from(file[*at]) + 256 * usize::from(file[*at + 1]);
        *at += 2;
        length
    };
    while at < file.len() {
        let key = length(&mut at);
        if key > 0 {
            at += key;
            let value = length(&mut at);
            at += value;
            pairs += 1;
        }
    }
    pairs
}

#[test]
fn t18_inputs_and_outputs_are_counted() {
    let file = |inputs: u32, outputs: usize| {
        let mut tx = request().unsigned_tx;
        let input = tx.input[0].clone();
        tx.input = (0..inputs)
            .map(|vout| {
                let mut input = input.clone();
                input.previous_output.vout = vout;
                input
            })
            .collect();
        tx.output = vec![tx.output[0].clone(); outputs];
        read(&Psbt::from_unsigned_tx(tx).unwrap().serialize())
    };
    file(512, 512).unwrap();
    for (inputs, outputs, what) in [
        (513, 1, "inputs"),
        (514, 1, "inputs"),
        (1, 513, "outputs"),
        (1, 514, "outputs"),
    ] {
        let refused = file(inputs, outputs).unwrap_err();
        assert_eq!(refused, WireError::TooMany { what, max: 512 });
    }
}
