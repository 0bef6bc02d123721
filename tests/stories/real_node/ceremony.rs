//! A vault set up between four homes that don't trust what carries their files (BIP-0129): from the
//! policy to a confirmed spend, and what happens when a carrier changes what he carries.

use super::family::{Family, path, text};
use quorate_core::setup::{Token, open, seal};
use quorate_testkit::Home;
use quorate_testkit::fixtures::TestKey;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

const COSIGNERS: [&str; 3] = ["alice", "bob", "carol"];

fn new_setup(family: &Family, policy: &str, encryption: &str) {
    let mut args = vec![
        "setup",
        "new",
        "family",
        "--policy",
        policy,
        "--encryption",
        encryption,
    ];
    for name in COSIGNERS {
        args.extend(["--cosigner", name]);
    }
    let view = family.office.json(&args);
    assert_eq!(view["stage"], "draft", "{view}");
    family.office.json(&[
        "setup",
        "invite",
        "family",
        "--folder",
        "invitations",
        "--force",
    ]);
    assert_eq!(stage(family), "collecting");
}

fn stage(family: &Family) -> String {
    text(&family.office.json(&["setup", "show", "family"])["stage"]).to_owned()
}

fn invitation(family: &Family, who: &str) -> String {
    path(&family.office.file(&format!("invitations/{who}.invitation"))).to_owned()
}

/// A cosigner with our software signer answers; the file that comes back.
fn join(family: &Family, home: &Home, who: &str) -> String {
    let file = family.office.file(&format!("{who}.bsms"));
    let _ = fs::remove_file(&file);
    let view = home.json(&[
        "setup",
        "join",
        &invitation(family, who),
        "--signer",
        who,
        "-o",
        path(&file),
    ]);
    assert_eq!(view["cosigner"], *who, "{view}");
    path(&file).to_owned()
}

/// Carol has a device, which exports its key and can't sign messages.
fn join_with_device(family: &Family, key: &TestKey) -> String {
    let file = family.office.file("carols-key.txt");
    fs::write(&file, key.text()).unwrap();
    family.carol.json(&[
        "setup",
        "join",
        &invitation(family, "carol"),
        "--key-file",
        path(&file),
    ]);
    path(&file).to_owned()
}

fn collect(family: &Family) {
    let (alice, bob) = (
        join(family, &family.alice, "alice"),
        join(family, &family.bob, "bob"),
    );
    let view = family
        .office
        .json(&["setup", "add", "family", &alice, &bob]);
    assert!(
        view["files"]
            .as_array()
            .unwrap()
            .iter()
            .all(|file| file["signed"] == true),
        "{view}"
    );
    let carol = join_with_device(family, &family.carols_key);
    family
        .office
        .json(&["setup", "add", "family", &carol, "--cosigner", "carol"]);
    assert_eq!(stage(family), "review");
}

