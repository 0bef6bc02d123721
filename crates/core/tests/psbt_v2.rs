//! Version 2 (BIP-0370): the same request in other clothes, read as strictly as version 0.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Psbt, Sequence, absolute};
use common::world::World;
use proptest::prelude::*;
use quorate_core::proposal::SignatureSet;
use quorate_core::psbt::{ContributionError, WireError, admit, read, serialize_v2};
use std::collections::BTreeMap;

type Maps = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

fn request() -> Psbt {
    let world = World::new("2-of-3", &[100_000, 70_000]);
    let proposal = world.spend(120_000).unwrap();
    world.sign(&proposal, 0)
}

/// The maps of a file whose fields are all short.
fn maps(psbt: &Psbt) -> Maps {
    let bytes = serialize_v2(psbt).unwrap();
    let (mut maps, mut at) = (vec![BTreeMap::new()], 5);
    let take = |at: &mut usize| {
        let mut len = usize::from(bytes[*at]);
        *at += 1;
        if len == 0xfd {
            len = usize::from(u16::from_le_bytes([bytes[*at], bytes[*at + 1]]));
            *at += 2;
        }
        *at += len;
        bytes[*at - len..*at].to_vec()
    };
    while at < bytes.len() {
        let key = take(&mut at);
        if key.is_empty() {
            maps.push(BTreeMap::new());
        } else {
            let value = take(&mut at);
            maps.last_mut().unwrap().insert(key, value);
        }
    }
    maps.pop();
    maps
}

fn file(maps: &Maps) -> Vec<u8> {
    let mut out = b"psbt\xff".to_vec();
    for map in maps {
        for part in map.iter().flat_map(|(key, value)| [key, value]) {
            if part.len() < 0xfd {
                out.push(u8::try_from(part.len()).unwrap());
            } else {
                out.push(0xfd);
                out.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
            }
            out.extend_from_slice(part);
        }
        out.push(0);
    }
    out
}

/// The maps with one field put in, replaced, or with `None` taken away.
fn with(place: usize, key: &[u8], value: Option<&[u8]>) -> Result<Psbt, WireError> {
    let mut maps = maps(&request());
    match value {
        Some(value) => maps[place].insert(key.to_vec(), value.to_vec()),
        None => maps[place].remove(key),
    };
    read(&file(&maps)).map(|found| found.psbt)
}

#[test]
fn both_versions_hold_the_same_request() {
    let psbt = request();
    let (v0, v2) = (
        read(&psbt.serialize()).unwrap(),
        read(&serialize_v2(&psbt).unwrap()).unwrap(),
    );
    assert_eq!((v0.version, v2.version), (0, 2));
    assert_eq!((&v0.psbt, &v0.signatures), (&v2.psbt, &v2.signatures));
    assert_eq!(v2.signatures.iter().flatten().count(), 2);
    assert_eq!(file(&maps(&psbt)), serialize_v2(&psbt).unwrap());
}

#[test]
fn signatures_of_version_2_are_admitted() {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let signed = serialize_v2(&world.sign(&proposal, 1)).unwrap();
    let admission = admit(&proposal, &read(&signed).unwrap(), &SignatureSet::new()).unwrap();
    assert_eq!((admission.new.len(), admission.refused.len()), (1, 0));
}

/// By the BIP two files that differ in a sequence share their id: the whole transaction counts.
#[test]
fn t16_another_sequence_is_another_transaction() {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let signed = world.sign(&proposal, 1);
    for value in [None, Some([0xff; 4]), Some(0xffff_fffeu32.to_le_bytes())] {
        let mut maps = maps(&signed);
        match value {
            Some(value) => maps[1].insert(vec![0x10], value.to_vec()),
            None => maps[1].remove([0x10].as_slice()),
        };
        let foreign = read(&file(&maps)).unwrap();
        let refused = admit(&proposal, &foreign, &SignatureSet::new()).unwrap_err();
        let expected = ContributionError::OtherTransaction("an input's sequence");
        assert_eq!(refused, expected);
    }
}

#[test]
fn a_missing_sequence_is_the_final_one_and_a_missing_lock_time_none() {
    let psbt = with(1, &[0x10], None).unwrap();
    assert_eq!(psbt.unsigned_tx.input[0].sequence, Sequence::MAX);
    let psbt = with(0, &[0x03], None).unwrap();
    assert_eq!(psbt.unsigned_tx.lock_time, absolute::LockTime::ZERO);
}

#[test]
fn every_required_field_is_required_and_has_its_length() {
    let script_can_have_any = 0x04;
    for (place, kinds) in [
        (0, vec![0x02, 0x04, 0x05]),
        (1, vec![0x0e, 0x0f]),
        (2, vec![0x0e, 0x0f]),
        (3, vec![0x03, 0x04]),
        (4, vec![0x03, 0x04]),
    ] {
        for kind in kinds {
            let refused = with(place, &[kind], None).unwrap_err();
            assert!(refused.to_string().contains("missing"), "{refused}");
            assert!(with(place, &[kind, 1], Some(&[0; 4])).is_err(), "key data");
            if place >= 3 && kind == script_can_have_any {
                continue;
            }
            for wrong in [0, 2, 3, 5, 7, 9, 31, 33] {
                let value = vec![0; wrong];
                assert!(
                    with(place, &[kind], Some(&value)).is_err(),
                    "{kind} {wrong}"
                );
            }
        }
    }
}

