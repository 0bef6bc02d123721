//! The life of a proposal on a real chain: drawn up, edited, approved, rejected, expired, replaced,
//! overtaken by a stranger, cancelled.

use super::family::{Family, path, text};
use quorate_testkit::Home;
use serde_json::{Value, json};
use std::path::PathBuf;

fn create(family: &Family, amount: &str, feerate: &str, more: &[&str]) -> Value {
    let to = format!("{}={amount}", family.stranger());
    let mut args = vec!["proposal", "create", "family", "--to", &to];
    args.extend(["--feerate", feerate]);
    args.extend(more);
    family.office.json(&args)
}

fn id(view: &Value) -> String {
    text(&view["id"]).to_owned()
}

/// The cosigners sign one after the other, and the office takes it in.
fn sign(family: &Family, id: &str, who: &[&str]) -> Value {
    let files: Vec<PathBuf> = who
        .iter()
        .map(|who| family.sign(who, &family.export(id, who)))
        .collect();
    let mut args = vec!["proposal", "import"];
    args.extend(files.iter().map(|file| path(file)));
    family.office.json(&args)
}

fn refused(home: &Home, args: &[&str], code: &str) -> String {
    let (exit, error) = home.fail(args);
    assert_eq!((exit, text(&error["code"])), (1, code), "{error}");
    text(&error["message"]).to_owned()
}

#[test]
fn a_draft_is_revised_submitted_approved_and_rejected() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("100000000");
    let memo = ["--draft", "--memo", "invoice 17", "--expires", "30d"];
    let draft = create(&family, "0.3btc", "2", &memo);
    assert_eq!(draft["status"], "draft");
    let first = id(&draft);
    let message = refused(
        office,
        &["proposal", "export", &first, "-o", "x.psbt"],
        "wrong_status",
    );
    assert!(message.contains("submit"), "{message}");
    let to = format!("{}=0.4btc", family.stranger());
    let revised = office.json(&["proposal", "revise", &first, "--to", &to]);
    let second = id(&revised);
    assert_eq!(revised["status"], "draft");
    for kept in ["memo", "expires_at"] {
        assert_eq!(revised[kept], draft[kept], "{kept}");
    }
    assert_eq!(revised["recipients"][0]["amount_sat"], 40_000_000);
    assert_eq!(revised["replaces"], json!(first));
    assert_eq!(family.status(&first), "replaced");
    refused(office, &["proposal", "submit", &first], "wrong_status");
    let open = office.json(&["proposal", "submit", &second]);
    assert_eq!(open["status"], "collecting");

    office.json(&["proposal", "approve", &second, "--as", "alice"]);
    let reject = |who: &str| {
        office.json(&[
            "proposal", "reject", &second, "--as", who, "--reason", "too much",
        ])
    };
    assert_eq!(reject("bob")["status"], "collecting");
    assert_eq!(reject("carol")["status"], "rejected");
    // In one screen, to be read without --json.
    let list = office.run(&["proposal", "list", "family"]).stdout;
    for part in [
        &second[..12],
        "rejected",
        "no from bob, carol",
        "invoice 17",
    ] {
        assert!(list.contains(part), "{part} is not in\n{list}");
    }
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    assert!(list.contains("1 finished proposal isn't listed"), "{list}");
    let shown = office.run(&["proposal", "show", &second]).stdout;
    assert!(shown.contains("bob rejected on "), "{shown}");
    let message = refused(
        office,
        &["proposal", "export", &second, "-o", "x.psbt"],
        "wrong_status",
    );
    assert!(message.contains("said no"), "{message}");
    // Carol changes her mind, and the spend happens.
    let view = office.json(&["proposal", "approve", &second, "--as", "carol"]);
    assert_eq!(view["status"], "collecting");
    assert_eq!(view["missing"], json!(["alice", "carol"]));
    assert_eq!(
        sign(&family, &second, &["alice", "carol"])["status"],
        "ready"
    );
    office.json(&["proposal", "broadcast", &second]);
    family.node.mine(1);
    office.json(&["sync"]);

    // The record of who said and signed what stays.
    let record = office.json(&["proposal", "show", &second]);
    assert_eq!(record["status"], "confirmed");
    assert_eq!(record["inputs"][0]["signatures"]["carol"], "signed");
    assert_eq!(record["objectors"], json!(["bob"]));
    let answers: Vec<(&str, &str)> = record["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["cosigner"]), text(&one["answer"])))
        .collect();
    for answer in [
        ("alice", "approved"),
        ("bob", "rejected"),
        ("carol", "approved"),
    ] {
        assert!(answers.contains(&answer), "{answers:?}");
    }
    let log = office.run(&["journal", "log", "family"]).stdout;
    assert!(log.contains("bob rejected proposal"), "{log}");
    let verified = office.json(&["journal", "verify", "family"]);
    assert_eq!(
        (&verified["faults"], &verified["projection_matches"]),
        (&json!([]), &json!(true))
    );
    let listed = office.json(&["proposal", "list", "--all"]);
    assert_eq!(listed["proposals"][1]["status"], "confirmed");
    // People are shown what waits for something.
    let shown = office.run(&["proposal", "list"]).stdout;
    assert!(
        shown.contains("2 finished proposals aren't listed"),
        "{shown}"
    );
    assert!(!shown.contains(&second[..12]), "{shown}");
}

