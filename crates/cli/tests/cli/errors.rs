//! Bad input gets a sentence with what, where and the remedy; the right exit code; and nothing is
//! changed.

use crate::people::{
    create_family, fund, nobody, outside, person, person_with_chain, text, watcher,
};
use quorate_testkit::Home;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

/// The command fails so, and tells the remedy.
#[track_caller]
fn fails(home: &Home, args: &[&str], code: i32, word: &str, part: &str) -> Value {
    let (found, error) = home.fail(args);
    let told = format!("{} {}", error["message"], error["hint"]);
    assert_eq!((found, text(&error["code"])), (code, word), "{told}");
    assert!(told.contains(part), "`{part}` is not in {told}");
    // For people it is the same, without JSON.
    let plain = home.run(args);
    assert_eq!(
        (plain.code(), plain.stdout.as_str()),
        (Some(code), ""),
        "{plain:?}"
    );
    assert!(
        plain
            .stderr
            .contains(&format!("error: {}\n", text(&error["message"]))),
        "{plain:?}"
    );
    if let Some(hint) = error["hint"].as_str() {
        assert!(
            plain.stderr.ends_with(&format!("hint: {hint}\n")),
            "{plain:?}"
        );
    }
    error
}

#[test]
fn usage_errors_are_errors_like_all_others() {
    let home = person();
    fails(&home, &["blance", "family"], 2, "usage", "balance");
    fails(&home, &["balance"], 2, "usage", "<VAULT>");
    fails(&home, &["balance", "family", "--jsn"], 2, "usage", "--json");
    fails(
        &home,
        &["init", "--network", "regtst"],
        2,
        "usage",
        "regtest",
    );
    fails(
        &home,
        &["proposal", "create", "f", "--feerate", "1"],
        2,
        "usage",
        "--to",
    );
    fails(&home, &["simulated", "mine", "many"], 2, "usage", "BLOCKS");
    // A noun alone lists its verbs.
    let alone = home.run(&["vault"]);
    assert_eq!((alone.code(), alone.stdout.as_str()), (Some(2), ""));
    assert!(alone.stderr.contains("  import  "), "{alone:?}");
    assert_eq!(home.fail(&["vault"]).0, 2);
    // Escape sequences in what was typed don't reach the terminal.
    let typed = home.run(&["vault", "\x1b[2J"]);
    assert!(!typed.stderr.contains('\x1b'), "{typed:?}");
}

#[test]
fn near_names_are_suggested() {
    let home = watcher();
    fails(
        &home,
        &["balance", "famly"],
        2,
        "unknown_vault",
        "did you mean `family`?",
    );
    fails(
        &home,
        &["vault", "show", "x"],
        2,
        "unknown_vault",
        "quorate vault list",
    );
    fails(
        &home,
        &["policy", "show", "2of3"],
        2,
        "unknown_policy",
        "`2-of-3`",
    );
    fund(&home, "1btc");
    let to = format!("{}=0.1btc", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&proposal["id"]);
    let export = ["proposal", "export", id, "--for", "alise"];
    fails(
        &home,
        &export,
        2,
        "unknown_cosigner",
        "did you mean `alice`?",
    );
    fails(
        &home,
        &["proposal", "export", id, "--for", "x"],
        2,
        "unknown_cosigner",
        "alice, bob, carol",
    );
    fails(
        &home,
        &["proposal", "show", "zzzz"],
        2,
        "unknown_proposal",
        "quorate proposal list",
    );
    let wrong: String = id[..12].chars().rev().collect();
    fails(
        &home,
        &["proposal", "show", &format!("{}{wrong}", &id[..11])],
        2,
        "unknown_proposal",
        "did you mean",
    );
    // The beginning of an id is enough, where it is the only one.
    assert_eq!(
        home.json(&["proposal", "show", &id[..4]])["id"],
        proposal["id"]
    );
}

