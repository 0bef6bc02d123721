//! Signers' key files of every kind, as files, standard input and pictures of codes, through the program.

use crate::people::{nobody, person, text};
use image::{GrayImage, Luma};
use qrcode::{Color, QrCode};
use quorate_core::frame::{Carrying, Payload, cut};
use quorate_testkit::fixtures;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What each kind of signer writes about one person's key, and the word for the kind.
fn kinds(key: &fixtures::TestKey) -> Vec<(&'static str, String)> {
    let part = |path: &str| {
        let text = key.text_at(path);
        text.split_once(']').unwrap().1.to_owned()
    };
    let (xfp, wsh) = (key.fingerprint().to_string(), part("48h/1h/0h/2h"));
    let path = "m/48'/1'/0'/2'";
    vec![
        ("expression", key.text_at("48h/1h/0h/2h")),
        (
            "coldcard-multisig",
            json!({"p2wsh_deriv": path, "p2wsh": wsh, "account": "0", "xfp": xfp.to_uppercase()})
                .to_string(),
        ),
        (
            "coldcard-export",
            json!({"chain": "XRT", "xfp": xfp.to_uppercase(), "account": 0, "xpub": part("m"),
                "bip48_2": {"name": "p2wsh", "xfp": "DEADBEEF", "deriv": path, "xpub": wsh}})
            .to_string(),
        ),
        (
            "keystone",
            json!({"xfp": xfp, "xpub": wsh, "path": path}).to_string(),
        ),
        (
            "electrum",
            json!({"keystore": {"type": "bip32", "xpub": wsh, "xprv": null, "derivation": path,
                "root_fingerprint": xfp}, "wallet_type": "standard"})
            .to_string(),
        ),
        (
            "bsms",
            format!("BSMS 1.0\n00\n{}\nunsigned\n", key.text_at("48h/1h/0h/2h")),
        ),
        (
            "specter-device",
            json!({"label": "grey", "type": "other", "keys": [{"original": wsh, "fingerprint": xfp,
                "derivation": path, "type": "wsh", "purpose": "Multisig", "xpub": wsh}]})
            .to_string(),
        ),
        (
            "caravan-key",
            json!({"name": "a", "bip32Path": path, "xpub": wsh, "rootFingerprint": xfp})
                .to_string(),
        ),
    ]
}

/// A photograph without noise: every module four pixels wide, about it the quiet zone.
fn photograph(text: &str, at: &Path) {
    let code = QrCode::new(text).unwrap();
    let width = code.width() as u32;
    let picture = GrayImage::from_fn(4 * (width + 8), 4 * (width + 8), |x, y| {
        let module = |at: u32| (at / 4).checked_sub(4).filter(|at| *at < width);
        let dark = module(x)
            .zip(module(y))
            .is_some_and(|(x, y)| code[(x as usize, y as usize)] == Color::Dark);
        Luma([if dark { 0 } else { 255 }])
    });
    picture.save(at).unwrap();
}

#[test]
fn every_kind_comes_in_as_a_file_and_as_pictures() {
    let home = person();
    let alice = fixtures::alice();
    let expected = alice.text_at("48h/1h/0h/2h");
    for (kind, content) in kinds(&alice) {
        fs::write(home.file(kind), &content).unwrap();
        let found = home.json(&["vault", "key", "import", kind]);
        assert_eq!(
            (&found["format"], &found["key"]),
            (&kind.into(), &expected.clone().into())
        );
        assert_eq!(found["script"].as_str().unwrap_or("wsh"), "wsh");
        // BBQr on pictures, more than one where it takes more than one.
        let frames = cut(&Payload::Text(content), Carrying::Bbqr, 300).unwrap();
        let pictures: Vec<String> = (0..frames.len())
            .map(|at| format!("{kind}-{at}.png"))
            .collect();
        for (frame, picture) in frames.iter().zip(&pictures) {
            photograph(frame, &home.file(picture));
        }
        let mut arguments = vec!["vault", "key", "import"];
        match pictures.as_slice() {
            [one] => arguments.push(one),
            // Frames as lines of text, as a scanner types them.
            _ => {
                fs::write(home.file("frames.txt"), frames.join("\n")).unwrap();
                arguments.push("frames.txt");
            }
        }
        let scanned = home.json(&arguments);
        assert_eq!(scanned["key"], found["key"], "{kind}");
        assert_eq!(scanned["format"], found["format"], "{kind}");
    }
}

#[test]
fn accounts_in_codes_are_taken_on_their_network() {
    let home = nobody();
    home.json(&["init", "--network", "bitcoin"]);
    for (vector, picture) in [
        (
            include_str!("../../../../tests/vectors/bcr-2020-015.json"),
            "old.png",
        ),
        (
            include_str!("../../../../tests/vectors/bcr-2023-019.json"),
            "new.png",
        ),
    ] {
        let vector: Value = serde_json::from_str(vector).unwrap();
        photograph(
            &text(&vector["account"]).to_uppercase(),
            &home.file(picture),
        );
        let found = home.json(&["vault", "key", "import", picture]);
        assert_eq!(
            (&found["format"], &found["path"]),
            (&"ur".into(), &"m/48h/0h/0h/2h".into())
        );
        assert_eq!(found["others"].as_array().unwrap().len(), 2);
        let nested = home.json(&["vault", "key", "import", picture, "--script", "sh-wsh"]);
        assert_eq!(nested["path"], "m/48h/0h/0h/1h");
    }
    let records: Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/bip129.json")).unwrap();
    for record in records["key_records"].as_array().unwrap() {
        fs::write(home.file("record.bsms"), text(record)).unwrap();
        let found = home.json(&["vault", "key", "import", "record.bsms"]);
        assert_eq!(
            (&found["format"], &found["signed"]),
            (&"bsms".into(), &true.into())
        );
    }
}