/// Moves a proposal's deadline into the past, as if it had been made long ago: the entry is written
/// by the program with the clock of then.
#[test]
fn a_deadline_is_told_and_refused_when_it_cannot_be() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("100000000");
    let to = format!("{}=0.3btc", family.stranger());
    let create = [
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ];
    let with = |expires: &'static str| [&create[..], &["--expires", expires]].concat();
    for bad in ["yesterday", "2020-01-01", "0d", "7w"] {
        let (code, error) = office.fail(&with(bad));
        assert_eq!((code, text(&error["code"])), (2, "bad_deadline"), "{error}");
    }
    let view = office.json(&with("2030-12-31"));
    // The end of that day, as the calendar has it.
    assert_eq!(view["expires_at"], 1_925_078_400_u64 - 86_400);
    let shown = office.run(&["proposal", "show", text(&view["id"])]).stdout;
    assert!(shown.contains("until"), "{shown}");
}

#[test]
fn what_is_out_is_replaced_by_a_higher_fee_and_the_node_agrees() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("100000000");
    let old = id(&create(&family, "0.3btc", "2", &[]));
    sign(&family, &old, &["alice", "carol"]);
    let sent = office.json(&["proposal", "broadcast", &old]);
    office.json(&["sync"]);
    assert_eq!(family.status(&old), "broadcast");

    // A satoshi per byte more is what nodes ask for; what the sentence names is enough.
    let (code, error) = office.fail(&["proposal", "revise", &old, "--feerate", "2.5"]);
    assert_eq!((code, text(&error["code"])), (1, "underbid"), "{error}");
    let message = text(&error["message"]);
    let rate = message.split("--feerate ").nth(1).unwrap();
    let rate = rate.split(' ').next().unwrap();
    let new = office.json(&["proposal", "revise", &old, "--feerate", rate]);
    let new_id = id(&new);
    assert_eq!(
        (&new["status"], &new["replaces"]),
        (&json!("collecting"), &json!(old))
    );
    assert_eq!(family.status(&old), "broadcast");
    sign(&family, &new_id, &["bob", "carol"]);
    let second = office.json(&["proposal", "broadcast", &new_id]);
    let mempool: Vec<String> = family
        .node
        .mempool()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(mempool, [text(&second["txid"])]);
    assert_ne!(second["txid"], sent["txid"]);
    office.json(&["sync"]);
    assert_eq!(family.status(&old), "replaced");
    assert_eq!(family.status(&new_id), "broadcast");
    let (code, error) = office.fail(&["proposal", "export", &old, "-o", "x.psbt"]);
    assert_eq!(code, 1, "{error}");
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&new_id), "confirmed");
    assert_eq!(family.status(&old), "replaced");
    // A reorg that takes it back changes both back.
    family.node.reorg_empty(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&new_id), "broadcast");
}

#[test]
fn approvals_do_not_help_against_a_stranger_who_is_faster() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("50000000");
    let here = id(&create(&family, "0.2btc", "3", &[]));
    for who in ["alice", "bob", "carol"] {
        office.json(&["proposal", "approve", &here, "--as", who]);
    }
    // Another home spends the coin; here nobody proposed that.
    family.alice.json(&["sync"]);
    let to = format!("{}=0.1btc", family.stranger());
    let there = family.alice.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "5",
    ]);
    let there = id(&there);
    let request = family.alice.file("request.psbt");
    family
        .alice
        .json(&["proposal", "export", &there, "-o", path(&request)]);
    let files = [
        family.sign("alice", &request),
        family.sign("carol", &request),
    ];
    family
        .alice
        .json(&["proposal", "import", path(&files[0]), path(&files[1])]);
    family.alice.json(&["proposal", "broadcast", &there]);
    office.json(&["sync"]);
    let view = office.json(&["proposal", "show", &here]);
    assert_eq!(view["status"], "conflicted");
    assert_eq!(view["answers"].as_array().unwrap().len(), 3);
    let listed = office.json(&["proposal", "list"]);
    assert_eq!(listed["proposals"][0]["status"], "conflicted");
    for args in [
        &["proposal", "approve", &here, "--as", "alice"][..],
        &["proposal", "revise", &here, "--feerate", "9"],
    ] {
        refused(office, args, "wrong_status");
    }
}

#[test]
fn a_given_up_proposal_is_made_impossible() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("60000000");
    family.deposit("50000000");
    let old = id(&create(&family, "1btc", "2", &[]));
    let signed = family.sign("alice", &family.export(&old, "alice"));
    let both = family.sign("carol", &signed);
    let kept = std::fs::read_to_string(&both).unwrap();
    office.json(&["proposal", "import", path(&both)]);
    let gone = office.run(&["proposal", "abandon", &old]).stdout;
    assert!(gone.contains("can still send it"), "{gone}");
    assert!(gone.contains(&format!("--cancel {}", &old[..12])), "{gone}");
    // It can indeed: the node would take the copy that carol kept.
    let finished = family.node.rpc("finalizepsbt", json!([kept.trim()]));
    let test = |family: &Family| {
        family
            .node
            .rpc("testmempoolaccept", json!([[finished["hex"]]]))
    };
    assert_eq!(test(&family)[0]["allowed"], true);
    let cancel = office.json(&[
        "proposal",
        "create",
        "family",
        "--cancel",
        &old,
        "--feerate",
        "3",
    ]);
    assert_eq!(cancel["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(cancel["recipients"], json!([]));
    let cancel = id(&cancel);
    sign(&family, &cancel, &["bob", "carol"]);
    office.json(&["proposal", "broadcast", &cancel]);
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&cancel), "confirmed");
    let verdict = test(&family);
    assert_eq!(verdict[0]["allowed"], false, "{verdict}");
    let fee = office.json(&["proposal", "show", &cancel])["fee_sat"].as_u64();
    let left = office.json(&["balance", "family"])["confirmed_sat"].as_u64();
    assert_eq!(left, Some(110_000_000 - fee.unwrap()));
}
