//! Bad input gets a sentence with what, where and the remedy, the documented exit code, and changes
//! nothing.

use super::family::{Family, path, text};
use quorate_testkit::{Home, Node, fixtures};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

fn home() -> Home {
    let home = Home::new();
    home.json(&["init", "--network", "regtest"]);
    home
}

fn with_vault() -> Home {
    let home = home();
    let keys: Vec<String> = fixtures::cosigners(3)
        .iter()
        .map(fixtures::TestKey::argument)
        .collect();
    let mut args = vec!["vault", "create", "family", "--policy", "2-of-3"];
    for key in &keys {
        args.extend(["--key", key]);
    }
    home.json(&args);
    home
}

#[track_caller]
fn refused(home: &Home, args: &[&str], code: i32, words: &[&str]) {
    let (found, error) = home.fail(args);
    let message = format!(
        "{} {}",
        text(&error["message"]),
        error["hint"].as_str().unwrap_or_default()
    );
    assert_eq!(found, code, "{args:?}: {message}");
    for word in words {
        assert!(
            message.contains(word),
            "{args:?}: `{word}` isn't in: {message}"
        );
    }
    assert!(
        !message.contains('\n') && !message.contains("Error("),
        "{message}"
    );
}

#[test]
fn databases_that_cannot_be_used() {
    let list = &["vault", "list"][..];
    refused(&Home::new(), list, 4, &["quorate init"]);
    let database = |home: &Home| home.path().join("quorate.db");

    let unreadable = home();
    fs::write(
        database(&unreadable),
        "this is no database, but it is long enough to be read as one".repeat(99),
    )
    .unwrap();
    refused(&unreadable, list, 4, &["quorate.db", "not a database"]);

    let foreign = Home::new();
    fs::create_dir_all(foreign.path()).unwrap();
    let conn = rusqlite::Connection::open(database(&foreign)).unwrap();
    conn.execute_batch("CREATE TABLE recipes (name TEXT)")
        .unwrap();
    drop(conn);
    let before = fs::read(database(&foreign)).unwrap();
    refused(&foreign, list, 4, &["another program"]);
    refused(
        &foreign,
        &["init", "--network", "regtest"],
        4,
        &["another program"],
    );
    assert_eq!(fs::read(database(&foreign)).unwrap(), before);

    let newer = home();
    let conn = rusqlite::Connection::open(database(&newer)).unwrap();
    conn.pragma_update(None, "user_version", 999).unwrap();
    drop(conn);
    refused(&newer, list, 4, &["999", "upgrade"]);
}

#[test]
fn a_full_disk_and_a_read_only_home() {
    // A file system of 1 MiB of its own.
    let mount = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(mount.path())
        .status();
    if !done.is_ok_and(|status| status.success()) {
        return again_in_a_namespace_where_mounting_is_allowed();
    }
    let unmount = |lazy: &str| {
        std::process::Command::new("umount")
            .arg(lazy)
            .arg(mount.path())
            .status()
            .unwrap()
    };
    let home = Home::new();
    let folder = mount.path().join("home");
    let at = path(&folder).to_owned();
    let full = |args: &[&str]| {
        let mut args = args.to_vec();
        args.extend(["--home", at.as_str()]);
        home.fail(&args)
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        home.json(&["init", "--network", "regtest", "--home", &at]);
        let free = fs::read(folder.join("quorate.db")).unwrap().len();
        assert!(free > 0);
        // Fill what is left.
        let mut filler = fs::File::create(mount.path().join("filler")).unwrap();
        let block = [1u8; 4096];
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
        let keys: Vec<String> = fixtures::cosigners(3)
            .iter()
            .map(fixtures::TestKey::argument)
            .collect();
        let mut args = vec!["vault", "create", "family", "--policy", "2-of-3"];
        for key in &keys {
            args.extend(["--key", key]);
        }
        let (code, error) = full(&args);
        assert_eq!((code, &error["code"]), (4, &json!("disk_full")), "{error}");
        drop(filler);
        fs::remove_file(mount.path().join("filler")).unwrap();
        let vaults = home.json(&["vault", "list", "--home", &at]);
        assert_eq!(vaults["vaults"], json!([]));
        assert_eq!(
            home.json(&["journal", "verify", "--home", &at])["faults"],
            json!([])
        );
        // Read-only, even for root.
        let remount = |how: &str| {
            let options = format!("remount,bind,{how}");
            std::process::Command::new("mount")
                .args(["-o", &options])
                .arg(mount.path())
                .status()
                .unwrap()
        };
        assert!(remount("ro").success());
        let (code, error) = full(&["vault", "list"]);
        assert_eq!(code, 4, "{error}");
        assert!(text(&error["message"]).contains("writ"), "{error}");
        assert!(remount("rw").success());
    }));
    unmount("-l");
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Only root may mount, but anybody may be root of a namespace of his own.
fn again_in_a_namespace_where_mounting_is_allowed() {
    const AGAIN: &str = "IN_A_NAMESPACE_OF_ITS_OWN";
    let may_not = "a small tmpfs can't be mounted: run the tests as root, or allow user namespaces";
    assert!(std::env::var_os(AGAIN).is_none(), "{may_not}");
    let status = std::process::Command::new("unshare")
        .args(["--user", "--mount", "--map-root-user"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "real_node::bad_input::a_full_disk_and_a_read_only_home",
        ])
        .env(AGAIN, "1")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{may_not}");
}

