//! PSBT version 2 (BIP-0370) between our program, our signer and Bitcoin Core.

use super::family::{Family, path, text};
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use std::path::Path;

fn version(family: &Family, file: &Path) -> u64 {
    let psbt = std::fs::read_to_string(file).unwrap();
    let decoded = family.node.rpc("decodepsbt", json!([psbt.trim()]));
    decoded["psbt_version"].as_u64().unwrap()
}

fn propose(family: &Family) -> String {
    let to = format!("{}=0.3btc", family.stranger());
    let args = ["create", "family", "--to", &to, "--feerate", "2"];
    let created = family.office.json(&[&["proposal"], &args[..]].concat());
    text(&created["id"]).to_owned()
}

fn export(family: &Family, id: &str, version: &str) -> std::path::PathBuf {
    let file = family.office.file(&format!("request.{version}.psbt"));
    let args = ["export", id, "--psbt-version", version, "-o", path(&file)];
    family.office.json(&[&["proposal"], &args[..]].concat());
    file
}

#[test]
fn bitcoin_core_signs_a_version_2_request() {
    let family = Family::with_vault("2-of-3");
    family.deposit("50000000");
    family.deposit("40000000");
    let id = propose(&family);
    let request = export(&family, &id, "2");
    assert_eq!(version(&family, &request), 2);
    assert_eq!(version(&family, &export(&family, &id, "0")), 0);
    // Each keeps the version that it was given, and one signature follows the other.
    let first = family.sign("carol", &request);
    assert_eq!(version(&family, &first), 2);
    let handed_on = family.office.file("handed-on.psbt");
    std::fs::copy(&first, &handed_on).unwrap();
    let both = family.sign("alice", &handed_on);
    assert_eq!(version(&family, &both), 2);
    let imported = family
        .office
        .json(&["proposal", "import", path(&first), path(&both)]);
    assert_eq!(imported["refused"], json!([]), "{imported}");
    assert_eq!(imported["status"], "ready");
    // Core finds the same: complete, and the very transaction.
    let psbt = std::fs::read_to_string(&both).unwrap();
    let finished = family.node.rpc("finalizepsbt", json!([psbt.trim()]));
    assert_eq!(finished["complete"], true);
    let sent = family.office.json(&["proposal", "broadcast", &id]);
    family.node.mine(1);
    family.office.json(&["sync", "family"]);
    assert_eq!(family.status(&id), "confirmed");
    let decoded = family
        .node
        .rpc("decoderawtransaction", json!([finished["hex"]]));
    assert_eq!(decoded["txid"], sent["txid"]);
}

#[test]
fn both_versions_of_a_request_end_in_one_transaction() {
    let family = Family::with_vault("2-of-3");
    family.deposit("50000000");
    let id = propose(&family);
    let old = family.sign("bob", &export(&family, &id, "0"));
    assert_eq!(version(&family, &old), 0);
    let new = family.sign("carol", &export(&family, &id, "2"));
    let imported = family
        .office
        .json(&["proposal", "import", path(&old), path(&new)]);
    assert_eq!(
        (&imported["accepted"], &imported["status"]),
        (&json!(2), &json!("ready"))
    );
}

/// Core takes the pieces apart and puts them together as we do.
#[test]
fn bitcoin_core_reads_the_same_transaction_in_both_versions() {
    let family = Family::with_vault("2-of-3");
    let inputs = json!([
        {"txid": "11".repeat(32), "vout": 3, "sequence": 5},
        {"txid": "22".repeat(32), "vout": 0}
    ]);
    let outputs = json!([{family.stranger(): 0.5}, {"data": "00ff"}]);
    let create = |version: u32| {
        let args = json!([inputs, outputs, 1234, true, 2, version]);
        let psbt = family.node.rpc("createpsbt", args);
        quorate_core::psbt::read(text(&psbt).as_bytes()).unwrap()
    };
    let (old, new) = (create(0), create(2));
    assert_eq!((old.version, new.version), (0, 2));
    assert_eq!(old.psbt, new.psbt);
    let ours = quorate_core::psbt::serialize_v2(&new.psbt).unwrap();
    let base64 = STANDARD.encode(ours);
    let joined = family.node.rpc("decodepsbt", json!([base64]));
    assert_eq!(joined["psbt_version"], 2);
}
