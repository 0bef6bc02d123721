//! The main job through the binary, everything in JSON.

use crate::people::{PASSPHRASE, fund, number, outside, person, person_with_chain, text};
use quorate_testkit::{Home, fixtures};
use serde_json::{Value, json};
use std::fs;

/// A coordinator with a chain, and three cosigners with software keys who imported the vault.
fn family() -> (Home, Vec<Home>) {
    let coordinator = person_with_chain();
    let names = ["alice", "bob", "carol"];
    let cosigners: Vec<Home> = names
        .iter()
        .map(|_| person().with_passphrase(PASSPHRASE))
        .collect();
    let keys: Vec<String> = names
        .iter()
        .zip(&cosigners)
        .map(|(name, home)| {
            let made = home.json(&["signer", "new", name]);
            let key = home.json(&["signer", "key", name]);
            assert_eq!(made["key"], key["key"]);
            assert!(key.get("words").is_none());
            format!("{name}={}", text(&key["key"]))
        })
        .collect();
    let mut create = vec!["vault", "create", "family", "--policy", "2-of-3"];
    keys.iter().for_each(|key| create.extend(["--key", key]));
    let created = coordinator.json(&create);
    let file = coordinator.file("family.txt");
    let file = file.to_str().unwrap();
    let exported = coordinator.json(&[
        "vault",
        "export",
        "family",
        "--format",
        "descriptor",
        "-o",
        file,
    ]);
    assert_eq!(exported["file"], json!(file));
    for home in &cosigners {
        let imported = home.json(&[
            "vault",
            "import",
            "family",
            file,
            "--cosigners",
            &names.join(","),
        ]);
        for same in [
            "id",
            "network",
            "descriptor",
            "threshold",
            "cosigners",
            "first_addresses",
        ] {
            assert_eq!(imported[same], created[same], "{same}");
        }
    }
    assert_eq!(created["threshold"], json!(2));
    assert_eq!(created["first_addresses"].as_array().unwrap().len(), 3);
    (coordinator, cosigners)
}

fn carry(from: &Home, to: &Home, name: &str) {
    fs::copy(from.file(name), to.file(name)).unwrap();
}

/// Hands the proposal to a cosigner and brings the signed file back.
fn sign(coordinator: &Home, cosigner: &Home, id: &str, name: &str) -> (Value, String) {
    let (request, signed) = (format!("{name}.psbt"), format!("{name}.signed.psbt"));
    coordinator.json(&["proposal", "export", id, "--for", name, "-o", &request]);
    carry(coordinator, cosigner, &request);
    let view = cosigner.json(&["signer", "sign", name, &request, "-o", &signed]);
    carry(cosigner, coordinator, &signed);
    (view, signed)
}

