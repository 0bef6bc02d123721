//! Reading foreign bytes: strictly, within limits, without ever panicking.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use bitcoin::hex::DisplayHex;
use bitcoin::{Amount, Psbt};
use common::world::World;
use proptest::prelude::*;
use quorate_core::psbt::{MAX_BYTES, RawSignature, WireError, read};

fn signed() -> Vec<u8> {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    world.sign(&proposal, 0).serialize()
}

/// A file made of raw parts: magic, then whatever stands in the maps.
fn file(maps: &[&[(&[u8], &[u8])]]) -> Vec<u8> {
    let mut out = b"psbt\xff".to_vec();
    for map in maps {
        for (key, value) in *map {
            for part in [key, value] {
                if part.len() < 0xfd {
                    out.push(u8::try_from(part.len()).unwrap());
                } else {
                    out.push(0xfd);
                    out.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
                }
                out.extend_from_slice(part);
            }
        }
        out.push(0);
    }
    out
}

fn unsigned_tx() -> Vec<u8> {
    let psbt = Psbt::deserialize(&signed()).unwrap();
    bitcoin::consensus::serialize(&psbt.unsigned_tx)
}

#[test]
fn binary_base64_and_hex_are_the_same_file() {
    let bytes = signed();
    let base64 = STANDARD.encode(&bytes);
    let wrapped: String = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line) + "\r\n")
        .collect();
    let hex = bytes.to_lower_hex_string();
    let expected = read(&bytes).unwrap();
    assert_eq!(expected.signatures[0].len(), 1);
    for text in [
        base64.clone(),
        wrapped,
        format!("\n {base64}\n"),
        hex.clone(),
        hex.to_uppercase(),
    ] {
        let found = read(text.as_bytes()).unwrap();
        assert_eq!(
            (found.psbt, found.signatures),
            (expected.psbt.clone(), expected.signatures.clone())
        );
    }
}

#[test]
fn t18_oversized_files_are_refused_before_they_are_read() {
    let mut huge = b"psbt\xff".to_vec();
    huge.resize(3_000_000, 0);
    assert_eq!(
        read(&huge).unwrap_err(),
        WireError::TooLarge { bytes: 3_000_000 }
    );
    assert!(matches!(
        read(&vec![b'c'; 6_000_000]),
        Err(WireError::TooLarge { .. })
    ));
    let text = STANDARD.encode(&huge);
    assert!(matches!(
        read(text.as_bytes()),
        Err(WireError::TooLarge { .. })
    ));
    assert!(matches!(
        read(&vec![0xa5; 3_000_000]),
        Err(WireError::NotAPsbt)
    ));
    // Many small fields within the size limit.
    let tx = unsigned_tx();
    let mut bomb = file(&[&[(&[0], &tx)]]);
    bomb.pop();
    for number in 0..100_000u32 {
        bomb.push(5);
        bomb.push(0xf0);
        bomb.extend(number.to_le_bytes());
        bomb.push(0);
    }
    bomb.push(0);
    assert!(bomb.len() < MAX_BYTES);
    assert!(matches!(
        read(&bomb),
        Err(WireError::TooMany { what: "fields", .. })
    ));
}

#[test]
fn t19_what_is_not_canonical_is_refused() {
    let tx = unsigned_tx();
    let twice = file(&[
        &[(&[0], &tx), (&[0xf0], b"a"), (&[0xf0], b"b")],
        &[],
        &[],
        &[],
    ]);
    assert!(matches!(
        read(&twice),
        Err(WireError::Malformed {
            what: "a field stands there twice",
            ..
        })
    ));
    let mut trailing = signed();
    trailing.push(0);
    assert!(matches!(read(&trailing), Err(WireError::BadField(_))));
    let mut trailing = signed();
    trailing.extend(b"more");
    assert!(read(&trailing).is_err());
    // The first key's length as three bytes instead of one.
    let mut long_form = b"psbt\xff".to_vec();
    long_form.extend([0xfd, 1, 0]);
    long_form.extend(&signed()[6..]);
    assert!(matches!(read(&long_form), Err(WireError::Malformed { .. })));
    assert!(matches!(
        read(&file(&[&[(&[0xf0], b"a")]])),
        Err(WireError::BadField(_))
    ));
    assert_eq!(
        read(b"psbt\xff").unwrap_err(),
        WireError::Truncated { at: 5 }
    );
    assert_eq!(read(b"").unwrap_err(), WireError::Empty);
}

