//! A vault is lost and comes back: from a sealed backup, from a printed sheet; and the drill that shows
//! beforehand that it would. Bitcoin Core derives what our exports and the sheet say.

use super::family::{Family, PASSPHRASE, path, text};
use quorate_testkit::Home;
use serde_json::{Value, json};
use std::fs;

fn empty(family: &Family) -> Home {
    let home = Home::new()
        .with_node(&family.node.url_cookie())
        .with_passphrase(PASSPHRASE);
    home.json(&["init", "--network", "regtest"]);
    home
}

/// With coins, labels and an open proposal that one has signed.
fn lived_in(policy: &str) -> (Family, String) {
    let family = Family::with_vault(policy);
    family.deposit("100000000");
    family.office.json(&[
        "address",
        "new",
        "family",
        "--label",
        "rent of \"No. 5\" & more",
    ]);
    let to = format!("{}=0.3btc", family.stranger());
    let proposal = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--memo",
        "roof",
    ]);
    let id = text(&proposal["id"]).to_owned();
    let signed = family.sign("alice", &family.export(&id, "alice"));
    family.office.json(&["proposal", "import", path(&signed)]);
    (family, id)
}

fn labels(home: &Home) -> Value {
    home.json(&["address", "list", "family"])["addresses"].clone()
}

#[test]
fn a_lost_home_comes_back_from_its_backup_with_any_one_key() {
    let (family, id) = lived_in("2-of-3");
    let ours = family.office.json(&["vault", "show", "family"]);
    let state =
        |home: &Home| home.json(&["journal", "verify", "family"])["states"][0]["state"].clone();
    let file = family.office.file("family.backup");
    family
        .office
        .json(&["vault", "backup", "family", "-o", path(&file)]);
    let sealed = fs::read(&file).unwrap();
    assert!(sealed.starts_with(b"BIP138"));
    assert!(!String::from_utf8_lossy(&sealed).contains("tpub"));
    let keyfile = family.office.file("carol.txt");
    fs::write(&keyfile, family.carols_key.text()).unwrap();
    let key = |at: usize| text(&ours["cosigners"][at]["key"]).to_owned();
    let bare = key(1).rsplit_once(']').unwrap().1.to_owned();
    for given in [key(0), bare, format!("@{}", path(&keyfile))] {
        let home = empty(&family);
        let view = home.json(&["vault", "restore", path(&file), "--key", &given]);
        assert_eq!(view["differences"], json!([]), "{view}");
        for same in [
            "id",
            "descriptor",
            "first_addresses",
            "first_change",
            "words",
            "cosigners",
        ] {
            assert_eq!(view["vault"][same], ours[same], "{same}");
        }
        assert_eq!(labels(&home), labels(&family.office));
        assert_eq!(state(&home), state(&family.office));
        home.json(&["sync"]);
        let proposal = home.json(&["proposal", "show", &id]);
        assert_eq!(
            proposal["inputs"][0]["signatures"]["alice"], "signed",
            "{proposal}"
        );
        // The index that comes next is one that nobody was given.
        let next = home.json(&["address", "new", "family"]);
        assert_eq!(next["index"], 2, "{next}");
        let again = home.json(&["vault", "restore", path(&file), "--key", &given]);
        assert_eq!(again["entries"], 0, "{again}");
    }
    // A home whose signer has one of the keys needs nothing else.
    let view = family.alice.json(&["vault", "restore", path(&file)]);
    assert_eq!(view["vault"]["id"], ours["id"]);
    // By a passphrase.
    let aged = family.office.file("family.age");
    family.office.json(&[
        "vault",
        "backup",
        "family",
        "--seal",
        "age",
        "-o",
        path(&aged),
    ]);
    let home = empty(&family);
    let view = home.json(&["vault", "restore", path(&aged), "--name", "again"]);
    assert_eq!(
        (&view["vault"]["id"], &view["vault"]["name"]),
        (&ours["id"], &json!("again"))
    );
    let wrong = empty(&family).with_passphrase("another one entirely");
    let output = wrong.run(&["vault", "restore", path(&aged)]);
    assert!(output.stderr.contains("passphrase is wrong"), "{output:?}");
    // Somebody else's key opens nothing.
    let stranger = quorate_testkit::fixtures::mallory().text();
    let output = empty(&family).run(&["vault", "restore", path(&file), "--key", &stranger]);
    assert!(
        output.stderr.contains("isn't one of the vault's"),
        "{output:?}"
    );
}

