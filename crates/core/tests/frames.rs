//! Files in frames: cut, lost, mixed up, put together, and what hostile frames say (T18).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::world::World;
use common::{k_of_n, key, vault, vault_as};
use data_encoding::BASE32_NOPAD;
use minicbor::Encoder;
use minicbor::data::Tag;
use quorate_core::frame::{
    Carrying, FrameError, Payload, cut, join, read_account, read_output, write_output,
};
use quorate_core::key::file;
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::wallet;
use std::collections::BTreeSet;
use ur::bytewords::{self, Style};

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

fn psbt(inputs: usize) -> Vec<u8> {
    let world = World::new("2-of-3", &vec![50_000; inputs]);
    world.spend_all_coins().psbt().serialize()
}

#[test]
fn every_size_comes_back_whole_from_both_kinds() {
    for carrying in [Carrying::Bbqr, Carrying::Ur] {
        for bytes in [0, 1, 9, 10, 11, 100, 161, 1_000, 7_777, 100_000] {
            for chars in [60, 400, 1_200] {
                let payload = Payload::Psbt(noise(bytes));
                let frames = match cut(&payload, carrying, chars) {
                    Ok(frames) => frames,
                    Err(FrameError::TooManyCodes(count)) => {
                        assert!(count > 1_000, "{bytes} {chars}");
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                };
                assert!(
                    frames.iter().all(|frame| frame.len() <= chars.max(90)),
                    "{bytes} {chars}"
                );
                // What QR codes hold most of: digits, capitals, and of signs `$`, `/`, `:` and `-`.
                let alphanumeric =
                    |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "$/:-".contains(c);
                assert!(frames.iter().all(|frame| frame.chars().all(alphanumeric)));
                assert_eq!(
                    join(&frames.join("\n")).unwrap(),
                    payload,
                    "{bytes} {chars}"
                );
                let mut mixed: Vec<String> = frames.iter().rev().cloned().collect();
                mixed.extend(frames.iter().take(3).map(|frame| frame.clone() + "\r"));
                assert_eq!(join(&mixed.join("\n\n")).unwrap(), payload);
            }
        }
    }
    let real = Payload::Psbt(psbt(30));
    for carrying in [Carrying::Bbqr, Carrying::Ur] {
        let frames = cut(&real, carrying, 600).unwrap();
        assert!(frames.len() > 10);
        assert_eq!(join(&frames.join("\n").to_string()).unwrap(), real);
    }
    let lower: Vec<String> = cut(&real, Carrying::Ur, 600)
        .unwrap()
        .iter()
        .map(|one| one.to_lowercase())
        .collect();
    assert_eq!(join(&lower.join("\n")).unwrap(), real);
}

/// A fountain code needs no particular frame; BBQr names the ones that were lost.
#[test]
fn lost_frames_are_made_up_for_or_named() {
    let payload = Payload::Psbt(noise(5_000));
    let frames = cut(&payload, Carrying::Ur, 400).unwrap();
    for lost in 0..frames.len() / 2 {
        let kept: Vec<&String> = frames
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != lost)
            .map(|(_, one)| one)
            .collect();
        let kept: Vec<&str> = kept.into_iter().map(String::as_str).collect();
        assert_eq!(join(&kept.join("\n")).unwrap(), payload, "{lost}");
    }
    let few = frames[..5].join("\n");
    let error = join(&few).unwrap_err();
    assert!(
        matches!(error, FrameError::Incomplete { have: 5, .. }),
        "{error}"
    );
    let frames = cut(&payload, Carrying::Bbqr, 400).unwrap();
    let kept: Vec<&str> = frames
        .iter()
        .enumerate()
        .filter(|(at, _)| ![2, 4].contains(at))
        .map(|(_, one)| one.as_str())
        .collect();
    let error = join(&kept.join("\n")).unwrap_err();
    assert!(error.to_string().contains("(3, 5)"), "{error}");
}

