//! QR codes between our binary and programs that others wrote: what we show is read by them, what they
//! show by us, and a spend goes all the way through pictures.

use super::family::{Family, path, text};
use quorate_core::frame::{Payload, join};
use quorate_testkit::Home;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Runs a program of others with `input`.
fn others(args: &[&str], input: &str) -> String {
    let Some(folder) = std::env::var_os("CODE_READERS").map(PathBuf::from) else {
        panic!(
            "this test needs readers of QR frames: set CODE_READERS to what `cargo xtask codes` prints, or run `cargo xtask test`"
        );
    };
    let mut child = Command::new("node")
        .arg(folder.join("codes.mjs"))
        .args(args)
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node on the PATH");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn joined(frames: &str) -> (String, Vec<u8>) {
    use bitcoin::hex::FromHex;
    let view: Value = serde_json::from_str(&others(&["join"], frames)).unwrap();
    let bytes = Vec::from_hex(text(&view["hex"])).unwrap();
    (text(&view["kind"]).to_owned(), bytes)
}

fn hex(bytes: &[u8]) -> String {
    use bitcoin::hex::DisplayHex;
    bytes.to_lower_hex_string()
}

/// The frames of a command that shows codes.
fn frames(home: &Home, args: &[&str]) -> String {
    let view = home.json(args);
    let frames = view["frames"].as_array().unwrap().iter();
    frames.map(text).collect::<Vec<_>>().join("\n")
}

fn proposal(family: &Family, inputs: usize) -> String {
    for _ in 0..inputs {
        family.deposit("10000000");
    }
    let to = format!("{}=all", family.stranger());
    let view = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    text(&view["id"]).to_owned()
}

#[test]
fn requests_are_read_by_others_and_theirs_by_us() {
    let family = Family::with_vault("2-of-3");
    let id = proposal(&family, 3);
    let request = family.office.file("request.psbt");
    family
        .office
        .json(&["proposal", "export", &id, "--binary", "-o", path(&request)]);
    let binary = fs::read(&request).unwrap();
    for (args, kind) in [
        (["--qr=bbqr", "--qr-size=small"], "P"),
        (["--qr=ur", "--qr-size=small"], "crypto-psbt"),
    ] {
        let shown = frames(
            &family.office,
            &[&["proposal", "export", &id][..], &args].concat(),
        );
        assert!(shown.lines().count() > 3, "{shown}");
        assert_eq!(joined(&shown), (kind.to_owned(), binary.clone()));
        // Half of the fountain's parts are enough.
        if kind == "crypto-psbt" {
            let later: Vec<&str> = shown.lines().collect();
            let later = later[later.len() / 2..].join("\n");
            let more = frames(
                &family.office,
                &["proposal", "export", &id, "--qr=ur", "--qr-size=small"],
            );
            assert_eq!(joined(&format!("{later}\n{more}")).1, binary);
        }
    }
    for theirs in [others(&["bbqr", "P"], &hex(&binary)), {
        let mut cbor = vec![0x59];
        cbor.extend(u16::try_from(binary.len()).unwrap().to_be_bytes());
        cbor.extend(&binary);
        others(&["ur", "crypto-psbt"], &hex(&cbor))
    }] {
        assert!(theirs.lines().count() > 1);
        assert_eq!(join(&theirs).unwrap(), Payload::Psbt(binary.clone()));
    }
}

/// Keys, threshold and kind of a vault, as another program reads our `crypto-output`.
#[test]
fn wallets_are_read_by_others() {
    let family = Family::with_vault("2-of-3");
    let vault = family.office.json(&["vault", "show", "family"]);
    let shown = frames(
        &family.office,
        &[
            "vault",
            "export",
            "family",
            "--qr",
            "--device",
            "seedsigner",
        ],
    );
    let read: Value = serde_json::from_str(&others(&["output"], &shown)).unwrap();
    assert_eq!(read["threshold"], 2);
    assert_eq!(read["scripts"], serde_json::json!(["wsh", "sortedmulti"]));
    let keys = read["keys"].as_array().unwrap();
    for (key, cosigner) in keys.iter().zip(vault["cosigners"].as_array().unwrap()) {
        let ours = text(&cosigner["key"]);
        let xpub: bitcoin::bip32::Xpub = ours.rsplit_once(']').unwrap().1.parse().unwrap();
        assert_eq!(text(&key["key"]), xpub.public_key.to_string());
        assert_eq!(text(&key["chain"]), hex(xpub.chain_code.as_bytes()));
        assert_eq!(text(&key["fingerprint"]), &ours[1..9]);
        assert_eq!(text(&key["path"]), "48'/1'/0'/2'");
    }
    // Keystone and Passport scan the text of a Coldcard file, Coldcard the same as BBQr.
    let coldcard = family
        .office
        .json(&["vault", "export", "family", "--format", "coldcard"]);
    let coldcard = text(&coldcard["content"]).as_bytes().to_vec();
    for (device, kind) in [("passport", "bytes"), ("jade", "bytes"), ("coldcard", "U")] {
        let shown = frames(
            &family.office,
            &["vault", "export", "family", "--qr", "--device", device],
        );
        assert_eq!(
            joined(&shown),
            (kind.to_owned(), coldcard.clone()),
            "{device}"
        );
    }
}

/// Every step in pictures: the wallet, the request, what was signed.
#[test]
fn a_spend_goes_through_pictures() {
    let family = Family::with_vault("2-of-3");
    let id = proposal(&family, 3);
    let picture = |home: &Home, name: &str| path(&home.file(name)).to_owned();
    for (name, qr) in [("wallet.gif", "--qr=ur"), ("wallet.png", "--qr=bbqr")] {
        let file = picture(&family.office, name);
        let written = family.office.json(&[
            "vault",
            "export",
            "family",
            qr,
            "--qr-size=large",
            "-o",
            &file,
        ]);
        let files: Vec<&str> = written["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        let other = Home::new();
        other.json(&["init", "--network", "regtest"]);
        if let [file] = files[..] {
            let imported = other.json(&["vault", "import", "ours", file]);
            let ours = family.office.json(&["vault", "show", "family"]);
            assert_eq!(imported["id"], ours["id"], "{name}");
        } else {
            panic!("one picture holds a wallet: {files:?}");
        }
    }
    // Alice scans a moving picture and answers with one; bob's answer is a picture for each code.
    for (who, home, qr, ending) in [
        ("alice", &family.alice, "--qr=ur", "gif"),
        ("bob", &family.bob, "--qr=bbqr", "png"),
    ] {
        let request = picture(&family.office, &format!("{who}.gif"));
        family.office.json(&[
            "proposal",
            "export",
            &id,
            "--for",
            who,
            qr,
            "--without-signatures",
            "-o",
            &request,
        ]);
        let reviewed = home.json(&["psbt", "review", &request]);
        assert_eq!(text(&reviewed["proposal"]), id);
        let answer = picture(home, &format!("answer.{ending}"));
        let signed = home.json(&["signer", "sign", who, &request, qr, "-o", &answer]);
        let files: Vec<&str> = signed["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        assert_eq!(files.len() > 1, ending == "png", "{files:?}");
        if ending == "png" {
            let output = family.office.run(&["proposal", "import", files[0]]);
            assert!(output.stderr.contains("frames are missing"), "{output:?}");
        }
        let view = family
            .office
            .json(&[&["proposal", "import"][..], &files].concat());
        assert_eq!(view["accepted"], 3, "{view}");
    }
    family.office.json(&["proposal", "broadcast", &id]);
    family.node.mine(1);
    family.office.json(&["sync"]);
    assert_eq!(family.status(&id), "confirmed");
}