#[test]
fn chain_sources_that_cannot_be_used() {
    let home = with_vault();
    refused(
        &home,
        &["sync", "--node", "http://a:b@127.0.0.1:1"],
        3,
        &["127.0.0.1:1"],
    );
    refused(&home, &["sync"], 2, &["--node"]);
    refused(&home, &["sync", "--node", "127.0.0.1"], 2, &["127.0.0.1"]);
    refused(
        &home,
        &["sync", "--node", "electrum://127.0.0.1"],
        2,
        &["50001"],
    );
    refused(
        &home,
        &[
            "sync",
            "--node",
            "electrums://127.0.0.1:1?cert=/nowhere.pem",
        ],
        2,
        &["/nowhere.pem is not there"],
    );
    let node = Node::start();
    let wrong = node.url_userpass().replacen("http://", "http://x", 1);
    refused(
        &home,
        &["sync", "--node", &wrong],
        3,
        &["user name, password"],
    );
    let other = Home::new();
    other.json(&["init", "--network", "signet"]);
    refused(
        &other,
        &["sync", "--node", &node.url_cookie()],
        1,
        &["regtest", "signet"],
    );
    // Nobody's secrets are shown.
    let (_, error) = home.fail(&["sync", "--node", "http://alice:s3cr3t@127.0.0.1:1"]);
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn a_node_that_is_still_downloading_is_not_believed() {
    // A signet node without a single peer has nothing but the first block, and knows it.
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut node = std::process::Command::new(Node::program())
        .args([
            "-signet",
            "-server",
            "-listen=0",
            "-connect=0",
            "-dnsseed=0",
        ])
        .arg("-printtoconsole=0")
        .arg(format!("-datadir={}", folder.path().display()))
        .arg(format!("-rpcport={port}"))
        .spawn()
        .unwrap();
    let home = Home::new();
    home.json(&["init", "--network", "signet"]);
    let cookie = folder.path().join("signet/.cookie");
    let source = format!("cookie:{}@127.0.0.1:{port}", cookie.display());
    let end = Instant::now() + Duration::from_secs(60);
    let error = loop {
        let (code, error) = home.fail(&["sync", "--node", &source]);
        let starting = error["code"] != "still_syncing" && Instant::now() < end;
        if !starting {
            break (code, error);
        }
        thread::sleep(Duration::from_millis(50));
    };
    node.kill().unwrap();
    node.wait().unwrap();
    assert_eq!((error.0, &error.1["code"]), (3, &json!("still_syncing")));
    assert!(
        text(&error.1["message"]).contains("downloading"),
        "{error:?}"
    );
}

#[test]
fn a_pruned_node_says_from_where_on_it_has_blocks() {
    let node = Node::start_with(&["-prune=1", "-fastprune"]);
    node.mine(600);
    let pruned = node.rpc("pruneblockchain", json!([300]));
    assert!(pruned.as_u64().unwrap() > 0, "{pruned}");
    let source = with_vault();
    let descriptor = source.json(&["vault", "show", "family"])["descriptor"].clone();
    let home = home();
    let file = home.file("family.txt");
    fs::write(&file, text(&descriptor)).unwrap();
    home.json(&["vault", "import", "family", path(&file), "--birthday", "0"]);
    refused(
        &home,
        &["sync", "--node", &node.url_cookie()],
        1,
        &["pruned"],
    );
}

#[test]
fn t34_files_that_are_no_signed_request_of_this_proposal() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("50000000");
    let to = format!("{}=0.1btc", family.stranger());
    let first = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    family.deposit("50000000");
    let second = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let request = family.export(text(&first["id"]), "alice");
    let good = family.sign("alice", &request);
    let good_bytes = fs::read(&good).unwrap();

    let import = |name: &str, bytes: &[u8], code: i32, words: &[&str]| {
        let file = office.file(name);
        fs::write(&file, bytes).unwrap();
        let output = office.run(&["proposal", "import", path(&file), "--json"]);
        assert_eq!(output.code(), Some(code), "{output:?}");
        let said = output.stdout + &output.stderr;
        for word in words.iter().chain(&[name]) {
            assert!(said.contains(word), "{name}: `{word}` isn't in {said}");
        }
    };
    import(
        "unsigned.psbt",
        &fs::read(&request).unwrap(),
        1,
        &["no signature"],
    );
    import(
        "truncated.psbt",
        &good_bytes[..good_bytes.len() / 2],
        1,
        &["cut off"],
    );
    import("junk.psbt", &vec![0xa5; 3_000_000], 1, &["isn't a PSBT"]);
    import("long.psbt", &vec![b'c'; 6_000_000], 2, &["larger"]);
    import("empty.psbt", b"", 1, &["empty"]);

    // A signed file of another vault, and of another proposal with outputs exchanged.
    let stranger = Family::with_vault("2-of-3");
    stranger.deposit("50000000");
    let theirs = stranger.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let foreign = stranger.sign("alice", &stranger.export(text(&theirs["id"]), "alice"));
    import(
        "foreign.psbt",
        &fs::read(foreign).unwrap(),
        1,
        &["no proposal of this home"],
    );

    // Another proposal of the same vault that spends the same coin, made in another home.
    family.alice.json(&["sync"]);
    let coin = text(&first["inputs"][0]["outpoint"]).to_owned();
    let other = family.alice.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "9",
        "--coin",
        &coin,
    ]);
    let request = family.alice.file("other.psbt");
    let id = text(&other["id"]).to_owned();
    family
        .alice
        .json(&["proposal", "export", &id, "-o", path(&request)]);
    let signed = family.sign("alice", &request);
    let words = [
        "spends coins of proposal",
        text(&first["id"]).get(..12).unwrap(),
    ];
    import("other.psbt", &fs::read(signed).unwrap(), 1, &words);

    // The good one among bad ones is taken, and the bad ones are named.
    let junk = office.file("junk.psbt");
    let good = office.file("good.psbt");
    fs::write(&good, &good_bytes).unwrap();
    let output = office.run(&["proposal", "import", path(&junk), path(&good), "--json"]);
    assert_eq!(output.code(), Some(1));
    let view: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        (&view["accepted"], &view["proposal"]),
        (&json!(1), &first["id"])
    );
    assert_eq!(family.status(text(&second["id"])), "collecting");
    refused(
        office,
        &["proposal", "show", "ffffffffffff"],
        2,
        &["no proposal"],
    );
    refused(office, &["vault", "show", "famly"], 2, &["family"]);
}