#[test]
fn texts_are_packed_where_that_helps_and_read_however_they_come() {
    let text = vault("2-of-3").descriptor().repeat(9);
    let payload = Payload::Text(text.clone());
    let frames = cut(&payload, Carrying::Bbqr, 400).unwrap();
    assert!(frames[0].starts_with("B$ZU"), "{}", frames[0]);
    assert_eq!(join(&frames.join("\n")).unwrap(), payload);
    let json = Payload::Text("{\"a\":1}".to_owned());
    let frames = cut(&json, Carrying::Bbqr, 400).unwrap();
    assert!(frames[0].starts_with("B$2J0100"), "{}", frames[0]);
    assert_eq!(
        join("B$HU0100616263").unwrap(),
        Payload::Text("abc".to_owned())
    );
}

fn ur(kind: &str, cbor: &[u8]) -> String {
    format!("ur:{kind}/{}", bytewords::encode(cbor, Style::Minimal))
}

fn cbor(write: impl Fn(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder);
    encoder.into_writer()
}

fn part(number: u64, count: u64, length: u64, bytes: usize) -> String {
    let cbor = cbor(|out| {
        out.array(5)
            .unwrap()
            .u64(number)
            .unwrap()
            .u64(count)
            .unwrap();
        out.u64(length)
            .unwrap()
            .u32(7)
            .unwrap()
            .bytes(&vec![1; bytes])
            .unwrap();
    });
    format!(
        "ur:crypto-psbt/{number}-{count}/{}",
        bytewords::encode(&cbor, Style::Minimal)
    )
}

#[test]
fn t18_hostile_frames_are_refused_before_they_cost_anything() {
    let zeros = |bytes: usize| {
        use flate2::{Compression, write::DeflateEncoder};
        use std::io::Write;
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&vec![0; bytes]).unwrap();
        BASE32_NOPAD.encode(&packer.finish().unwrap())
    };
    let bomb = zeros(30 * 1024 * 1024);
    let pieces: Vec<&[u8]> = bomb.as_bytes().chunks(4_000).collect();
    let digits = |number: usize| {
        let digit = |n: usize| char::from_digit(n as u32, 36).unwrap().to_ascii_uppercase();
        format!("{}{}", digit(number / 36), digit(number % 36))
    };
    let bomb: Vec<String> = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| {
            format!(
                "B$ZP{}{}{}",
                digits(pieces.len()),
                digits(at),
                std::str::from_utf8(piece).unwrap()
            )
        })
        .collect();
    let repeated = vec!["B$2P1001AAAAAAAA"; 1_296].join("\n");
    let many: Vec<String> = vec![part(1, 5, 50, 10); 10_001];
    let cases: Vec<(&str, String, &str)> = vec![
        ("a bomb", bomb.join("\n"), "more than 2097152 bytes"),
        (
            "one frame again and again",
            repeated,
            "35 of 36 frames are missing",
        ),
        ("too many frames", many.join("\n"), "10001 frames"),
        ("2^32 parts", part(1, 1 << 32, 1 << 33, 100), "frames"),
        (
            "a part of 4 GB",
            part(1, 900, 4_000_000_000, 100),
            "more than 2097152 bytes",
        ),
        ("2^63 parts", part(1, 1 << 63, 100, 100), "frames"),
        ("part 0", part(0, 5, 50, 10), "number 0 of 5"),
        ("of 0 parts", part(1, 0, 50, 10), "number 1 of 0"),
        ("an empty part", part(1, 5, 50, 0), "don't add up"),
        (
            "a part that is too short",
            part(1, 5, 5_000, 10),
            "don't add up",
        ),
        ("1,296 of BBQr", "B$2PZZ00AA".to_owned(), "1295 frames"),
        (
            "a number beyond the count",
            "B$2P0205AA".to_owned(),
            "number 6 of 2",
        ),
    ];
    for (what, text, expected) in cases {
        let error = join(&text).expect_err(what).to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
    // A large file is no frame for long.
    let long = format!("B$2P0200{}\nB$2P0201AA", "A".repeat(5_000));
    assert!(matches!(join(&long), Err(FrameError::TooLong(_))));
}

