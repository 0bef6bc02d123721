//! The software signer: passphrases, words, and what it refuses to sign.

use crate::people::{PASSPHRASE, fund, nobody, outside, person, text, watcher};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

#[test]
fn a_key_can_be_brought_back_and_is_never_written_over() {
    let home = nobody().with_passphrase(PASSPHRASE);
    // No data folder is needed, only a network.
    let (code, error) = home.fail(&["signer", "new", "alice"]);
    assert_eq!((code, text(&error["code"])), (2, "no_network"));
    fs::write(home.file("words"), WORDS).unwrap();
    let restore = [
        "signer",
        "restore",
        "alice",
        "--network",
        "regtest",
        "--words",
        "words",
    ];
    let key = home.json(&restore);
    let known = "[73c5da0a/48h/1h/0h/2h]tpubDFH9dgzveyD8zTbPUFuLrGmCydNvxehyNdUXKJAQN8x4aZ4j6UZqGfnqFrD4NqyaTVGKbvEW54tsvPTK2UoSbCC1PJY8iCNiwTL3RWZEheQ";
    assert_eq!(key["key"], json!(known));
    assert_eq!(
        home.run(&["signer", "key", "alice"]).stdout,
        format!("{known}\n")
    );
    let (code, error) = home.fail(&restore);
    assert_eq!((code, text(&error["code"])), (1, "key_exists"));
    // That is told before a passphrase is asked for.
    let mut hasty = home.command(&["signer", "new", "alice", "--network", "regtest", "--json"]);
    let hasty = hasty.env_remove("QUORATE_PASSPHRASE").output().unwrap();
    assert!(
        String::from_utf8_lossy(&hasty.stderr).contains("key_exists"),
        "{hasty:?}"
    );
    let (code, error) = home.fail(&["signer", "key", "alise"]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_key"));
    assert!(text(&error["hint"]).contains("`alice`"), "{error}");
    let list = home.json(&["signer", "list"]);
    assert_eq!(
        (&list["keys"][0]["name"], &list["keys"][0]["key"]),
        (&json!("alice"), &json!(known))
    );

    fs::write(home.file("words"), WORDS.replace("about", "abuot")).unwrap();
    let (code, error) = home.fail(&[
        "signer",
        "restore",
        "bob",
        "--network",
        "regtest",
        "--words",
        "words",
    ]);
    assert_eq!((code, text(&error["code"])), (2, "bad_words"));
    assert!(!error.to_string().contains("abuot"), "{error}");
}

#[test]
fn passphrases_come_from_a_descriptor_or_the_environment_and_nowhere_else() {
    let home = nobody();
    let new = ["signer", "new", "alice", "--network", "regtest"];
    // Nobody is there to be asked.
    let (code, error) = home.fail(&new);
    assert_eq!((code, text(&error["code"])), (2, "no_passphrase"));
    assert!(text(&error["hint"]).contains("--passphrase-fd"), "{error}");
    assert!(!home.path().join("signer").exists());
    let (code, error) = home.fail(&[
        "signer",
        "new",
        "alice",
        "--network",
        "regtest",
        "--passphrase-fd",
        "77",
    ]);
    assert_eq!((code, text(&error["code"])), (2, "passphrase_fd"));
    // From the standard input, its first line only.
    let mut child = home
        .command(&[
            "signer",
            "new",
            "alice",
            "--network",
            "regtest",
            "--passphrase-fd",
            "0",
            "--json",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{PASSPHRASE}\nnot this\n").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(text(&made["words"]).split(' ').count(), 24);
    // From another descriptor, as a shell gives it; and it is the same passphrase.
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let script = format!(
        "exec '{quorate}' signer restore again --network regtest --words words --passphrase-fd 3 --json 3<pass"
    );
    fs::write(home.file("words"), text(&made["words"])).unwrap();
    fs::write(home.file("pass"), format!("{PASSPHRASE}\n")).unwrap();
    let shell = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir(home.file(""))
        .env("QUORATE_HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let again: Value =
        serde_json::from_slice(&shell.stdout).unwrap_or_else(|_| panic!("{shell:?}"));
    assert_eq!(again["key"], made["key"]);
    let help = home.run(&["signer", "new", "--help"]).stdout;
    assert!(!help.contains("--passphrase <"), "{help}");
}

/// The signer signs for a vault it has imported itself, with a key that belongs to it, and at a fee
/// that makes sense.
#[test]
fn what_cannot_be_proven_is_not_signed() {
    let home = person().with_node("simulated").with_passphrase(PASSPHRASE);
    let alice = format!(
        "alice={}",
        text(&home.json(&["signer", "new", "alice"])["key"])
    );
    let request = |home: &quorate_testkit::Home, more: &[&str]| {
        let to = format!("{}=0.0001btc", outside());
        let mut create = vec![
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "20",
        ];
        create.extend(more);
        let view = home.json(&create);
        home.run(&["proposal", "export", text(&view["id"])]).stdout
    };
    // A vault of others.
    let others = watcher();
    fund(&others, "1btc");
    fs::write(
        home.file("theirs.psbt"),
        request(&others, &["--allow-high-fee"]),
    )
    .unwrap();
    let (code, error) = home.fail(&["signer", "sign", "alice", "theirs.psbt"]);
    assert_eq!((code, text(&error["code"])), (1, "no_vault"));
    let (bob, carol) = (
        quorate_testkit::fixtures::bob().argument(),
        quorate_testkit::fixtures::carol().argument(),
    );
    home.json(&[
        "vault", "create", "family", "--policy", "2-of-3", "--key", &alice, "--key", &bob, "--key",
        &carol,
    ]);
    let (code, error) = home.fail(&["signer", "sign", "alice", "theirs.psbt"]);
    assert_eq!((code, text(&error["code"])), (1, "foreign_input"));
    assert!(text(&error["hint"]).contains("vault import"), "{error}");
    // A vault in which the key has no part.
    fs::write(
        home.file("theirs.txt"),
        others.run(&["vault", "export", "family"]).stdout,
    )
    .unwrap();
    home.json(&["vault", "import", "theirs", "theirs.txt"]);
    let (code, error) = home.fail(&["signer", "sign", "alice", "theirs.psbt"]);
    assert_eq!((code, text(&error["code"])), (1, "not_a_cosigner"));
    // The fee is more than a tenth of what is spent.
    fund(&home, "1btc");
    fs::write(
        home.file("dear.psbt"),
        request(&home, &["--allow-high-fee"]),
    )
    .unwrap();
    let (code, error) = home.fail(&["signer", "sign", "alice", "dear.psbt", "-o", "out.psbt"]);
    assert_eq!((code, text(&error["code"])), (1, "absurd_fee"));
    assert!(!home.file("out.psbt").exists());
    // A file in the way is told before a passphrase is asked for.
    fs::write(home.file("out.psbt"), "mine").unwrap();
    let mut sign = home.command(&[
        "signer",
        "sign",
        "alice",
        "dear.psbt",
        "--allow-high-fee",
        "--json",
        "-o",
        "out.psbt",
    ]);
    let hasty = sign.env_remove("QUORATE_PASSPHRASE").output().unwrap();
    assert!(
        String::from_utf8_lossy(&hasty.stderr).contains("file_exists"),
        "{hasty:?}"
    );
    // A wrong passphrase.
    let wrong = home
        .command(&[
            "signer",
            "sign",
            "alice",
            "dear.psbt",
            "--allow-high-fee",
            "--json",
        ])
        .env("QUORATE_PASSPHRASE", "another one")
        .output()
        .unwrap();
    assert_eq!(
        (wrong.status.code(), wrong.stdout.as_slice()),
        (Some(1), b"".as_slice())
    );
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("wrong_passphrase"),
        "{wrong:?}"
    );
    let signed = home.json(&["signer", "sign", "alice", "dear.psbt", "--allow-high-fee"]);
    assert!(!signed["findings"].as_array().unwrap().is_empty());
    // Change redirected to somebody who claims to be the vault (T08).
    let mut psbt: bitcoin::Psbt = fs::read_to_string(home.file("dear.psbt"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let change = psbt
        .outputs
        .iter()
        .position(|output| !output.bip32_derivation.is_empty())
        .unwrap();
    let mallory: bitcoin::Address<_> =
        "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
            .parse()
            .unwrap();
    psbt.unsigned_tx.output[change].script_pubkey = mallory.assume_checked().script_pubkey();
    fs::write(home.file("fake.psbt"), psbt.to_string()).unwrap();
    let (code, error) = home.fail(&["signer", "sign", "alice", "fake.psbt", "--allow-high-fee"]);
    assert_eq!((code, text(&error["code"])), (1, "fake_change"), "{error}");
}