fn homes(family: &Family) -> [(&'static str, &Home); 3] {
    [
        ("alice", &family.alice),
        ("bob", &family.bob),
        ("carol", &family.carol),
    ]
}

/// The record for a cosigner, in a file.
fn record(family: &Family, who: &str) -> String {
    let file = family.office.file(&format!("record-{who}"));
    family.office.json(&[
        "setup",
        "record",
        "family",
        "--cosigner",
        who,
        "-o",
        path(&file),
        "--force",
    ]);
    path(&file).to_owned()
}

/// Entries of each home go to the office and back.
fn exchange(family: &Family) {
    for _ in 0..2 {
        for (name, home) in homes(family) {
            let file = family.office.file(&format!("{name}.journal"));
            home.json(&["journal", "export", "family", "-o", path(&file), "--force"]);
            family.office.json(&["journal", "import", path(&file)]);
        }
        let file = family.office.file("office.journal");
        family
            .office
            .json(&["journal", "export", "family", "-o", path(&file), "--force"]);
        for (_, home) in homes(family) {
            home.json(&["journal", "import", path(&file)]);
        }
    }
}

fn refused_address(home: &Home) -> String {
    let output = home.run(&["address", "new", "family", "--json"]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    let error: Value = serde_json::from_str(&output.stderr).unwrap();
    text(&error["error"]["message"]).to_owned()
}

fn whole_ceremony(encryption: &str) {
    let family = Family::new();
    new_setup(&family, "2-of-3", encryption);
    collect(&family);
    let made = family.office.json(&["setup", "finish", "family"]);
    assert_eq!(made["stage"], "review", "{made}");
    let told = refused_address(&family.office);
    assert!(
        told.contains("alice and bob and carol didn't attest"),
        "{told}"
    );
    assert!(told.contains("holds the key of carol"), "{told}");

    for (name, home) in homes(&family) {
        let accepted = home.json(&["setup", "accept", &record(&family, name)]);
        assert_eq!(accepted["cosigner"], name);
        for key in [
            "id",
            "words",
            "first_addresses",
            "first_change",
            "threshold",
            "network",
        ] {
            assert_eq!(accepted["vault"][key], made[key], "{name} {key}");
        }
        refused_address(home);
    }
    // The node derives the same addresses from the descriptor that the cosigners hold.
    let descriptor =
        text(&family.carol.json(&["vault", "show", "family"])["descriptor"]).to_owned();
    let derived = family
        .node
        .rpc("deriveaddresses", json!([descriptor, [0, 2]]));
    assert_eq!(derived[0], made["first_addresses"]);
    assert_eq!(derived[1][0], made["first_change"]);

    // Carol's device signed no record, so her home is enrolled by hand.
    let carol = family.carol.json(&["member", "show"]);
    family.office.json(&[
        "member",
        "add",
        "family",
        "carol",
        text(&carol["member"]),
        "--cosigner",
        "carol",
    ]);
    for (_, home) in homes(&family) {
        home.json(&["setup", "attest", "family"]);
    }
    exchange(&family);
    let told = refused_address(&family.office);
    assert!(!told.contains("attest it yet"), "{told}");

    // Her device proves its key with a spend that can't happen.
    let request = family.office.file("proof.psbt");
    family
        .office
        .json(&["setup", "proof", "family", "-o", path(&request)]);
    let unsigned = family
        .office
        .run(&["setup", "proof", "family", path(&request)]);
    assert_eq!(unsigned.code(), Some(1), "{unsigned:?}");
    let psbt = fs::read(&request).unwrap();
    let psbt = quorate_core::psbt::to_base64(&quorate_core::psbt::read(&psbt).unwrap().psbt);
    let private = family.carols_key.private_descriptor(&descriptor);
    let signed = family.office.file("proof.signed.psbt");
    fs::write(&signed, family.node.sign_psbt(&psbt, &[private])).unwrap();
    let proven = family
        .office
        .json(&["setup", "proof", "family", path(&signed)]);
    assert_eq!(proven["proven"], json!(["carol"]), "{proven}");
    assert_eq!(proven["vault"]["stage"], "attested", "{proven}");
    exchange(&family);
    for (_, home) in homes(&family) {
        let view = home.json(&["vault", "show", "family"]);
        assert_eq!(view["stage"], "attested", "{view}");
        let cosigners = view["standing"].as_array().unwrap();
        assert!(
            cosigners
                .iter()
                .all(|one| one["attested"]["by"] == "cosigner"),
            "{view}"
        );
    }

    family.deposit("100000000");
    let view = family.office.json(&["vault", "show", "family"]);
    assert_eq!(view["stage"], "active", "{view}");
    for (_, home) in homes(&family) {
        home.json(&["sync"]);
    }
    let to = format!("{}=0.3btc", family.stranger());
    let proposal = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&proposal["id"]);
    for who in ["bob", "carol"] {
        let signed = family.sign(who, &family.export(id, who));
        family.office.json(&["proposal", "import", path(&signed)]);
    }
    family.office.json(&["proposal", "broadcast", id]);
    family.node.mine(1);
    family.office.json(&["sync"]);
    assert_eq!(family.status(id), "confirmed");

    let view = family
        .office
        .json(&["vault", "retire", "family", "--note", "moved on"]);
    assert_eq!(view["stage"], "retired", "{view}");
    assert!(refused_address(&family.office).contains("retired"));
    let view = family.office.json(&["journal", "verify", "family"]);
    assert_eq!(view["faults"], json!([]), "{view}");
}

#[test]
fn a_vault_from_invitations_to_a_confirmed_spend() {
    whole_ceremony("none");
}

#[test]
fn the_same_with_everything_sealed_for_each() {
    whole_ceremony("extended");
}

/// T01: whoever carries the files puts a key of his own in carol's place.
#[test]
fn t01_a_key_exchanged_on_the_way_is_caught_by_the_cosigner_and_no_address_is_given() {
    let family = Family::new();
    new_setup(&family, "2-of-3", "none");
    let (alice, bob) = (
        join(&family, &family.alice, "alice"),
        join(&family, &family.bob, "bob"),
    );
    join_with_device(&family, &family.carols_key);
    let mallory = family.office.file("mallory.txt");
    fs::write(&mallory, quorate_testkit::fixtures::mallory().text()).unwrap();
    family
        .office
        .json(&["setup", "add", "family", &alice, &bob]);
    family.office.json(&[
        "setup",
        "add",
        "family",
        path(&mallory),
        "--cosigner",
        "carol",
    ]);
    let vault = family.office.json(&["setup", "finish", "family"]);
    let output = family
        .carol
        .run(&["setup", "accept", &record(&family, "carol")]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("your key is not in this descriptor"),
        "{output:?}"
    );
    assert_eq!(family.carol.json(&["vault", "list"])["vaults"], json!([]));
    // Alice and bob can't see it by themselves; the words differ from what carol would hold, and
    // without her nothing is handed out, in no home.
    for (name, home) in [("alice", &family.alice), ("bob", &family.bob)] {
        home.json(&["setup", "accept", &record(&family, name)]);
        home.json(&["setup", "attest", "family"]);
        assert!(refused_address(home).contains("carol"));
    }
    assert!(refused_address(&family.office).contains("carol"));
    let view = family.office.json(&["vault", "show", "family"]);
    assert_eq!(
        (&view["stage"], &view["id"]),
        (&json!("review"), &vault["id"])
    );
    let forced = family.office.json(&["address", "new", "family", "--force"]);
    assert_eq!(forced["index"], 0);
}

/// T02: each of twelve changes to the record is refused with a sentence of its own.
#[test]
fn t02_twelve_changes_to_the_record_have_twelve_refusals() {
    let family = Family::new();
    new_setup(&family, "2-of-3", "standard");
    collect(&family);
    let vault = family.office.json(&["setup", "finish", "family"]);
    let honest = text(&family.office.json(&["setup", "record", "family"])["text"]).to_owned();
    let lines: Vec<&str> = honest.lines().collect();
    let token = fs::read_to_string(invitation(&family, "alice")).unwrap();
    let token = token
        .lines()
        .find_map(|line| line.strip_prefix("token "))
        .unwrap();
    let token: Token = token.parse().unwrap();
    assert_eq!(
        open(
            &token,
            &fs::read_to_string(record(&family, "alice")).unwrap()
        )
        .unwrap(),
        honest.trim_end()
    );

    let key = |who: &str| {
        let cosigners = vault["cosigners"].as_array().unwrap().iter();
        let mut cosigners = cosigners.filter(|one| one["name"] == who);
        text(&cosigners.next().unwrap()["key"]).to_owned()
    };
    let (alice, carol) = (key("alice"), key("carol"));
    let mallory = quorate_testkit::fixtures::mallory().text();
    // As the thief would: the first address fits what he wrote.
    let again = |descriptor: String| {
        let multipath = descriptor.replace("/**", "/<0;1>/*");
        let info = family.node.rpc("getdescriptorinfo", json!([multipath]));
        let with_checksum = format!("{multipath}#{}", text(&info["checksum"]));
        let first = family
            .node
            .rpc("deriveaddresses", json!([with_checksum, [0, 0]]));
        format!(
            "BSMS 1.0\n{descriptor}\n/0/*,/1/*\n{}\n",
            text(&first[0][0])
        )
    };
    let template = lines[1];
    let fingerprint = alice[1..9].to_owned();
    let changes: Vec<(&str, String)> = vec![
        (
            "our key substituted",
            again(template.replace(&alice, &mallory)),
        ),
        (
            "our fingerprint changed",
            again(template.replace(&fingerprint, "deadbeef")),
        ),
        (
            "a key inserted",
            again(template.replace("))", &format!(",{mallory}/**))"))),
        ),
        (
            "a key left out",
            again(template.replace(&format!(",{carol}/**"), "")),
        ),
        (
            "one signature suffices",
            again(template.replace("sortedmulti(2", "sortedmulti(1")),
        ),
        (
            "not sorted",
            again(template.replace("sortedmulti", "multi")),
        ),
        ("nested", again(format!("sh({template})"))),
        ("other branches", honest.replace("/0/*,/1/*", "/2/*,/3/*")),
        (
            "another first address",
            honest.replace(lines[3], &family.stranger()),
        ),
        (
            "a damaged checksum",
            honest.replace(
                template,
                &format!("{}#qqqqqqqq", template.replace("/**", "/<0;1>/*")),
            ),
        ),
        ("a newer version", honest.replace("BSMS 1.0", "BSMS 3.0")),
        ("another network", honest.replace("tpub", "xpub")),
        ("a line more", format!("{honest}and more\n")),
    ];
    let mut refusals = BTreeSet::new();
    for (what, changed) in &changes {
        assert_ne!(*changed, honest, "{what}");
        for file in [changed.clone(), seal(&token, changed)] {
            let name = family.alice.file("changed.bsms");
            fs::write(&name, file).unwrap();
            let output = family.alice.run(&["setup", "accept", path(&name)]);
            assert!(matches!(output.code(), Some(1 | 2)), "{what}: {output:?}");
            refusals.insert(output.stderr);
        }
    }
    assert_eq!(refusals.len(), changes.len(), "{refusals:#?}");
    // Sealed with another token, or changed after it was sealed.
    let mut sealed = fs::read_to_string(record(&family, "alice")).unwrap();
    sealed.replace_range(100..101, if &sealed[100..101] == "0" { "1" } else { "0" });
    let name = family.alice.file("changed.dat");
    fs::write(&name, sealed).unwrap();
    let output = family.alice.run(&["setup", "accept", path(&name)]);
    assert!(output.stderr.contains("changed on the way"), "{output:?}");
    assert_eq!(family.alice.json(&["vault", "list"])["vaults"], json!([]));
    // The honest one is still welcome afterwards.
    let accepted = family
        .alice
        .json(&["setup", "accept", &record(&family, "alice")]);
    assert_eq!(accepted["vault"]["id"], vault["id"]);
}

/// Removed in the middle of it: what was signed for the old invitation doesn't count any more.
#[test]
fn who_was_removed_cannot_submit() {
    for encryption in ["none", "extended"] {
        let family = Family::new();
        new_setup(&family, "2-of-3", encryption);
        let (alice, bob) = (
            join(&family, &family.alice, "alice"),
            join(&family, &family.bob, "bob"),
        );
        family
            .office
            .json(&["setup", "add", "family", &alice, &bob]);
        let view = family.office.json(&["setup", "remove", "family", "bob"]);
        assert_eq!(view["cosigners"][1]["key"], Value::Null, "{view}");
        for args in [vec![bob.as_str()], vec![bob.as_str(), "--cosigner", "bob"]] {
            let output = family
                .office
                .run(&[vec!["setup", "add", "family"], args].concat());
            assert_eq!(output.code(), Some(1), "{output:?}");
            assert!(output.stderr.contains("taken back"), "{output:?}");
        }
        // Nor with the same key for a new invitation: whoever removed bob meant the key as well.
        family.office.json(&[
            "setup",
            "invite",
            "family",
            "--folder",
            "invitations",
            "--force",
        ]);
        let again = join(&family, &family.bob, "bob");
        let output = family.office.run(&["setup", "add", "family", &again]);
        assert!(output.stderr.contains("taken back"), "{output:?}");
        // Somebody else takes the place.
        family.carol.json(&["signer", "new", "bob"]);
        let other = join(&family, &family.carol, "bob");
        let view = family.office.json(&["setup", "add", "family", &other]);
        assert_eq!(view["files"][0]["outcome"], "taken", "{view}");
        // A key of another setup's invitation isn't taken by accident.
        let open = family.office.run(&["setup", "finish", "family"]);
        assert!(
            open.stderr.contains("the key of carol is missing"),
            "{open:?}"
        );
    }
}