#[test]
fn spends_that_make_no_sense() {
    let family = Family::with_vault("2-of-3");
    let office = &family.office;
    family.deposit("50000000");
    let to = family.stranger();
    let create = |more: &[&str], code: i32, words: &[&str]| {
        let mut args = vec!["proposal", "create", "family"];
        args.extend(more);
        refused(office, &args, code, words);
    };
    let pay = |amount: &str| format!("{to}={amount}");
    create(
        &["--to", &pay("1btc"), "--feerate", "2"],
        1,
        &["50000000 sat available", "100000000 sat to send"],
    );
    create(&["--to", &pay("300sat"), "--feerate", "2"], 1, &["dust"]);
    create(
        &["--to", &pay("1000sat"), "--feerate", "2"],
        1,
        &["10 %", "--allow-high-fee"],
    );
    create(
        &["--to", &pay("0.1btc"), "--feerate", "5000"],
        1,
        &["1000 sat/vB"],
    );
    create(&["--to", &pay("0.1"), "--feerate", "2"], 2, &["btc"]);
    create(
        &["--to", &pay("0.123456789btc"), "--feerate", "2"],
        2,
        &["8"],
    );
    create(
        &[
            "--to",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq=0.1btc",
            "--feerate",
            "2",
        ],
        2,
        &["bitcoin", "regtest"],
    );
    create(
        &["--to", "nonsense=0.1btc", "--feerate", "2"],
        2,
        &["nonsense"],
    );
    create(&["--to", &pay("0.1btc"), "--feerate", "-1"], 2, &["fee"]);
    create(
        &["--to", &pay("0.1btc"), "--feerate", "2", "--path", "2"],
        2,
        &["path 2"],
    );
    assert_eq!(
        office.json(&["proposal", "list", "family"])["proposals"],
        json!([])
    );
    assert_eq!(office.json(&["balance", "family"])["reserved_sat"], 0);
}

#[test]
fn policy_files_with_mistakes() {
    let home = home();
    let keys: Vec<String> = fixtures::cosigners(3)
        .iter()
        .map(fixtures::TestKey::argument)
        .collect();
    let create = |policy: &str, words: &[&str]| {
        fs::write(home.file("policy.toml"), policy).unwrap();
        let mut args = vec!["vault", "create", "family", "--policy", "policy.toml"];
        for key in &keys {
            args.extend(["--key", key]);
        }
        refused(&home, &args, 2, words);
    };
    let good = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../policies/2-of-3.toml"
    ))
    .unwrap();
    create(
        &good.replace("threshold", "treshold"),
        &["policy.toml", "treshold", "threshold"],
    );
    create(
        &good.replace("threshold = 2", "threshold = 4"),
        &["policy.toml"],
    );
    create("name = ", &["policy.toml", "line 1"]);
    create("", &["policy.toml"]);
    refused(
        &home,
        &[
            "vault", "create", "family", "--policy", "2-off-3", "--key", &keys[0],
        ],
        2,
        &["2-of-3"],
    );
    assert_eq!(home.json(&["vault", "list"])["vaults"], json!([]));
}

#[test]
fn files_of_the_home_belong_to_their_owner_alone() {
    let home = with_vault().with_passphrase("a passphrase for a test");
    home.json(&["signer", "new", "alice"]);
    let mut folders = vec![home.path()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                assert_eq!(mode(&entry), 0o600, "{}", entry.display());
                files += 1;
            }
        }
    }
    assert!(files >= 3, "the database and two files of the key");
}
