//! The main job: policy, deposit, proposal, two of three signatures, broadcast, confirmation, reorg.

use super::family::{Family, path, text};
use serde_json::json;

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// Everybody signs the same request; all files are imported at once.
    Parallel,
    /// The file goes from one to the next.
    Daisy,
}

fn story(pair: [&str; 2], order: Order) {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    let vault = office.json(&["vault", "show", "family"]);
    assert_eq!(
        (&vault["threshold"], &vault["network"]),
        (&json!(2), &json!("regtest"))
    );
    assert_eq!(vault["cosigners"][2]["key"], family.carols_key.text());
    family.deposit("100000000");
    family.deposit("30000000");
    let balance = office.json(&["balance", "family"]);
    assert_eq!(
        (&balance["confirmed_sat"], &balance["pending_sat"]),
        (&json!(130_000_000), &json!(0))
    );
    assert_eq!(balance["height"], family.node.chain_tip().height);
    let coins = office.json(&["coin", "list", "family"]);
    assert_eq!(coins["coins"].as_array().unwrap().len(), 2);

    let to = family.stranger();
    let created = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &format!("{to}=1.1btc"),
        "--feerate",
        "2",
        "--memo",
        "invoice 17",
    ]);
    let id = text(&created["id"]).to_owned();
    assert_eq!(created["status"], "collecting");
    assert_eq!(created["missing"], json!(["alice", "bob", "carol"]));
    assert_eq!(created["recipients"][0]["amount_sat"], 110_000_000);
    assert_eq!(created["inputs"].as_array().unwrap().len(), 2);
    assert_eq!(
        office.json(&["balance", "family"])["reserved_sat"],
        130_000_000
    );

    // Carol looks at the file in her own home, which was never told of any coin.
    let request = family.export(&id, "carol");
    let seen = family.carol.json(&["psbt", "review", path(&request)]);
    for key in ["txid", "recipients", "change", "fee_sat", "words"] {
        let ours = office.json(&["proposal", "review", &id]);
        assert_eq!(seen[key], ours[key], "{key}");
    }

    let files = match order {
        Order::Parallel => pair
            .map(|who| family.sign(who, &family.export(&id, who)))
            .to_vec(),
        Order::Daisy => {
            let first = family.sign(pair[0], &family.export(&id, pair[0]));
            let handed_on = office.file("handed-on.psbt");
            std::fs::copy(&first, &handed_on).unwrap();
            vec![family.sign(pair[1], &handed_on)]
        }
    };
    let mut args = vec!["proposal", "import"];
    args.extend(files.iter().map(|file| path(file)));
    let imported = office.json(&args);
    assert_eq!(
        (&imported["accepted"], &imported["known"]),
        (&json!(4), &json!(0)),
        "{imported}"
    );
    assert_eq!(
        (&imported["proposal"], &imported["status"]),
        (&json!(id), &json!("ready"))
    );
    let again = office.json(&args);
    assert_eq!(
        (&again["accepted"], &again["known"]),
        (&json!(0), &json!(4))
    );
    let shown = office.json(&["proposal", "show", &id]);
    for input in shown["inputs"].as_array().unwrap() {
        for who in ["alice", "bob", "carol"] {
            let expected = if pair.contains(&who) {
                "signed"
            } else {
                "missing"
            };
            assert_eq!(input["signatures"][who], expected);
        }
    }
    assert_eq!(shown["missing"], json!([]));

    let sent = office.json(&["proposal", "broadcast", &id]);
    assert_eq!(sent["status"], "broadcast");
    assert_eq!(sent["txid"], created["txid"]);
    let mempool = family.node.mempool();
    assert_eq!(mempool.len(), 1);
    assert_eq!(mempool[0].to_string(), text(&sent["txid"]));
    // The fee rate that was asked for, as the node counts.
    let entry = family.node.rpc("getmempoolentry", json!([sent["txid"]]));
    let vsize = entry["vsize"].as_u64().unwrap();
    let fee = created["fee_sat"].as_u64().unwrap();
    assert!(
        fee >= 2 * vsize && fee <= 2 * vsize + 8,
        "{fee} sat for {vsize} vB"
    );

    // Only the chain says confirmed, and it may take that back.
    office.json(&["sync", "family"]);
    assert_eq!(family.status(&id), "broadcast");
    family.node.mine(1);
    office.json(&["sync", "family"]);
    assert_eq!(family.status(&id), "confirmed");
    let change = 130_000_000 - 110_000_000 - fee;
    assert_eq!(office.json(&["balance", "family"])["confirmed_sat"], change);
    family.node.reorg_empty(1);
    let synced = office.json(&["sync", "family"]);
    assert_eq!(synced["reorganized"], 1);
    assert_eq!(family.status(&id), "broadcast");
    family.node.mine(1);
    office.json(&["sync", "family"]);
    assert_eq!(family.status(&id), "confirmed");
    // Who signed stays on record.
    let record = office.json(&["proposal", "show", &id]);
    assert_eq!(record["inputs"][0]["signatures"][pair[0]], "signed");
    let verified = office.json(&["journal", "verify", "family"]);
    assert_eq!(
        (&verified["faults"], &verified["projection_matches"]),
        (&json!([]), &json!(true))
    );
}

