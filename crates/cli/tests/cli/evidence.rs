//! Evidence of proposals: complete, verified without a data folder, and every change of it noticed.

use crate::history::{pay, payers, payers_with};
use crate::people::{fund, nobody, outside, person, text};
use quorate_core::evidence::Evidence;
use quorate_core::journal::MemberKey;
use quorate_testkit::Home;
use serde_json::{Value, json};
use std::fs;

fn draw(home: &Home, id: &str, name: &str) -> Value {
    home.json(&["proposal", "evidence", id, "-o", name, "--force"]);
    serde_json::from_str(&fs::read_to_string(home.file(name)).unwrap()).unwrap()
}

/// Somebody who has nothing but the file.
fn verified(evidence: &Value) -> Result<Value, String> {
    let auditor = nobody();
    fs::write(auditor.file("e.json"), evidence.to_string()).unwrap();
    let output = auditor.run(&["proposal", "verify", "e.json", "--json"]);
    assert!(!auditor.path().exists(), "no data folder is made");
    match output.code() {
        Some(0) => Ok(serde_json::from_str(&output.stdout).unwrap()),
        Some(1 | 2) => Err(output.stderr),
        _ => panic!("{output:?}"),
    }
}

fn propose(home: &Home, more: &[&str]) -> String {
    let to = format!("{}=0.3btc", outside());
    let mut args = vec![
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ];
    args.extend(more);
    text(&home.json(&args)["id"]).to_owned()
}