#[test]
fn a_vault_needs_good_keys_a_good_name_and_a_good_policy() {
    let home = person();
    let key = |name: &str| quorate_testkit::fixtures::TestKey::named(name);
    let (alice, bob) = (key("alice").argument(), key("bob").argument());
    let create = |name: &str, policy: &str, keys: &[&str]| {
        let mut args = vec!["vault", "create", name, "--policy", policy];
        keys.iter().for_each(|key| args.extend(["--key", *key]));
        home.fail(&args)
    };
    let same = format!("carol={}", key("alice").text());
    let (code, error) = create("family", "2-of-3", &[&alice, &bob, &same]);
    assert_eq!((code, text(&error["code"])), (2, "bad_vault"), "{error}");
    let (code, error) = create("family", "2-of-3", &[&alice, &bob]);
    assert_eq!(code, 2, "{error}");
    let (_, error) = create("family", "2-of-3", &[&alice, &bob, "tpub123"]);
    assert_eq!(text(&error["code"]), "bad_key");
    let (_, error) = create(
        "family",
        "2-of-3",
        &[&alice, &bob, "carol=[00000000/48h]tpub123"],
    );
    assert!(text(&error["message"]).contains("carol"), "{error}");
    let carol = key("carol").argument();
    let (_, error) = create("a/b", "2-of-3", &[&alice, &bob, &carol]);
    assert_eq!(text(&error["code"]), "bad_name");
    fs::write(
        home.file("ours.toml"),
        "name = \"ours\"\nscirpt = \"wsh\"\n",
    )
    .unwrap();
    let (code, error) = create("family", "ours.toml", &[&alice, &bob, &carol]);
    assert_eq!((code, text(&error["code"])), (2, "bad_policy"));
    for part in ["ours.toml", "line 2", "`script`"] {
        assert!(text(&error["message"]).contains(part), "{error}");
    }
    fails(
        &home,
        &["policy", "check", "no.toml"],
        2,
        "unreadable_file",
        "no such file",
    );
    assert_eq!(
        home.json(&["vault", "list"])["vaults"],
        serde_json::json!([])
    );
    create_family(&home);
    let (code, error) = create("family", "2-of-3", &[&alice, &bob, &carol]);
    assert_eq!((code, text(&error["code"])), (1, "vault_exists"), "{error}");
}

