//! Two keys are lost. The timelock passes, and the third spends alone; a block too early we refuse
//! before the node would.

use super::family::{Family, path, text};
use serde_json::json;

const POLICY: &str = r#"
name = "quick-recovery"
title = "2 of 3, one alone after 12 blocks"
summary = "For a test."
script = "wsh"
cosigners = ["first", "second", "third"]

[[path]]
threshold = 2

[[path]]
threshold = 1
after_blocks = 12
"#;

fn family_with_policy(file: &str) -> Family {
    let family = Family::new();
    std::fs::write(family.office.file("policy.toml"), file).unwrap();
    let keys = family.keys();
    let mut args = vec!["vault", "create", "family", "--policy", "policy.toml"];
    for key in &keys {
        args.extend(["--key", key]);
    }
    let created = family.office.json(&args);
    assert!(
        text(&created["paths"][1]).contains("12 blocks"),
        "{created}"
    );
    family.share();
    family
}

#[test]
fn one_key_recovers_after_the_timelock_and_not_a_block_before() {
    let family = family_with_policy(POLICY);
    let office = &family.office;
    family.deposit("100000000");
    let confirmed = family.node.chain_tip().height;
    let to = format!("{}=all", family.stranger());
    let created = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--path",
        "2",
    ]);
    let id = text(&created["id"]).to_owned();
    assert_eq!(created["not_before"], confirmed + 12);
    let signed = family.sign("bob", &family.export(&id, "bob"));
    let imported = office.json(&["proposal", "import", path(&signed)]);
    assert_eq!(imported["status"], "ready");

    // The next block is one too early. The node says the same of the very transaction.
    family
        .node
        .mine(confirmed + 12 - 2 - family.node.chain_tip().height);
    office.json(&["sync"]);
    let (code, error) = office.fail(&["proposal", "broadcast", &id]);
    assert_eq!((code, &error["code"]), (1, &json!("too_early")), "{error}");
    assert!(
        text(&error["message"]).contains("wait 1 block more"),
        "{error}"
    );
    assert_eq!(family.status(&id), "ready");
    let psbt = std::fs::read_to_string(&signed).unwrap();
    let finished = family.node.rpc("finalizepsbt", json!([psbt.trim()]));
    assert_eq!(finished["complete"], true, "{finished}");
    let verdict = family
        .node
        .rpc("testmempoolaccept", json!([[finished["hex"]]]));
    assert_eq!(verdict[0]["reject-reason"], "non-BIP68-final");

    family.node.mine(1);
    office.json(&["sync"]);
    let sent = office.json(&["proposal", "broadcast", &id]);
    assert_eq!(sent["status"], "broadcast");
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&id), "confirmed");
    assert_eq!(office.json(&["balance", "family"])["confirmed_sat"], 0);
}

#[test]
fn everyday_spends_of_a_vault_with_recovery_need_two_and_no_waiting() {
    let family = family_with_policy(POLICY);
    let office = &family.office;
    family.deposit("100000000");
    let to = format!("{}=0.4btc", family.stranger());
    let created = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&created["id"]).to_owned();
    for (who, status) in [("alice", "collecting"), ("carol", "ready")] {
        let signed = family.sign(who, &family.export(&id, who));
        assert_eq!(
            office.json(&["proposal", "import", path(&signed)])["status"],
            status
        );
    }
    office.json(&["proposal", "broadcast", &id]);
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&id), "confirmed");
}