#[test]
fn two_of_three_from_policy_to_confirmed_spend() {
    let (coordinator, cosigners) = family();
    for amount in ["1btc", "0.7btc"] {
        let address = coordinator.json(&["address", "new", "family", "--label", "deposit"]);
        coordinator.json(&["simulated", "fund", text(&address["address"]), amount]);
    }
    coordinator.json(&["sync", "family"]);
    let balance = coordinator.json(&["balance", "family"]);
    assert_eq!(number(&balance["confirmed_sat"]), 170_000_000);
    assert_eq!(balance["reserved_sat"], json!(0));

    let to = format!("{}=1.2btc", outside());
    let create = [
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--memo",
        "invoice 17",
    ];
    let proposal = coordinator.json(&create);
    let id = &text(&proposal["id"])[..12];
    assert_eq!(proposal["status"], json!("collecting"));
    assert_eq!(proposal["missing"], json!(["alice", "bob", "carol"]));
    assert_eq!(proposal["recipients"][0]["address"], json!(outside()));
    assert_eq!(proposal["inputs"].as_array().unwrap().len(), 2);
    let change = number(&proposal["change"][0]["amount_sat"]);
    assert_eq!(
        change + number(&proposal["fee_sat"]) + 120_000_000,
        170_000_000
    );
    assert_eq!(
        number(&coordinator.json(&["balance", "family"])["reserved_sat"]),
        170_000_000
    );
    let coins = coordinator.json(&["coin", "list", "family"]);
    assert!(
        coins["coins"]
            .as_array()
            .unwrap()
            .iter()
            .all(|coin| coin["reserved_by"] == proposal["id"])
    );

    // Alice and carol sign; what they are shown is what the coordinator shows.
    let (seen, alice) = sign(&coordinator, &cosigners[0], id, "alice");
    for same in [
        "txid",
        "fee_sat",
        "words",
        "feerate_sat_vb",
        "recipients",
        "change",
    ] {
        assert_eq!(seen[same], proposal[same], "{same}");
    }
    assert_eq!(
        (number(&seen["inputs_signed"]), &seen["proposal"]),
        (2, &proposal["id"])
    );
    let imported = coordinator.json(&["proposal", "import", &alice]);
    assert_eq!(imported["proposal"], proposal["id"]);
    assert_eq!(
        (number(&imported["accepted"]), &imported["refused"]),
        (2, &json!([]))
    );
    assert_eq!(imported["status"], json!("collecting"));

    let shown = coordinator.json(&["proposal", "show", id]);
    let grid = json!({"alice": "signed", "bob": "missing", "carol": "missing"});
    assert_eq!(shown["inputs"][1]["signatures"], grid);
    assert_eq!(shown["missing"], json!(["bob", "carol"]));
    let text_form = coordinator.run(&["proposal", "show", id]).stdout;
    assert!(
        text_form.contains("needs 1 more of bob, carol\n"),
        "{text_form}"
    );
    assert!(text_form.contains("signed  -    -\n"), "{text_form}");

    // The daisy chain: carol's file carries alice's signatures on.
    let (seen, carol) = sign(&coordinator, &cosigners[2], id, "carol");
    assert_eq!(number(&seen["inputs_signed"]), 2);
    let imported = coordinator.json(&["proposal", "import", &carol]);
    assert_eq!(
        (number(&imported["accepted"]), number(&imported["known"])),
        (2, 2)
    );
    assert_eq!(imported["status"], json!("ready"));
    // The same files again change nothing.
    let again = coordinator.json(&["proposal", "import", &alice, &carol]);
    assert_eq!(
        (number(&again["accepted"]), number(&again["known"])),
        (0, 6)
    );

    let sent = coordinator.json(&["proposal", "broadcast", id]);
    assert_eq!(
        (&sent["txid"], &sent["status"]),
        (&proposal["txid"], &json!("broadcast"))
    );
    let status = |command: &[&str]| {
        coordinator.json(command);
        coordinator.json(&["sync"]);
        coordinator.json(&["proposal", "show", id])
    };
    assert_eq!(status(&["sync"])["seen"], json!("mempool"));
    let confirmed = status(&["simulated", "mine", "1"]);
    assert_eq!(
        (&confirmed["status"], number(&confirmed["confirmations"])),
        (&json!("confirmed"), 1)
    );
    let after = coordinator.json(&["balance", "family"]);
    assert_eq!(number(&after["confirmed_sat"]), change);
    // A reorg takes it back and another block confirms it again, by themselves.
    let taken_back = status(&["simulated", "reorg", "1"]);
    assert_eq!(
        (&taken_back["status"], &taken_back["height"]),
        (&json!("broadcast"), &Value::Null)
    );
    assert_eq!(
        status(&["simulated", "mine", "1"])["status"],
        json!("confirmed")
    );

    let log = coordinator.json(&["journal", "log", "family"]);
    let kinds: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| text(&e["kind"]))
        .collect();
    assert_eq!(kinds.first(), Some(&"vault_added"));
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "contribution_added")
            .count(),
        2
    );
    assert_eq!(kinds.last(), Some(&"proposal_released"));
    let verified = coordinator.json(&["journal", "verify"]);
    assert_eq!(
        (&verified["faults"], &verified["projection_matches"]),
        (&json!([]), &json!(true))
    );
    let listed = coordinator.json(&["proposal", "list", "family"]);
    assert_eq!(listed["proposals"][0]["status"], json!("confirmed"));
}

/// A signer who never touches a file: everything through pipes.
#[test]
fn psbts_go_through_pipes() {
    let home = person_with_chain().with_passphrase(PASSPHRASE);
    let bob = format!("bob={}", text(&home.json(&["signer", "new", "bob"])["key"]));
    let [alice, carol] = [fixtures::alice(), fixtures::carol()].map(|key| key.argument());
    let create = ["vault", "create", "family", "--policy", "2-of-3"];
    let keys = ["--key", &alice, "--key", &bob, "--key", &carol];
    home.json(&[&create[..], &keys[..]].concat());
    fund(&home, "1btc");
    let to = format!("{}=all", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "1.5",
    ]);
    assert_eq!(proposal["change"], json!([]));
    let id = text(&proposal["id"]);
    let exported = home.run(&["proposal", "export", id]).stdout;
    assert_eq!(
        home.json(&["proposal", "export", id])["psbt"],
        json!(exported.trim_end())
    );

    let piped = |args: &[&str], input: &[u8]| {
        fs::write(home.file("input"), input).unwrap();
        let stdin = fs::File::open(home.file("input")).unwrap();
        let output = home.command(args).stdin(stdin).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    };
    let signed = piped(&["signer", "sign", "bob", "-"], exported.as_bytes());
    let told = String::from_utf8(signed.stderr).unwrap();
    for part in [
        outside(),
        "0.99",
        "BTC",
        text(&proposal["words"][7]),
        text(&proposal["txid"]),
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let imported = piped(&["proposal", "import", "-", "--json"], &signed.stdout);
    let view: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!(
        (number(&view["accepted"]), &view["status"]),
        (1, &json!("collecting"))
    );

    // The binary form is given and taken as well.
    home.json(&[
        "proposal",
        "export",
        id,
        "--binary",
        "--without-signatures",
        "-o",
        "binary",
    ]);
    assert!(
        fs::read(home.file("binary"))
            .unwrap()
            .starts_with(b"psbt\xff")
    );
    let signed = home.json(&["signer", "sign", "bob", "binary"]);
    assert_eq!(number(&signed["inputs_signed"]), 1);
    piped(
        &["proposal", "import", "-"],
        text(&signed["psbt"]).as_bytes(),
    );
}