#[test]
fn evidence_holds_at_every_stage_of_a_proposal() {
    let home = payers();
    fund(&home, "1btc");
    let draft = propose(&home, &["--draft", "--memo", "invoice 17"]);
    let evidence = draw(&home, &draft, "draft.json");
    assert_eq!(evidence["claims"]["status"], "draft");
    let view = verified(&evidence).unwrap();
    assert_eq!(
        (&view["holds"], &view["faults"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(view["proposal"], json!(draft));
    home.json(&["proposal", "submit", &draft]);
    home.json(&[
        "proposal", "approve", &draft, "--as", "alice", "--note", "by phone",
    ]);
    home.json(&[
        "proposal", "reject", &draft, "--as", "carol", "--reason", "too much",
    ]);
    let open = draw(&home, &draft, "open.json");
    assert_eq!(open["claims"]["status"], "collecting");
    let said: Vec<&str> = open["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["what"]))
        .collect();
    for what in [
        "drew up the spend: invoice 17",
        "opened the draft for signing",
        "alice approves: by phone",
        "carol rejects: too much",
    ] {
        assert!(said.contains(&what), "{said:?}");
    }
    verified(&open).unwrap();
    home.json(&["proposal", "abandon", &draft, "--note", "another day"]);
    let abandoned = draw(&home, &draft, "abandoned.json");
    assert_eq!(abandoned["claims"]["status"], "abandoned");
    verified(&abandoned).unwrap();

    let paid = pay(&home, "0.3btc", "invoice 18");
    home.json(&["simulated", "mine", "3"]);
    home.json(&["sync"]);
    let id = text(&paid["id"]);
    let evidence = draw(&home, id, "paid.json");
    assert_eq!(evidence["claims"]["status"], "confirmed");
    assert_eq!(evidence["claims"]["seen"], "block");
    assert_eq!(evidence["claims"]["txid"], paid["txid"]);
    assert_eq!(evidence["complete"], true);
    assert_eq!(
        evidence["proposal"]["words"]
            .as_str()
            .unwrap()
            .split(' ')
            .count(),
        8
    );
    let signers: Vec<&str> = evidence["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["cosigner"]))
        .collect();
    assert_eq!(signers, ["alice", "bob"]);
    let view = verified(&evidence).unwrap();
    let unproven = view["unproven"].to_string();
    for what in ["in block", "owner", "left out", "clocks"] {
        assert!(unproven.contains(what), "{what} is not in {unproven}");
    }
    // For people, on the screen and in a file.
    let shown = home
        .run(&["proposal", "evidence", id, "--text", "e.txt"])
        .stdout;
    assert_eq!(fs::read_to_string(home.file("e.txt")).unwrap(), shown);
    for part in [
        "proposed the spend: invoice 18",
        "let the transaction go",
        "policy: ",
        outside(),
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}

/// Changes one text: the first hexadecimal digit or letter of it becomes another one.
fn touched(value: &mut Value) {
    match value {
        Value::String(text) => {
            let first = text
                .chars()
                .next()
                .map_or('x', |c| if c == '1' { '2' } else { '1' });
            let rest: String = text.chars().skip(1).collect();
            *text = format!("{first}{rest}");
        }
        Value::Number(number) => *value = json!(number.as_u64().unwrap() + 1),
        Value::Bool(known) => *value = json!(!*known),
        Value::Null => *value = json!("1"),
        Value::Array(list) => touched(list.last_mut().unwrap()),
        Value::Object(fields) => touched(fields.values_mut().next().unwrap()),
    }
}

/// The places of everything in a document that isn't a list or an object.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(place, value)| leaves(value, &format!("{path}/{place}"), found)),
        _ => found.push(path.to_owned()),
    }
}

type Alteration<'a> = (&'a str, &'a dyn Fn(&mut Value));

#[test]
fn a_change_anywhere_in_the_evidence_is_noticed() {
    let home = payers();
    fund(&home, "1btc");
    let paid = pay(&home, "0.3btc", "invoice 18");
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    let id = text(&paid["id"]);
    let evidence = draw(&home, id, "paid.json");
    verified(&evidence).unwrap();
    // Every single value.
    let mut places = Vec::new();
    leaves(&evidence, "", &mut places);
    assert!(places.len() > 80, "{}", places.len());
    for place in &places {
        let mut other = evidence.clone();
        touched(other.pointer_mut(place).unwrap());
        let verdict = quorate_coordinator::verify_evidence(&other.to_string());
        assert!(
            verdict.is_err() || !verdict.unwrap().faults.is_empty(),
            "{place}"
        );
    }
    // Parts left out, doubled or swapped, also by whoever has a seal of his own.
    let other = draw(&home, &propose(&home, &[]), "other.json");
    let alterations: [Alteration<'_>; 9] = [
        ("an entry left out", &|e| {
            drop(e["entries"].as_array_mut().unwrap().pop())
        }),
        ("an entry doubled", &|e| {
            let one = e["entries"][0].clone();
            e["entries"].as_array_mut().unwrap().push(one);
        }),
        ("a signature left out", &|e| {
            drop(e["signatures"].as_array_mut().unwrap().pop())
        }),
        ("a statement left out", &|e| {
            drop(e["statements"].as_array_mut().unwrap().remove(1))
        }),
        ("no final transaction", &|e| {
            e["final_transaction"] = Value::Null
        }),
        ("another proposal's entries", &|e| {
            e["entries"] = other["entries"].clone()
        }),
        ("another request", &|e| {
            e["proposal"] = other["proposal"].clone()
        }),
        ("another signer", &|e| {
            e["signatures"][0]["cosigner"] = json!("carol")
        }),
        ("a field nobody knows", &|e| e["more"] = json!(1)),
    ];
    for (what, alter) in alterations {
        let mut altered = evidence.clone();
        alter(&mut altered);
        assert_ne!(altered, evidence, "{what}");
        let stderr = verified(&altered).expect_err(what);
        assert!(
            stderr.contains("evidence_faults") || stderr.contains("bad_evidence"),
            "{what}: {stderr}"
        );
    }
    // What isn't evidence is called so.
    for junk in ["", "{}", "[1]", "{\"quorate_evidence\": 2}"] {
        let auditor = nobody();
        fs::write(auditor.file("e.json"), junk).unwrap();
        let (code, error) = auditor.fail(&["proposal", "verify", "e.json"]);
        assert_eq!((code, text(&error["code"])), (2, "bad_evidence"), "{junk}");
    }
}

/// Whoever changes the document can put a seal of their own on it. What follows from descriptor,
/// request and entries is noticed all the same.
#[test]
fn a_new_seal_hides_no_change() {
    let home = payers();
    fund(&home, "1btc");
    let paid = pay(&home, "0.3btc", "invoice 18");
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    let evidence = draw(&home, text(&paid["id"]), "paid.json");
    let entries = evidence["entries"].as_array().unwrap();
    let at = |kind: &str| {
        let found = entries
            .iter()
            .position(|one| text(&one["text"]).contains(kind));
        found.unwrap()
    };
    let (opened, added) = (at("proposal_opened"), at("contribution_added"));
    let text_of = |place: usize| format!("/entries/{place}/text");
    let cases: Vec<(String, String)> = [
        ("/vault/id", "`vault.id`"),
        ("/vault/cosigners/1/key", "`vault.cosigners[1].key`"),
        ("/vault/policy/0", "`vault.policy[0]`"),
        ("/vault/descriptor", "the descriptor can't be used"),
        ("/proposal/id", "`proposal.id`"),
        ("/proposal/words", "`proposal.words`"),
        ("/proposal/request", "the request isn't one of this vault"),
        (
            "/proposal/unsigned_transaction",
            "`proposal.unsigned_transaction`",
        ),
        (
            "/proposal/outputs/0/value_sat",
            "`proposal.outputs[0].value_sat`",
        ),
        ("/proposal/fee_sat", "`proposal.fee_sat`"),
        ("/statements/0/what", "`statements[0].what`"),
        ("/statements/1/at", "`statements[1].at`"),
        ("/signatures/0/cosigner", "`signatures[0].cosigner`"),
        ("/signatures/0/signature", "`signatures[0].signature`"),
        ("/signatures/1/sighash", "`signatures[1].sighash`"),
        ("/signatures/1/public_key", "`signatures[1].public_key`"),
        ("/signatures/1/entry", "`signatures[1].entry`"),
        ("/final_transaction", "final transaction"),
        ("/complete", "`complete`"),
        (
            "/claims/txid",
            "the transaction it names isn't the proposal's",
        ),
    ]
    .iter()
    .map(|(place, fault)| ((*place).to_owned(), (*fault).to_owned()))
    .chain([
        (text_of(opened), format!("entry {}: ", opened + 1)),
        (
            format!("/entries/{added}/signature"),
            format!("entry {}: ", added + 1),
        ),
        (
            format!("/entries/{added}/id"),
            format!("`entries[{added}].id`"),
        ),
    ])
    .collect();
    let key = MemberKey::from_bytes(&[7; 32]).unwrap();
    for (place, fault) in cases {
        let mut altered = evidence.clone();
        touched(altered.pointer_mut(&place).unwrap());
        let mut sealed: Evidence = serde_json::from_value(altered).unwrap();
        sealed.seal_with(&key);
        let verdict = quorate_coordinator::verify_evidence(&sealed.to_text()).unwrap();
        let faults = verdict.faults.join("\n");
        assert!(!faults.contains("the seal"), "{place}: {faults}");
        assert!(faults.contains(&fault), "{place}: {faults}");
    }
}

/// What another data folder says counts as far as its owner enrolled it, and the document shows why.
#[test]
fn evidence_tells_whose_word_counts() {
    let home = payers();
    fund(&home, "1btc");
    let id = propose(&home, &["--memo", "invoice 19"]);
    let alice = person();
    home.json(&[
        "vault",
        "export",
        "family",
        "--format",
        "descriptor",
        "-o",
        "family.txt",
    ]);
    let carry = |from: &Home, to: &Home, name: &str| {
        fs::copy(from.file(name), to.file(name)).unwrap();
    };
    carry(&home, &alice, "family.txt");
    alice.json(&[
        "vault",
        "import",
        "family",
        "family.txt",
        "--cosigners",
        "alice,bob,carol",
    ]);
    let owner = home.json(&["member", "show"]);
    home.json(&["journal", "export", "family", "-o", "office.journal"]);
    carry(&home, &alice, "office.journal");
    let owner = text(&owner["member"]);
    alice.json(&["journal", "import", "office.journal", "--owner", owner]);
    for who in ["alice", "bob"] {
        alice.json(&["proposal", "approve", &id, "--as", who]);
    }
    alice.json(&["journal", "export", "family", "-o", "alice.journal"]);
    carry(&alice, &home, "alice.journal");
    home.json(&["journal", "import", "alice.journal"]);
    let member = alice.json(&["member", "show"])["member"].clone();
    let said = |evidence: &Value, what: &str| -> Value {
        let all = evidence["statements"].as_array().unwrap().iter();
        let mut found = all.filter(|one| one["what"] == what && one["author"] == member);
        found.next().unwrap_or_else(|| panic!("{evidence:#}"))["refused"].clone()
    };
    let standing = |evidence: &Value| -> Value {
        let all = evidence["members"].as_array().unwrap().iter();
        all.clone()
            .find(|one| one["member"] == member)
            .unwrap()
            .clone()
    };
    let before = draw(&home, &id, "before.json");
    verified(&before).unwrap();
    assert_eq!(standing(&before)["standing"], "unknown");
    for who in ["alice", "bob"] {
        let refused = said(&before, &format!("{who} approves"));
        assert_eq!(refused, "nobody enrolled its author");
    }
    home.json(&[
        "member",
        "add",
        "family",
        "alices-laptop",
        text(&member),
        "--cosigner",
        "alice",
    ]);
    let after = draw(&home, &id, "after.json");
    verified(&after).unwrap();
    let part = standing(&after);
    assert_eq!(
        (&part["standing"], &part["name"], &part["cosigner"]),
        (&json!("enrolled"), &json!("alices-laptop"), &json!("alice"))
    );
    assert_eq!(said(&after, "alice approves"), Value::Null);
    assert_eq!(
        said(&after, "bob approves"),
        "its author may not speak for this cosigner"
    );
    // The other data folder draws up the same statements.
    let mine = draw(&home, &id, "mine.json");
    home.json(&[
        "journal",
        "export",
        "family",
        "-o",
        "office.journal",
        "--force",
    ]);
    carry(&home, &alice, "office.journal");
    alice.json(&["journal", "import", "office.journal"]);
    let hers = draw(&alice, &id, "hers.json");
    verified(&hers).unwrap();
    for part in ["proposal", "statements", "signatures", "complete"] {
        assert_eq!(mine[part], hers[part], "{part}");
    }
    assert_ne!(mine["sealed_by"], hers["sealed_by"]);
}

/// Signatures of every kind are checked against what they sign; in P2SH they are part of the id.
#[test]
fn evidence_holds_for_every_kind_of_output() {
    for script in ["tr", "sh-wsh", "sh"] {
        let home = payers_with(script);
        fund(&home, "1btc");
        let paid = pay(&home, "0.3btc", "invoice 20");
        home.json(&["simulated", "mine", "1"]);
        home.json(&["sync"]);
        let evidence = draw(&home, text(&paid["id"]), "e.json");
        assert_eq!(evidence["claims"]["status"], "confirmed", "{script}");
        assert_eq!(evidence["complete"], true, "{script}");
        let count = evidence["signatures"].as_array().unwrap().len();
        assert_eq!(count, 2, "{script}");
        let view = verified(&evidence).unwrap_or_else(|fault| panic!("{script}: {fault}"));
        assert!(
            view["proven"].to_string().contains("satisfy the coins"),
            "{script}: {view}"
        );
        // The history knows which proposal it was, also where the id is known after signing only.
        let line = home.json(&["history", "family"])["transactions"][0].clone();
        assert_eq!(
            (&line["proposal"], &line["memo"]),
            (&paid["id"], &json!("invoice 20"))
        );
        assert_eq!(line["txid"], evidence["claims"]["txid"], "{script}");
        let mut other = evidence.clone();
        touched(other.pointer_mut("/signatures/0/signature").unwrap());
        assert!(verified(&other).is_err(), "{script}");
    }
}