#[test]
fn damaged_and_mixed_frames_have_sentences_of_their_own() {
    let good = cut(&Payload::Psbt(noise(2_000)), Carrying::Ur, 400).unwrap();
    let other = cut(&Payload::Psbt(noise(2_001)), Carrying::Ur, 400).unwrap();
    let bbqr = cut(&Payload::Psbt(noise(2_000)), Carrying::Bbqr, 400).unwrap();
    let mut misread = good[0].clone();
    misread.replace_range(40..42, if &misread[40..42] == "AE" { "AD" } else { "AE" });
    let private = cbor(|out| {
        out.tag(Tag::new(303))
            .unwrap()
            .map(2)
            .unwrap()
            .u8(2)
            .unwrap()
            .bool(true)
            .unwrap();
        out.u8(3).unwrap().bytes(&[0; 33]).unwrap();
    });
    let as_text = |text: &[u8]| {
        cbor(|out| {
            out.bytes(text).unwrap();
        })
    };
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "no frame in it"),
        ("hello\nB$2P0100AA".to_owned(), "line 1 isn't a frame"),
        ([good[0].as_str(), &bbqr[0]].join("\n"), "different files"),
        ([good[0].as_str(), &other[1]].join("\n"), "different files"),
        (misread, "words or their checksum"),
        ("ur:crypto-psbt".to_owned(), "no contents"),
        ("ur:crypto-psbt/1-2/aa/bb".to_owned(), "too many parts"),
        (good[0].replace("1-", "2-"), "said in two ways"),
        ("B$2P01".to_owned(), "too short"),
        ("B$2P0$00AA".to_owned(), "its numbers"),
        ("B$QP0100AA".to_owned(), "encoding isn't known"),
        ("B$HP0100XY".to_owned(), "isn't hex"),
        ("B$2P010011".to_owned(), "isn't base 32"),
        ("B$ZP0100AAAAAAAA".to_owned(), "can't be unpacked"),
        ("B$2T0100AA".to_owned(), "a transaction"),
        ("B$2U0100777Q".to_owned(), "isn't text"),
        (
            "B$2P0200AA\nB$2P0200BA".to_owned(),
            "two different contents",
        ),
        (ur("crypto-seed", &[0xa1]), "private key"),
        (ur("crypto-hdkey", &private[..]), "private key"),
        (ur("crypto-request", &[0xa1]), "`crypto-request`"),
        (ur("crypto-psbt", &[0xa0]), "isn't a byte string"),
        (
            ur("crypto-psbt", &[as_text(b"abc"), vec![0]].concat()),
            "follow after its end",
        ),
        (ur("bytes", &as_text(&[0xff, 0xfe])), "isn't text"),
    ];
    let mut sentences = BTreeSet::new();
    for (text, expected) in &cases {
        let error = match join(text) {
            Err(error) => error.to_string(),
            // What a key's CBOR says is looked at by its reader.
            Ok(Payload::Key(bytes)) => read_account(&bytes, Network::Regtest)
                .unwrap_err()
                .to_string(),
            Ok(other) => panic!("{expected}: {other:?}"),
        };
        assert!(error.contains(expected), "{expected}: {error}");
        sentences.insert(error);
    }
    assert!(sentences.len() >= 20, "{sentences:#?}");
}

