//! The test vectors of BIP-0174, 0370, 0371 and 0373, kept as data in `tests/vectors`: what is valid
//! is read, what is invalid is refused, and where we are stricter than the BIP a table says why.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::psbt::{ForeignPsbt, WireError, read, serialize_v2};
use serde_json::Value;

/// What a BIP calls valid and we refuse on purpose: number, case, why.
const REFUSED_ON_PURPOSE: [(u32, &str, &str); 2] = [
    (
        174,
        "PSBT with global unsigned tx that has 0 inputs and 0 outputs",
        "there is nothing to sign, and its transaction's bytes are ambiguous",
    ),
    (
        174,
        "PSBT with 0 inputs",
        "there is nothing to sign, and its transaction's bytes are ambiguous",
    ),
];

fn vectors(bip: u32) -> Value {
    let text = match bip {
        174 => include_str!("../../../tests/vectors/bip174.json"),
        370 => include_str!("../../../tests/vectors/bip370.json"),
        371 => include_str!("../../../tests/vectors/bip371.json"),
        _ => include_str!("../../../tests/vectors/bip373.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn cases(bip: u32, kind: &str) -> Vec<(String, String)> {
    let all = vectors(bip)[kind].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter()
        .map(|one| (text(&one["case"]), text(&one["psbt"])))
        .collect()
}

/// A file that is read comes back the same from both forms.
fn survives_both_versions(case: &str, found: &ForeignPsbt) {
    let v0 = read(&found.psbt.serialize()).unwrap();
    assert_eq!((v0.version, &v0.psbt), (0, &found.psbt), "{case}");
    let written = serialize_v2(&found.psbt).unwrap();
    let v2 = read(&written).unwrap();
    assert_eq!((v2.version, &v2.psbt), (2, &found.psbt), "{case}");
    assert_eq!(serialize_v2(&v2.psbt).unwrap(), written, "{case}");
}

fn check(bip: u32, valid: usize, invalid: usize) {
    let (good, bad) = (cases(bip, "valid"), cases(bip, "invalid"));
    assert_eq!((good.len(), bad.len()), (valid, invalid), "BIP {bip}");
    let mut wrong = Vec::new();
    for (case, psbt) in good {
        let on_purpose = REFUSED_ON_PURPOSE
            .iter()
            .any(|known| (known.0, known.1) == (bip, case.as_str()));
        match read(psbt.as_bytes()) {
            Ok(_) if on_purpose => wrong.push(format!("in the table, but read: {case}")),
            Ok(found) => survives_both_versions(&case, &found),
            Err(_) if on_purpose => {}
            Err(error) => wrong.push(format!("valid, but refused: {case}: {error}")),
        }
    }
    for (case, psbt) in bad {
        if read(psbt.as_bytes()).is_ok() {
            wrong.push(format!("invalid, but read: {case}"));
        }
    }
    assert!(wrong.is_empty(), "BIP {bip}:\n{}", wrong.join("\n"));
}

#[test]
fn bip174() {
    check(174, 10, 20);
}

#[test]
fn bip370() {
    check(370, 14, 24);
}

#[test]
fn bip371() {
    check(371, 6, 11);
}

#[test]
fn bip373() {
    check(373, 14, 10);
}

/// Structurally sound, and yet nothing to sign: that is the business of those who know the coins.
#[test]
fn bip174_what_a_signer_must_refuse_is_a_psbt() {
    let cases = cases(174, "signer_refuses");
    assert_eq!(cases.len(), 4);
    for (case, psbt) in cases {
        assert!(read(psbt.as_bytes()).is_ok(), "{case}");
    }
}

#[test]
fn bip370_lock_times() {
    let all = vectors(370)["lock_times"].as_array().unwrap().clone();
    assert_eq!(all.len(), 10);
    for one in all {
        let found = read(one["psbt"].as_str().unwrap().as_bytes());
        match one["lock_time"].as_u64() {
            Some(expected) => {
                let found = found.unwrap();
                let lock_time = found.psbt.unsigned_tx.lock_time.to_consensus_u32();
                assert_eq!(u64::from(lock_time), expected, "{}", one["case"]);
                survives_both_versions("a lock time", &found);
            }
            None => assert!(matches!(found, Err(WireError::BadField(_)))),
        }
    }
}

/// Fields that we don't interpret are still there when a file is written again.
#[test]
fn bip373_fields_of_others_are_kept() {
    for (case, psbt) in cases(373, "valid") {
        let bytes = STANDARD.decode(&psbt).unwrap();
        let found = read(&bytes).unwrap();
        let kept: usize = found
            .psbt
            .inputs
            .iter()
            .map(|input| input.unknown.len())
            .chain(found.psbt.outputs.iter().map(|output| output.unknown.len()))
            .sum();
        assert!(kept > 0, "{case}");
        let again = read(&serialize_v2(&found.psbt).unwrap()).unwrap();
        assert_eq!(again.psbt, found.psbt, "{case}");
    }
}