#[test]
fn alice_and_bob_sign_side_by_side() {
    story(["alice", "bob"], Order::Parallel);
}

#[test]
fn alice_and_bitcoin_core_sign_side_by_side() {
    story(["alice", "carol"], Order::Parallel);
}

#[test]
fn bitcoin_core_signs_and_hands_on_to_bob() {
    story(["carol", "bob"], Order::Daisy);
}

#[test]
fn alice_signs_and_hands_on_to_bitcoin_core() {
    story(["alice", "carol"], Order::Daisy);
}

#[test]
fn a_pure_disconnect_is_noticed() {
    let family = Family::with_vault("2-of-3");
    family.deposit("100000000");
    let block = family.node.invalidate(1);
    let synced = family.office.json(&["sync", "family"]);
    assert_eq!(synced["reorganized"], 1);
    let balance = family.office.json(&["balance", "family"]);
    assert_eq!(
        (&balance["confirmed_sat"], &balance["pending_sat"]),
        (&json!(0), &json!(100_000_000))
    );
    family.node.reconsider(block);
    family.office.json(&["sync", "family"]);
    assert_eq!(
        family.office.json(&["balance", "family"])["confirmed_sat"],
        100_000_000
    );
}

#[test]
fn somebody_else_broadcasts_and_a_stranger_spends() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("50000000");
    let to = format!("{}=0.2btc", family.stranger());
    let created = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "3",
    ]);
    let id = text(&created["id"]).to_owned();
    // Carol and alice finish it without the office, and send it themselves.
    let request = family.export(&id, "alice");
    let first = family.sign("alice", &request);
    let both = family.sign("carol", &first);
    let both = std::fs::read_to_string(&both).unwrap();
    let finished = family.node.rpc("finalizepsbt", json!([both.trim()]));
    assert_eq!(finished["complete"], true);
    family
        .node
        .rpc("sendrawtransaction", json!([finished["hex"]]));
    office.json(&["sync"]);
    assert_eq!(family.status(&id), "broadcast");
    // The office has no signature of it, and yet knows that it is out.
    assert_eq!(office.json(&["proposal", "show", &id])["seen"], "mempool");
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&id), "confirmed");

    // Another proposal in another home spends the same coin first: here that is a stranger's.
    let here = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "3",
    ]);
    family.alice.json(&["sync"]);
    let there = family.alice.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "5",
    ]);
    assert_ne!(here["id"], there["id"]);
    let request = family.alice.file("request.psbt");
    family.alice.json(&[
        "proposal",
        "export",
        text(&there["id"]),
        "-o",
        path(&request),
    ]);
    let files = [
        family.sign("alice", &request),
        family.sign("carol", &request),
    ];
    family
        .alice
        .json(&["proposal", "import", path(&files[0]), path(&files[1])]);
    family
        .alice
        .json(&["proposal", "broadcast", text(&there["id"])]);
    office.json(&["sync"]);
    assert_eq!(family.status(text(&here["id"])), "conflicted");
    let (code, error) = office.fail(&["proposal", "import", path(&files[0])]);
    assert_eq!(code, 1, "{error}");
}