#[test]
fn descriptors_from_elsewhere_are_checked() {
    let home = watcher();
    let descriptor = text(&home.json(&["vault", "show", "family"])["descriptor"]).to_owned();
    let other = person();
    let import = |content: &[u8]| {
        fs::write(other.file("in.txt"), content).unwrap();
        other.fail(&["vault", "import", "family", "in.txt"])
    };
    let wrong = descriptor.replace("#", "#q");
    let (code, error) = import(wrong.as_bytes());
    assert_eq!(code, 2, "{error}");
    assert!(text(&error["message"]).starts_with("in.txt: "), "{error}");
    assert_eq!(import(b"").0, 2);
    assert_eq!(text(&import(&[0xff, 0xfe]).1["code"]), "not_text");
    assert_eq!(text(&import(&[b'x'; 1 << 21]).1["code"]), "file_too_large");
    fs::write(other.file("in.txt"), &descriptor).unwrap();
    let born = |day: &str| other.fail(&["vault", "import", "family", "in.txt", "--birthday", day]);
    assert_eq!(text(&born("last spring").1["code"]), "bad_date");
    assert_eq!(born("2025-02-30").0, 2);
    let (code, _) = other.fail(&[
        "vault",
        "import",
        "family",
        "in.txt",
        "--cosigners",
        "alice,bob",
    ]);
    assert_eq!(code, 2);
    let cosigners = "alice,bob,carol";
    other.json(&[
        "vault",
        "import",
        "family",
        "in.txt",
        "--cosigners",
        cosigners,
        "--birthday",
        "2025-01-31",
    ]);
    let (code, error) = other.fail(&["vault", "export", "family", "--format", "wallet.dat"]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_format"));
    assert!(
        text(&error["message"]).contains("no format that is written"),
        "{error}"
    );
}

#[test]
fn spends_are_refused_for_a_reason() {
    let home = watcher();
    let create = |to: &str, more: &[&str]| {
        let mut args = vec!["proposal", "create", "family", "--to", to, "--feerate", "2"];
        args.extend(more);
        let (code, error) = home.fail(&args);
        (
            code,
            text(&error["code"]).to_owned(),
            format!("{} {}", error["message"], error["hint"]),
        )
    };
    let to = |amount: &str| format!("{}={amount}", outside());
    let refused = |to: &str, more: &[&str], code: i32, word: &str, part: &str| {
        let (found, found_word, told) = create(to, more);
        assert_eq!((found, found_word.as_str()), (code, word), "{told}");
        assert!(told.contains(part), "`{part}` is not in {told}");
    };
    refused(&to("0.5btc"), &[], 1, "not_synced", "quorate sync");
    fund(&home, "1btc");
    refused(&to("2btc"), &[], 1, "not_enough", "200000000");
    refused(&to("100sat"), &[], 1, "dust", "at least");
    refused(&to("20000"), &[], 2, "bad_amount", "0.5btc or 20000sat");
    refused(&to("0.000000001btc"), &[], 2, "bad_amount", "8 decimals");
    refused(outside(), &[], 2, "bad_recipient", "ADDRESS=AMOUNT");
    let mainnet = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq=1btc";
    refused(
        mainnet,
        &[],
        2,
        "wrong_network",
        "one of bitcoin, this home is for regtest",
    );
    refused(
        &to("1btc").replace("t080", "t081"),
        &[],
        2,
        "bad_address",
        "checksum",
    );
    refused(&to("1000sat"), &[], 1, "absurd_fee", "--allow-high-fee");
    refused(
        &to("0.5btc"),
        &["--coin", "beef:0"],
        1,
        "no_such_coin",
        "quorate coin list family",
    );
    refused(
        &to("0.5btc"),
        &["--coin", "beef"],
        2,
        "bad_coin",
        "TXID:OUTPUT",
    );
    refused(&to("0.5btc"), &["--path", "2"], 2, "no_such_path", "path 2");
    refused(&to("0.5btc"), &["--memo", "a\nb"], 2, "bad_memo", "memo");
    for feerate in ["fast", "-1", "0", "1.0001"] {
        let args = [
            "proposal",
            "create",
            "family",
            "--to",
            &to("1btc"),
            "--feerate",
            feerate,
        ];
        fails(&home, &args, 2, "bad_feerate", "1.5");
    }
    assert_eq!(
        home.json(&["proposal", "list"])["proposals"],
        serde_json::json!([])
    );
    // The unusual is possible when it is meant.
    let coin = home.json(&["coin", "list", "family"])["coins"][0].clone();
    let short = text(&coin["outpoint"])[..12].to_owned() + ":0";
    let meant = [
        "proposal",
        "create",
        "family",
        "--to",
        &to("1000sat"),
        "--feerate",
        "2",
        "--allow-high-fee",
        "--coin",
        &short,
    ];
    assert_eq!(home.json(&meant)["inputs"][0]["outpoint"], coin["outpoint"]);
    refused(
        &to("0.5btc"),
        &["--coin", &short],
        1,
        "reserved",
        "quorate proposal abandon",
    );
}

#[test]
fn a_chain_source_that_does_not_answer_is_its_own_kind_of_failure() {
    let home = person();
    fails(&home, &["sync"], 2, "no_chain_source", "QUORATE_NODE");
    fails(
        &home,
        &["sync", "--node", "ftp://x"],
        2,
        "bad_chain_source",
        "http://",
    );
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    create_family(&home);
    let node = format!("http://user:hunter2@127.0.0.1:{port}");
    let error = fails(
        &home,
        &["sync", "family", "--node", &node],
        3,
        "unreachable",
        "try again",
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
    fails(
        &home,
        &["simulated", "mine", "1", "--node", &node],
        2,
        "not_simulated",
        "--node simulated",
    );
    let main = nobody();
    main.json(&["init", "--network", "bitcoin"]);
    fails(
        &main,
        &["sync", "--node", "simulated"],
        1,
        "wrong_network",
        "this home is for bitcoin",
    );
    // A name that doesn't exist is told before the chain source is asked.
    fails(
        &home,
        &["sync", "famly", "--node", &node],
        2,
        "unknown_vault",
        "family",
    );
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let home = nobody();
    fails(&home, &["vault", "list"], 4, "no_home", "quorate init");
    fails(&home, &["sync"], 4, "no_home", "quorate init");
    fs::create_dir_all(home.path()).unwrap();
    fs::write(
        home.path().join("quorate.db"),
        "not a database at all, but long enough to look".repeat(50),
    )
    .unwrap();
    fails(&home, &["vault", "list"], 4, "not_a_database", "--home");
    let ours = person();
    fails(
        &ours,
        &["init", "--network", "regtest"],
        1,
        "already_initialised",
        "--home",
    );
    // Neither HOME nor anything else says where the folder is.
    let lost = ours
        .command(&["vault", "list", "--json"])
        .env_remove("QUORATE_HOME")
        .env_remove("HOME")
        .output();
    let lost = lost.unwrap();
    assert_eq!(lost.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&lost.stderr).contains("--home"),
        "{lost:?}"
    );
}

#[test]
fn the_simulated_chain_says_no_too() {
    let home = person_with_chain();
    fails(&home, &["simulated", "reorg", "5"], 2, "too_deep", "5");
    fails(
        &home,
        &["simulated", "fund", outside(), "20000btc"],
        1,
        "faucet_dry",
        "less",
    );
    fails(
        &home,
        &["simulated", "fund", "bcrt1qnonsense", "1btc"],
        2,
        "bad_address",
        "too short",
    );
}