#[test]
fn vaults_of_every_kind_come_back_from_their_codes() {
    let vaults = [
        vault("2-of-3"),
        vault("2-of-3-recovery"),
        vault("decaying-3-of-3"),
        vault_as("2-of-3", ScriptType::ShWsh),
        vault_as("2-of-3", ScriptType::Sh),
        vault_as("2-of-3", ScriptType::Tr),
        vault_as("2-of-3-recovery", ScriptType::Tr),
        k_of_n(11, 20),
        Vault::from_descriptor(
            Network::Regtest,
            &vault("2-of-3")
                .descriptor()
                .split('#')
                .next()
                .unwrap()
                .replace("sortedmulti", "multi"),
            None,
        )
        .unwrap(),
    ];
    for vault in vaults {
        let text = read_output(&write_output(&vault), Network::Regtest).unwrap();
        let again = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
        assert_eq!(again.descriptor(), vault.descriptor());
        for format in [wallet::Format::Ur, wallet::Format::Bbqr] {
            let frames = wallet::write(format, &vault, "family").unwrap();
            let found = wallet::read(&frames, Network::Regtest).unwrap();
            let again = Vault::from_descriptor(Network::Regtest, &found.descriptor, None).unwrap();
            assert_eq!((again.id(), found.format), (vault.id(), format));
        }
    }
    let plain = wallet::write(wallet::Format::Ur, &vault("2-of-3"), "x").unwrap();
    assert!(plain.starts_with("UR:CRYPTO-OUTPUT/"), "{plain}");
    let complex = wallet::write(wallet::Format::Ur, &vault("2-of-3-recovery"), "x").unwrap();
    assert!(complex.starts_with("UR:OUTPUT-DESCRIPTOR/"), "{complex}");
}

/// What is wrong with a wallet in a code is told, by its reader or by the vault's.
#[test]
fn bad_wallets_in_codes_are_refused() {
    let output = |threshold: u64, count: usize, write: &dyn Fn(&mut Encoder<Vec<u8>>, usize)| {
        let cbor = cbor(|out| {
            out.tag(Tag::new(401)).unwrap().tag(Tag::new(407)).unwrap();
            out.map(2).unwrap().u8(1).unwrap().u64(threshold).unwrap();
            out.u8(2).unwrap().array(count as u64).unwrap();
            for at in 0..count {
                write(out, at);
            }
        });
        ur("crypto-output", &cbor)
    };
    let honest = |out: &mut Encoder<Vec<u8>>, at: usize, network: u8, chain: usize| {
        let key = key(u8::try_from(at).unwrap() + 1);
        out.tag(Tag::new(303)).unwrap().map(5).unwrap();
        out.u8(3)
            .unwrap()
            .bytes(&key.xpub().public_key.serialize())
            .unwrap();
        out.u8(4)
            .unwrap()
            .bytes(&key.xpub().chain_code.as_bytes()[..chain])
            .unwrap();
        out.u8(5)
            .unwrap()
            .tag(Tag::new(305))
            .unwrap()
            .map(1)
            .unwrap()
            .u8(2)
            .unwrap()
            .u8(network)
            .unwrap();
        out.u8(6)
            .unwrap()
            .tag(Tag::new(304))
            .unwrap()
            .map(2)
            .unwrap();
        out.u8(1).unwrap().array(8).unwrap();
        for step in [48, 1, 0, 2] {
            out.u32(step).unwrap().bool(true).unwrap();
        }
        let fingerprint = u32::from_be_bytes(key.fingerprint().to_bytes());
        out.u8(2).unwrap().u32(fingerprint).unwrap();
        let parent = u32::from_be_bytes(key.xpub().parent_fingerprint.to_bytes());
        out.u8(8).unwrap().u32(parent).unwrap();
    };
    let good = |out: &mut Encoder<Vec<u8>>, at: usize| honest(out, at, 1, 32);
    let nested = cbor(|out| {
        for _ in 0..100 {
            out.tag(Tag::new(400)).unwrap();
        }
        out.u8(1).unwrap();
    });
    let cases: Vec<(String, &str)> = vec![
        (output(0, 3, &good), "threshold"),
        (output(4, 3, &good), "threshold"),
        (output(2, 21, &good), "more than 20"),
        (output(2, 3, &|out, _| good(out, 0)), "counted twice"),
        (
            output(2, 3, &|out, at| honest(out, at, 0, 32)),
            "main network",
        ),
        (
            output(2, 3, &|out, at| honest(out, at, 9, 32)),
            "network isn't known",
        ),
        (
            output(2, 3, &|out, at| honest(out, at, 1, 31)),
            "chain code",
        ),
        (
            output(2, 3, &|out, _| {
                out.tag(Tag::new(306)).unwrap().u8(0).unwrap();
            }),
            "isn't an extended one",
        ),
        (
            output(2, 3, &|out, _| {
                out.tag(Tag::new(303)).unwrap().map(0).unwrap();
            }),
            "a key is missing",
        ),
        (ur("crypto-output", &nested), "nested too deeply"),
        (ur("crypto-output", &[0xd9, 0x01, 0x91]), "cbor"),
        (ur("crypto-account", &[0xa0]), "no wallet"),
        (
            ur(
                "output-descriptor",
                &cbor(|out| {
                    out.map(1).unwrap().u8(1).unwrap().str("wsh(@0)").unwrap();
                }),
            ),
            "",
        ),
    ];
    assert!(wallet::read(&output(2, 3, &good), Network::Regtest).is_ok());
    for (text, expected) in cases {
        let error = match wallet::read(&text, Network::Regtest) {
            Err(error) => error.to_string(),
            Ok(found) => Vault::from_descriptor(Network::Regtest, &found.descriptor, None)
                .unwrap_err()
                .to_string(),
        };
        assert!(
            error.to_lowercase().contains(expected),
            "{expected}: {error}"
        );
    }
}