#[test]
fn bitcoin_core_derives_what_the_sheet_says() {
    for policy in ["2-of-3", "2-of-3-recovery"] {
        let family = Family::with_vault(policy);
        let ours = family.office.json(&["vault", "show", "family"]);
        let sheet = text(&family.office.json(&["vault", "sheet", "family"])["text"]).to_owned();
        // What is set in is to be typed.
        let exact: Vec<&str> = sheet
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .collect();
        let descriptor = exact.iter().find(|line| line.starts_with("wsh(")).unwrap();
        let info = family.node.rpc("getdescriptorinfo", json!([descriptor]));
        assert_eq!(info["isrange"], true);
        assert_eq!(info["hasprivatekeys"], false);
        let derived = family
            .node
            .rpc("deriveaddresses", json!([descriptor, [0, 2]]));
        assert_eq!(derived[0], ours["first_addresses"]);
        assert_eq!(derived[1][0], ours["first_change"]);
        for address in derived[0].as_array().unwrap() {
            assert!(exact.contains(&text(address)), "{address}");
        }
        let import = exact
            .iter()
            .find(|line| line.contains("importdescriptors"))
            .unwrap();
        let request: Value = serde_json::from_str(import.split('\'').nth(1).unwrap()).unwrap();
        assert_eq!(request[0]["desc"], **descriptor);
        let derive = exact
            .iter()
            .find(|line| line.contains("deriveaddresses"))
            .unwrap();
        assert_eq!(derive.split('\'').nth(1), Some(*descriptor));
        assert_eq!(
            sheet.contains("sequence 52560"),
            policy == "2-of-3-recovery"
        );
        let page = family.office.file("sheet.html");
        family
            .office
            .json(&["vault", "sheet", "family", "-o", path(&page)]);
        let html = fs::read_to_string(&page).unwrap();
        assert!(
            html.contains("<svg")
                && html.contains(&descriptor.replace('<', "&lt;").replace('>', "&gt;")[..40])
        );
    }
}

/// A drill with the keys of four homes: every quorum of every way to spend.
#[test]
fn a_drill_signs_with_every_quorum_and_nothing_of_it_can_be_sent() {
    let (family, _) = lived_in("2-of-3-recovery");
    let backup = family.office.file("family.backup");
    family
        .office
        .json(&["vault", "backup", "family", "-o", path(&backup)]);
    let requests = family.office.file("drill");
    let view = family
        .office
        .json(&["vault", "drill", "family", "--requests", path(&requests)]);
    assert_eq!(view["requests"].as_array().unwrap().len(), 2, "{view}");
    assert_eq!(view["passed"], false);
    let before = family.office.json(&["proposal", "list", "--all"]);
    let mut signed = Vec::new();
    for number in [1, 2] {
        for who in ["alice", "bob", "carol"] {
            let file = family.sign(who, &requests.join(format!("drill-{number}.psbt")));
            let kept = family.office.file(&format!("{who}-{number}.psbt"));
            fs::rename(&file, &kept).unwrap();
            signed.push(kept);
        }
    }
    let key =
        text(&family.office.json(&["vault", "show", "family"])["cosigners"][0]["key"]).to_owned();
    let report = family.office.file("drill.txt");
    let mut args = vec![
        "vault",
        "drill",
        "family",
        "--backup",
        path(&backup),
        "--key",
        &key,
        "-o",
        path(&report),
    ];
    args.extend(signed.iter().map(|file| path(file)));
    let view = family.office.json(&args);
    assert_eq!(view["passed"], true, "{view}");
    assert_eq!(
        view["paths"][0]["passed"].as_array().unwrap().len(),
        3,
        "{view}"
    );
    assert_eq!(
        view["paths"][1]["passed"].as_array().unwrap().len(),
        3,
        "{view}"
    );
    assert_eq!(view["not_tried"], json!([]));
    assert_eq!(view["backup"]["same_id"], true);
    assert_eq!(view["backup"]["differences"], json!([]));
    let text_of = fs::read_to_string(&report).unwrap();
    assert!(
        text_of.contains("result: passed") && text_of.contains("signed and valid: alice and bob"),
        "{text_of}"
    );
    // Nothing of it became a proposal, and no node takes it.
    assert_eq!(family.office.json(&["proposal", "list", "--all"]), before);
    let base64 = |at: usize| {
        let bytes = fs::read(&signed[at]).unwrap();
        let read = quorate_core::psbt::read(&bytes).unwrap();
        let mut psbt = read.psbt;
        for (input, found) in psbt.inputs.iter_mut().zip(&read.signatures) {
            for one in found {
                if let quorate_core::psbt::RawSignature::Partial { key, value } = one {
                    let key = bitcoin::PublicKey::from_slice(key).unwrap();
                    let value = bitcoin::ecdsa::Signature::from_slice(value).unwrap();
                    input.partial_sigs.insert(key, value);
                }
            }
        }
        quorate_core::psbt::to_base64(&psbt)
    };
    let combined = family
        .node
        .rpc("combinepsbt", json!([[base64(0), base64(1)]]));
    let done = family.node.rpc("finalizepsbt", json!([combined]));
    assert_eq!(done["complete"], true, "{done}");
    let verdict = family.node.rpc("testmempoolaccept", json!([[done["hex"]]]));
    assert_eq!(verdict[0]["allowed"], false);
    assert_eq!(verdict[0]["reject-reason"], "missing-inputs", "{verdict}");

    // A quorum that isn't there isn't claimed, and a file of another spend isn't taken.
    let output = family
        .office
        .run(&["vault", "drill", "family", path(&signed[0])]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stdout.contains("it takes 2 keys, and 1 signed"),
        "{output:?}"
    );
    let id = text(&before["proposals"][0]["id"]);
    let other = family.export(id, "bob");
    let output = family
        .office
        .run(&["vault", "drill", "family", path(&other)]);
    assert!(
        output.stderr.contains("isn't one of this vault's drills"),
        "{output:?}"
    );
    // With software keys at hand.
    let view = family.alice.json(&[
        "vault",
        "drill",
        "family",
        "--signer",
        "alice",
        path(&signed[1]),
        path(&signed[4]),
    ]);
    assert_eq!(view["passed"], true, "{view}");
    assert_eq!(view["signed_by"], json!(["alice", "bob"]));
}