#[test]
fn t19_impossible_amounts_are_refused() {
    for value in [
        Amount::from_sat(u64::MAX),
        Amount::MAX_MONEY + Amount::from_sat(1),
    ] {
        let mut psbt = Psbt::deserialize(&signed()).unwrap();
        psbt.unsigned_tx.output[0].value = value;
        assert_eq!(
            read(&psbt.serialize()).unwrap_err(),
            WireError::AmountRange { output: 0 }
        );
    }
}

#[test]
fn unknown_versions_are_named_and_refused() {
    for version in [1u32, 3, 0xffff_ffff] {
        let found = file(&[&[(&[0xfb], &version.to_le_bytes())]]);
        assert_eq!(read(&found).unwrap_err(), WireError::Version(version));
    }
}

#[test]
fn t19_a_type_in_a_longer_form_is_refused() {
    let tx = unsigned_tx();
    for kind in [&[0xfd, 0x02, 0x00][..], &[0xfd, 0x02], &[0xfe], &[0xff; 9]] {
        let found = file(&[&[(&[0], &tx), (kind, b"a")], &[], &[], &[]]);
        assert!(matches!(read(&found), Err(WireError::Malformed { .. })));
    }
    let kind = [0xfd, 0xfd, 0x00, 7];
    let found = file(&[&[(&[0], &tx), (&kind, b"a")], &[], &[], &[]]);
    assert!(read(&found).is_ok());
}

#[test]
fn t21_private_keys_in_a_file_are_refused_without_repeating_them() {
    use bitcoin::bip32::Xpriv;
    let key = Xpriv::new_master(bitcoin::Network::Regtest, &[9; 32]).unwrap();
    let tx = unsigned_tx();
    let text = key.to_string();
    let mut secrets = vec![text.as_bytes().to_vec()];
    // SLIP-0132: xprv, yprv, zprv, Yprv, Zprv, tprv, uprv, vprv, Uprv, Vprv.
    for version in [
        0x0488_ade4u32,
        0x049d_7878,
        0x04b2_430c,
        0x0295_b005,
        0x02aa_7a99,
        0x0435_8394,
        0x044a_4e28,
        0x045f_18bc,
        0x0242_85b5,
        0x0257_5048,
    ] {
        let mut binary = key.encode();
        binary[..4].copy_from_slice(&version.to_be_bytes());
        secrets.push(bitcoin::base58::encode_check(&binary).into_bytes());
        secrets.push([&b"key"[..], &binary].concat());
    }
    for network in [bitcoin::Network::Bitcoin, bitcoin::Network::Regtest] {
        for compressed in [true, false] {
            let wif = bitcoin::PrivateKey {
                compressed,
                network: network.into(),
                inner: key.private_key,
            };
            secrets.push(format!("{{\"wif\":\"{wif}\"}}").into_bytes());
        }
    }
    secrets.push([b"abandon ".repeat(11), b"about".to_vec()].concat());
    for secret in &secrets {
        let found = file(&[
            &[(&[0], &tx), (&[0xfc, 6, b'v', b'e', b'n'], secret)],
            &[],
            &[],
            &[],
        ]);
        assert_eq!(read(&found).unwrap_err(), WireError::SecretInside);
    }
    assert!(!WireError::SecretInside.to_string().contains(&text));
    // Public keys of the same kind are what the file is full of.
    assert!(read(&signed()).is_ok());
}

#[test]
fn a_signature_that_cannot_be_parsed_leaves_the_rest_readable() {
    let bytes = signed();
    let good = read(&bytes).unwrap();
    let RawSignature::Partial { key, value } = &good.signatures[0][0] else {
        panic!()
    };
    let place = bytes
        .windows(value.len())
        .position(|window| window == &value[..])
        .unwrap();
    let mut broken = bytes.clone();
    broken[place] = 0x31;
    assert!(
        Psbt::deserialize(&broken).is_err(),
        "the library refuses the whole file"
    );
    let found = read(&broken).unwrap();
    assert_eq!(found.psbt, good.psbt);
    assert!(
        matches!(&found.signatures[0][0], RawSignature::Partial { key: same, .. } if same == key)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let mut with_magic = b"psbt\xff".to_vec();
        with_magic.extend(&bytes);
        let _ = read(&with_magic);
    }

    /// What is read is all there was: nothing is dropped or changed on the way in.
    #[test]
    fn changed_bytes_are_refused_or_kept(place in 0usize..600, byte: u8) {
        let mut bytes = signed();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(found) = read(&bytes) {
            let mut again = found.psbt.clone();
            let stripped = again.serialize();
            again = Psbt::deserialize(&stripped).unwrap();
            prop_assert_eq!(again, found.psbt);
        }
    }
}