#[test]
fn optional_fields_have_their_length_and_no_key_data() {
    for (place, kind, len) in [
        (0, 0x03, 4),
        (0, 0x06, 1),
        (1, 0x10, 4),
        (1, 0x11, 4),
        (1, 0x12, 4),
    ] {
        for wrong in (0..9).filter(|wrong| *wrong != len) {
            let value = vec![0x7f; wrong];
            assert!(
                with(place, &[kind], Some(&value)).is_err(),
                "{kind} {wrong}"
            );
        }
        assert!(with(place, &[kind, 0], Some(&vec![0x7f; len])).is_err());
    }
}

#[test]
fn the_maps_are_as_many_as_the_counts_say() {
    for kind in [0x04, 0x05] {
        for wrong in [0u8, 1, 3, 0xfc] {
            assert!(with(0, &[kind], Some(&[wrong])).is_err(), "{kind} {wrong}");
        }
        assert!(
            with(0, &[kind], Some(&[0xfd, 2, 0])).is_err(),
            "longer form"
        );
        assert!(with(0, &[kind], Some(&[2, 0])).is_err(), "more bytes");
        let many = with(0, &[kind], Some(&[0xff; 9])).unwrap_err();
        assert!(
            matches!(many, WireError::TooMany { max: 512, .. }),
            "{many}"
        );
    }
    let none: Maps = vec![BTreeMap::from([
        (vec![0x02], vec![2, 0, 0, 0]),
        (vec![0x04], vec![0]),
        (vec![0x05], vec![0]),
        (vec![0xfb], vec![2, 0, 0, 0]),
    ])];
    assert_eq!(read(&file(&none)).unwrap_err(), WireError::NoInputs);
}

#[test]
fn versions_are_not_mixed() {
    let tx = bitcoin::consensus::serialize(&request().unsigned_tx);
    assert!(with(0, &[0x00], Some(&tx)).is_err(), "a v0 field in v2");
    let v2 = maps(&request());
    let mut v0 = v2.clone();
    for kind in [0x02, 0x03, 0x04, 0x05, 0xfb] {
        v0[0].remove([kind].as_slice());
    }
    v0[0].insert(vec![0x00], tx);
    for map in &mut v0[1..=2] {
        map.retain(|key, _| !(0x0e..=0x12).contains(&key[0]));
    }
    for map in &mut v0[3..] {
        map.retain(|key, _| !matches!(key[0], 3 | 4));
    }
    assert_eq!(read(&file(&v0)).unwrap().version, 0);
    let mut named = v0.clone();
    named[0].insert(vec![0xfb], vec![0; 4]);
    assert_eq!(read(&file(&named)).unwrap().version, 0);
    for (place, kinds) in [(0, 0x02..=0x06), (1, 0x0e..=0x12), (3, 0x03..=0x04)] {
        for kind in kinds {
            let mut mixed = v0.clone();
            let value = v2[place].get([kind].as_slice()).cloned();
            mixed[place].insert(vec![kind], value.unwrap_or_else(|| vec![1, 0, 0, 0]));
            let refused = read(&file(&mixed)).unwrap_err();
            assert!(
                refused.to_string().contains("version 2"),
                "{kind}: {refused}"
            );
        }
    }
    for version in [1u32, 3, u32::MAX] {
        let refused = with(0, &[0xfb], Some(&version.to_le_bytes())).unwrap_err();
        assert_eq!(refused, WireError::Version(version));
    }
    assert!(with(0, &[0xfb], Some(&[2])).is_err());
}

#[test]
fn required_lock_times_have_limits() {
    let with_lock = |kind, value: u32| with(1, &[kind], Some(&value.to_le_bytes()));
    for (kind, value, lock_time) in [
        (0x11, 500_000_000, 500_000_000),
        (0x11, u32::MAX, u32::MAX),
        (0x12, 1, 1),
        (0x12, 499_999_999, 499_999_999),
    ] {
        let psbt = with_lock(kind, value).unwrap();
        let found = psbt.unsigned_tx.lock_time.to_consensus_u32();
        assert_eq!(found, lock_time);
    }
    for (kind, value) in [
        (0x11, 0),
        (0x11, 499_999_999),
        (0x12, 0),
        (0x12, 500_000_000),
        (0x12, u32::MAX),
    ] {
        assert!(with_lock(kind, value).is_err(), "{kind} {value}");
    }
}

/// Devices and programs leave them as they were; a signature of ours allows no change anyway.
#[test]
fn flags_are_read_over_and_never_written() {
    for flags in [0u8, 1, 2, 3, 4, 7, 0xff] {
        let psbt = with(0, &[0x06], Some(&[flags])).unwrap();
        assert_eq!(psbt, read(&request().serialize()).unwrap().psbt);
    }
    assert!(!maps(&request())[0].contains_key([0x06].as_slice()));
}

#[test]
fn impossible_amounts_are_refused() {
    for value in [i64::MIN, -1, 21_000_000 * 100_000_000 + 1, i64::MAX] {
        let refused = with(3, &[0x03], Some(&value.to_le_bytes())).unwrap_err();
        assert_eq!(refused, WireError::AmountRange { output: 0 });
    }
}

proptest! {
    /// Whatever is read of a changed file means the same in both versions, byte for byte.
    #[test]
    fn what_is_read_is_canonical(place in 0usize..4_000, byte: u8) {
        let mut bytes = serialize_v2(&request()).unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(found) = read(&bytes) {
            let written = serialize_v2(&found.psbt).unwrap();
            let again = read(&written).unwrap();
            prop_assert_eq!(&again.psbt, &found.psbt);
            prop_assert_eq!(serialize_v2(&again.psbt).unwrap(), written);
            prop_assert_eq!(read(&found.psbt.serialize()).unwrap().psbt, found.psbt);
        }
    }
}
