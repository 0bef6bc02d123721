//! Files on their way out and in: not over others, not half, not for others to read, and nothing
//! taken in that shouldn't be.

use crate::people::{PASSPHRASE, fund, number, outside, person, text, watcher};
use quorate_testkit::Home;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn proposal(home: &Home) -> Value {
    let to = format!("{}=0.4btc", outside());
    home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ])
}

#[test]
fn files_are_private_and_never_replaced_unasked() {
    let home = watcher();
    fund(&home, "1btc");
    let id = text(&proposal(&home)["id"]).to_owned();
    let export = ["proposal", "export", &id, "-o", "out.psbt"];
    home.json(&export);
    let first = fs::read(home.file("out.psbt")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(home.file("out.psbt"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::write(home.file("out.psbt"), "mine").unwrap();
    let (code, error) = home.fail(&export);
    assert_eq!((code, text(&error["code"])), (1, "file_exists"));
    assert_eq!(fs::read(home.file("out.psbt")).unwrap(), b"mine");
    home.json(&["proposal", "export", &id, "-o", "out.psbt", "--force"]);
    assert_eq!(fs::read(home.file("out.psbt")).unwrap(), first);
    let (code, error) = home.fail(&["proposal", "export", &id, "-o", "no/such/folder/out.psbt"]);
    assert_eq!((code, text(&error["code"])), (2, "unwritable_file"));
    let (code, _) = home.fail(&["vault", "export", "family", "-o", "out.psbt"]);
    assert_eq!(code, 1);
    let names: Vec<_> = fs::read_dir(home.file(""))
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(names, ["out.psbt"]);
}

#[test]
fn what_is_no_signed_psbt_of_ours_is_refused_with_a_reason() {
    let home = watcher();
    fund(&home, "1btc");
    let id = text(&proposal(&home)["id"]).to_owned();
    home.json(&["proposal", "export", &id, "-o", "request.psbt"]);
    let request = fs::read_to_string(home.file("request.psbt")).unwrap();
    let import = |name: &str, content: &[u8]| {
        fs::write(home.file(name), content).unwrap();
        let (code, error) = home.fail(&["proposal", "import", name]);
        (
            code,
            text(&error["code"]).to_owned(),
            error["message"].to_string(),
        )
    };
    for (content, expected, part) in [
        (request.as_bytes(), "no_signatures", "no signature"),
        (b"", "bad_psbt", "empty"),
        (
            &request.as_bytes()[..400],
            "bad_psbt",
            "in the middle of a field",
        ),
        (b"hello", "bad_psbt", "isn't a PSBT"),
        (&[0xab; 3 << 20], "bad_psbt", "isn't a PSBT"),
    ] {
        let (code, word, message) = import("in.psbt", content);
        assert_eq!((code, word.as_str()), (1, expected), "{message}");
        assert!(
            message.contains(part) && message.contains("in.psbt"),
            "`{part}` is not in {message}"
        );
    }
    let (code, word, _) = import("in.psbt", &[b'c'; 5 << 20]);
    assert_eq!((code, word.as_str()), (2, "file_too_large"));
    let (code, error) = home.fail(&["proposal", "import", "request.psbt", "missing.psbt"]);
    assert_eq!((code, text(&error["code"])), (2, "unreadable_file"));
    // A file of another home's proposal.
    let other = watcher();
    fund(&other, "1btc");
    let theirs = text(&proposal(&other)["id"]).to_owned();
    other.json(&["proposal", "export", &theirs, "-o", "theirs.psbt"]);
    let (_, _, message) = import("theirs.psbt", &fs::read(other.file("theirs.psbt")).unwrap());
    assert!(message.contains("theirs.psbt"), "{message}");
    let shown = home.json(&["proposal", "show", &id]);
    assert_eq!(shown["missing"], json!(["alice", "bob", "carol"]));
    // A name that would steer the terminal.
    let (_, _, message) = import("\x1b[2J.psbt", b"hello");
    assert!(
        !message.contains('\x1b') && message.contains("u{1b}"),
        "{message}"
    );
}

/// One bad file costs the good one nothing, and both are told.
#[test]
fn good_signatures_are_kept_beside_refused_ones() {
    let home = person().with_node("simulated").with_passphrase(PASSPHRASE);
    let ours = text(&home.json(&["signer", "new", "alice"])["key"]).to_owned();
    let (alice, bob) = (
        format!("alice={ours}"),
        quorate_testkit::fixtures::bob().argument(),
    );
    let carol = quorate_testkit::fixtures::carol().argument();
    home.json(&[
        "vault", "create", "family", "--policy", "2-of-3", "--key", &alice, "--key", &bob, "--key",
        &carol,
    ]);
    fund(&home, "1btc");
    let id = text(&proposal(&home)["id"]).to_owned();
    home.json(&["proposal", "export", &id, "-o", "request.psbt"]);
    home.json(&[
        "signer",
        "sign",
        "alice",
        "request.psbt",
        "-o",
        "alice.psbt",
    ]);
    fs::write(home.file("junk.psbt"), "junk").unwrap();
    let import = home.run(&["proposal", "import", "junk.psbt", "alice.psbt", "--json"]);
    assert_eq!(import.code(), Some(1));
    let view: Value = serde_json::from_str(&import.stdout).unwrap();
    assert_eq!(
        (
            number(&view["accepted"]),
            view["files"].as_array().unwrap().len()
        ),
        (1, 2)
    );
    assert!(
        view["files"][0]["error"]["message"]
            .to_string()
            .contains("junk.psbt"),
        "{view}"
    );
    let error: Value = serde_json::from_str(&import.stderr).unwrap();
    assert_eq!(error["error"]["code"], json!("partly_refused"));
    assert!(
        text(&error["error"]["message"]).contains("1 file was refused; 1 new signature kept"),
        "{error}"
    );
    let shown = home.json(&["proposal", "show", &id]);
    assert_eq!(shown["missing"], json!(["bob", "carol"]));

    // A signature with one bit turned is refused, by input and cosigner.
    let whole = fs::read_to_string(home.file("alice.psbt")).unwrap();
    let mut psbt: bitcoin::Psbt = whole.trim().parse().unwrap();
    let signature = psbt.inputs[0].partial_sigs.values_mut().next().unwrap();
    let mut compact = signature.signature.serialize_compact();
    compact[40] ^= 1;
    signature.signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&compact).unwrap();
    fs::write(home.file("forged.psbt"), psbt.to_string()).unwrap();
    let import = home.run(&["proposal", "import", "forged.psbt"]);
    assert_eq!(import.code(), Some(1));
    assert!(
        import
            .stdout
            .contains("refused: forged.psbt, input 0, alice: "),
        "{import:?}"
    );
    assert!(
        import
            .stderr
            .starts_with("error: 1 signature was refused; 0 new signatures kept\n"),
        "{import:?}"
    );
}

#[test]
fn abandoning_frees_the_coins_and_is_told() {
    let home = watcher();
    fund(&home, "1btc");
    let id = text(&proposal(&home)["id"]).to_owned();
    let abandoned = home.json(&["proposal", "abandon", &id, "--note", "wrong invoice"]);
    assert_eq!(
        (text(&abandoned["status"]), text(&abandoned["note"])),
        ("abandoned", "wrong invoice")
    );
    assert_eq!(home.json(&["balance", "family"])["reserved_sat"], json!(0));
    let (code, error) = home.fail(&["proposal", "export", &id]);
    assert_eq!((code, text(&error["code"])), (1, "wrong_status"));
    let (code, error) = home.fail(&["proposal", "broadcast", &id]);
    assert_eq!((code, text(&error["code"])), (1, "wrong_status"), "{error}");
}

#[test]
fn an_early_broadcast_is_refused() {
    let home = watcher();
    fund(&home, "1btc");
    let id = text(&proposal(&home)["id"]).to_owned();
    let (code, error) = home.fail(&["proposal", "broadcast", &id]);
    assert_eq!((code, text(&error["code"])), (1, "wrong_status"), "{error}");
    assert!(Path::new(&home.path()).join("quorate.db").exists());
}

/// Taproot has fields of its own for signatures.
#[test]
fn an_export_says_how_many_signatures_it_holds_for_every_kind() {
    for script in ["wsh", "tr"] {
        let home = person().with_node("simulated").with_passphrase(PASSPHRASE);
        let ours = text(&home.json(&["signer", "new", "alice"])["key"]).to_owned();
        let bob = quorate_testkit::fixtures::bob().argument();
        let carol = quorate_testkit::fixtures::carol().argument();
        home.json(&[
            "vault",
            "create",
            "family",
            "--policy",
            "2-of-3",
            "--script",
            script,
            "--key",
            &format!("alice={ours}"),
            "--key",
            &bob,
            "--key",
            &carol,
        ]);
        fund(&home, "1btc");
        let id = text(&proposal(&home)["id"]).to_owned();
        home.json(&["proposal", "export", &id, "-o", "request.psbt"]);
        home.json(&[
            "signer",
            "sign",
            "alice",
            "request.psbt",
            "-o",
            "alice.psbt",
        ]);
        home.json(&["proposal", "import", "alice.psbt"]);
        for (arguments, count) in [(vec![], 1), (vec!["--without-signatures"], 0)] {
            let mut export = vec!["proposal", "export", &id];
            export.extend(arguments);
            let exported = home.json(&export);
            assert_eq!(number(&exported["signatures"]), count, "{script}");
        }
    }
}