/// The vectors of BCR-2020-015 and, with the keys in words, BCR-2023-019: of seven keys three are for several
/// signatures.
#[test]
fn the_accounts_of_the_specifications_give_their_three_keys() {
    let keys = include_str!("../../../tests/vectors/bcr-2023-019.json");
    let keys: serde_json::Value = serde_json::from_str(keys).unwrap();
    for vector in [
        include_str!("../../../tests/vectors/bcr-2020-015.json"),
        include_str!("../../../tests/vectors/bcr-2023-019.json"),
    ] {
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        gives_three_keys(vector["account"].as_str().unwrap(), &keys["keys"]);
    }
}

/// Origins have the tag 304 or 40304 and then say how many fields they have.
fn one_field_fewer(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for tag in [&[0xd9, 0x01, 0x30][..], &[0xd9, 0x9d, 0x70]] {
        for at in 0..bytes.len() - 3 {
            if bytes[at..].starts_with(tag) {
                assert_eq!(bytes[at + 3], 0xa2);
                bytes[at + 3] = 0xa1;
            }
        }
    }
    bytes
}

fn gives_three_keys(text: &str, expected: &serde_json::Value) {
    let found = file::read(text, Network::Bitcoin).unwrap();
    assert_eq!(found.format.word(), "ur");
    let scripts: Vec<ScriptType> = found.keys.iter().map(|one| one.script.unwrap()).collect();
    assert_eq!(
        scripts,
        [ScriptType::Sh, ScriptType::ShWsh, ScriptType::Wsh]
    );
    let keys: Vec<String> = found.keys.iter().map(|one| one.key.to_string()).collect();
    assert_eq!(serde_json::json!(keys), *expected);
    assert!(file::read(text, Network::Regtest).is_err());
    let Payload::Account(bytes) = join(text).unwrap() else {
        panic!()
    };
    // A key that names no device is of the one that the account names (both specifications).
    let device = 0x37b5_eed4_u32.to_be_bytes();
    let named: Vec<u8> = [&[2, 0x1a][..], &device].concat();
    let mut silent = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some(byte) = rest.first() {
        // In an origin of two fields the second one is the device's.
        if rest.starts_with(&named) {
            rest = &rest[named.len()..];
            continue;
        }
        silent.push(*byte);
        rest = &rest[1..];
    }
    let silent = one_field_fewer(&silent);
    let found = read_account(&silent, Network::Bitcoin).unwrap();
    let keys: Vec<String> = found.keys.iter().map(|one| one.key.to_string()).collect();
    assert_eq!(serde_json::json!(keys), *expected);
    for at in 0..bytes.len() {
        // No prefix is read as a whole, and none makes it panic.
        assert!(
            read_account(&bytes[..at], Network::Bitcoin).is_err(),
            "{at}"
        );
    }
}
