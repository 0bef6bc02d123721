//! Every way to spend, through the program: files of payments, links, goals, frozen coins, many coins,
//! recovery paths, higher fees.

use crate::people::{fund, number, outside, person_with_chain, text, watcher};
use quorate_testkit::{Home, fixtures};
use serde_json::{Value, json};
use std::fs;

const OTHER: &str = "bcrt1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqvg32hk";

fn create(home: &Home, arguments: &[&str]) -> Value {
    let mut all = vec!["proposal", "create", "family"];
    all.extend(arguments);
    home.json(&all)
}

fn refused(home: &Home, arguments: &[&str]) -> (i32, String) {
    let mut all = vec!["proposal", "create", "family"];
    all.extend(arguments);
    let (code, error) = home.fail(&all);
    (
        code,
        format!("{}: {}", text(&error["code"]), text(&error["message"])),
    )
}

fn paid(view: &Value) -> Vec<(String, u64)> {
    let mut paid: Vec<(String, u64)> = view["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|to| {
            let address = to["address"].as_str().unwrap_or("-").to_owned();
            (address, number(&to["amount_sat"]))
        })
        .collect();
    paid.sort();
    paid
}

fn proposals(home: &Home) -> usize {
    home.json(&["proposal", "list", "family"])["proposals"]
        .as_array()
        .unwrap()
        .len()
}

/// The coins' short names, with their labels and values.
fn coins(home: &Home) -> Vec<Value> {
    let view = home.json(&["coin", "list", "family"]);
    view["coins"].as_array().unwrap().clone()
}

#[test]
fn payments_come_out_of_files() {
    let home = watcher();
    fund(&home, "1btc");
    let (a, b) = (outside(), OTHER);
    for (name, content) in [
        ("plain.csv", format!("{a},20000sat\n{b},0.001btc,Bakery\n")),
        (
            "names.csv",
            format!("\u{feff}Label;Amount_sat;Address\r\n;20000;{a}\r\n\"Bakery\";100000;{b}\r\n\r\n"),
        ),
        (
            "list.json",
            json!([{"address": a, "amount": "20000sat"}, {"address": b, "amount_sat": 100_000, "label": "Bakery"}])
                .to_string(),
        ),
    ] {
        fs::write(home.file(name), content).unwrap();
        let view = create(&home, &["--batch", name, "--feerate", "1"]);
        let mut expected = vec![(a.to_owned(), 20_000), (b.to_owned(), 100_000)];
        expected.sort();
        assert_eq!(paid(&view), expected, "{name}");
        let labels = home.json(&["label", "list", "family"]);
        assert!(
            labels["labels"].as_array().unwrap().iter().any(|label| label["ref"] == b
                && label["label"] == "Bakery"),
            "{labels}"
        );
        home.json(&["proposal", "abandon", text(&view["id"])]);
    }
    let before = proposals(&home);
    let list = |text: &str| text.replace("{a}", a).replace("{b}", b);
    for (name, content, words) in [
        (
            "amount.csv",
            "{a},20000sat\n{b},0.1\n",
            "line 2: `0.1` is not an amount",
        ),
        (
            "address.csv",
            "address,amount\n{a},1btc\nbcrt1qxyz,1btc\n",
            "line 3: `bcrt1qxyz` is not an address",
        ),
        (
            "network.csv",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq,1btc\n",
            "line 1: `bc1qar0",
        ),
        (
            "column.csv",
            "address,amount,iban\n{a},1btc,DE\n",
            "a column `iban` isn't known",
        ),
        ("long.csv", "{a},1btc,x,y\n", "line 1: it has 4 fields"),
        (
            "both.json",
            r#"[{"address":"{a}","amount":"1btc","amount_sat":5}]"#,
            "payment 1: it must say either",
        ),
        (
            "field.json",
            r#"[{"address":"{a}","amout":"1btc"}]"#,
            "payment 1: unknown field",
        ),
        ("zero.csv", "{a},0sat\n", "line 1: `0sat` is not an amount"),
        (
            "sat.csv",
            "address,amount_sat\n{a},1e3\n",
            "line 2: `1e3` is no number",
        ),
        ("empty.csv", "address,amount\n", "there is no payment in it"),
        ("none.json", "[]", "there is no payment in it"),
        ("broken.json", "[{", "it isn't JSON"),
        (
            "label.csv",
            "{a},1btc,\"x\u{1b}[2Jy\"\n",
            "line 1: the label",
        ),
        ("dust.csv", "{a},100sat\n", "dust"),
    ] {
        fs::write(home.file(name), list(content)).unwrap();
        let (_, said) = refused(&home, &["--batch", name, "--feerate", "1"]);
        assert!(said.contains(words), "{name}: {said}");
        assert!(!said.contains('\u{1b}'));
        assert_eq!(proposals(&home), before, "{name}");
    }
    let (code, said) = refused(&home, &["--batch", "nowhere.csv", "--feerate", "1"]);
    assert!(
        code == 2 && said.contains("nowhere.csv: it can't be read"),
        "{said}"
    );
}

#[test]
fn links_are_paid_and_odd_ones_refused() {
    let home = watcher();
    fund(&home, "1btc");
    let link = format!(
        "bitcoin:{}?amount=0.2&label=Baker%20%26%20Sons&message=May",
        outside()
    );
    let view = create(&home, &["--to", &link, "--feerate", "1"]);
    assert_eq!(paid(&view), [(outside().to_owned(), 20_000_000)]);
    let labels = home.run(&["label", "list", "family"]).stdout;
    assert!(labels.contains("Baker & Sons"), "{labels}");
    for (link, words) in [
        (format!("bitcoin:{}", outside()), "it names no amount"),
        (
            format!("bitcoin:{}?amount=1&req-x=1", outside()),
            "asks for `req-x`",
        ),
        (
            "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=1".to_owned(),
            "no address of the network regtest",
        ),
        (
            format!("bitcoin:{}?amount=1,5", outside()),
            "isn't a number",
        ),
    ] {
        let (code, said) = refused(&home, &["--to", &link, "--feerate", "1"]);
        assert!(code == 2 && said.contains(words), "{said}");
    }
}

#[test]
fn fees_come_out_of_payments_when_asked() {
    let home = watcher();
    fund(&home, "1btc");
    let (a, b) = (format!("{}=0.1btc", outside()), format!("{OTHER}=0.2btc"));
    let to = ["--to", &a, "--to", &b, "--feerate", "3"];
    let shared = create(&home, &[&to[..], &["--subtract-fee-from", "all"]].concat());
    let fee = number(&shared["fee_sat"]);
    let sums: u64 = paid(&shared).iter().map(|(_, sat)| sat).sum();
    assert_eq!(sums, 30_000_000 - fee);
    home.json(&["proposal", "abandon", text(&shared["id"])]);
    let one = create(
        &home,
        &[&to[..], &["--subtract-fee-from", outside()]].concat(),
    );
    let fee = number(&one["fee_sat"]);
    let mut expected = vec![
        (outside().to_owned(), 10_000_000 - fee),
        (OTHER.to_owned(), 20_000_000),
    ];
    expected.sort();
    assert_eq!(paid(&one), expected);
    let (code, said) = refused(
        &home,
        &["--to", &a, "--feerate", "1", "--subtract-fee-from", OTHER],
    );
    assert!(code == 2 && said.contains("isn't paid"), "{said}");
}

#[test]
fn goals_labels_and_frozen_coins_decide_what_is_spent() {
    let home = watcher();
    for (label, amount) in [
        ("salary May", "0.4btc"),
        ("salary June", "0.3btc"),
        ("rent", "0.5btc"),
        ("rent", "0.1btc"),
    ] {
        let address = home.json(&["address", "new", "family", "--label", label]);
        home.json(&["simulated", "fund", text(&address["address"]), amount]);
    }
    home.json(&["sync"]);
    let labels = |view: &Value| -> Vec<String> {
        let spent: Vec<&str> = view["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| text(&input["outpoint"]))
            .collect();
        let all = coins(&home);
        let mut labels: Vec<String> = all
            .iter()
            .filter(|coin| spent.contains(&text(&coin["outpoint"])))
            .map(|coin| text(&coin["label"]).to_owned())
            .collect();
        labels.sort();
        labels
    };
    let to = |amount: &str| format!("{}={amount}", outside());
    // One label alone has enough.
    let private = create(
        &home,
        &[
            "--to",
            &to("0.55btc"),
            "--feerate",
            "1",
            "--goal",
            "privacy",
        ],
    );
    assert_eq!(labels(&private), ["rent", "rent"]);
    home.json(&["proposal", "abandon", text(&private["id"])]);
    let (_, said) = refused(
        &home,
        &["--to", &to("0.9btc"), "--feerate", "1", "--goal", "privacy"],
    );
    assert!(
        said.contains("no coins that belong together already are enough"),
        "{said}"
    );
    let mixed = create(&home, &["--to", &to("0.9btc"), "--feerate", "1"]);
    home.json(&["proposal", "abandon", text(&mixed["id"])]);
    // Labels that are to be avoided.
    let avoided = create(
        &home,
        &[
            "--to",
            &to("0.2btc"),
            "--feerate",
            "1",
            "--avoid",
            "RENT",
            "--goal",
            "fewest",
        ],
    );
    assert_eq!(labels(&avoided), ["salary May"]);
    home.json(&["proposal", "abandon", text(&avoided["id"])]);
    let (code, error) = home.fail(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to("0.8btc"),
        "--feerate",
        "1",
        "--avoid",
        "rent",
    ]);
    assert_eq!(code, 1);
    assert!(
        text(&error["hint"]).contains("60000000 sat more are in coins with a label"),
        "{error}"
    );
    // The oldest coin is the first that was paid.
    let oldest = create(
        &home,
        &["--to", &to("0.2btc"), "--feerate", "1", "--goal", "oldest"],
    );
    assert_eq!(labels(&oldest), ["salary May"]);
    home.json(&["proposal", "abandon", text(&oldest["id"])]);
    // Frozen: never chosen, refused when named, free again.
    let may = coins(&home)
        .into_iter()
        .find(|coin| coin["label"] == "salary May")
        .unwrap();
    let outpoint = text(&may["outpoint"]).to_owned();
    let short = format!(
        "{}:{}",
        &outpoint[..12],
        outpoint.split_once(':').unwrap().1
    );
    let frozen = home.json(&[
        "coin",
        "freeze",
        "family",
        &short,
        "--note",
        "until the audit",
    ]);
    assert!(text(&frozen["coins"][0]["frozen"]).contains("frozen by hand"));
    assert_eq!(frozen["coins"][0]["label"], "until the audit");
    let (code, said) = refused(
        &home,
        &["--to", &to("0.1btc"), "--feerate", "1", "--coin", &outpoint],
    );
    assert!(code == 1 && said.contains("is frozen"), "{said}");
    let (_, error) = home.fail(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to("1.1btc"),
        "--feerate",
        "1",
    ]);
    assert!(
        text(&error["hint"]).contains("40000000 sat more are frozen"),
        "{error}"
    );
    let exported = home.run(&["label", "export", "family"]).stdout;
    assert!(
        exported.contains(&format!("\"ref\":\"{outpoint}\",\"spendable\":false")),
        "{exported}"
    );
    home.json(&["coin", "unfreeze", "family", &outpoint]);
    let all = create(&home, &["--to", &to("1.25btc"), "--feerate", "1"]);
    assert_eq!(all["inputs"].as_array().unwrap().len(), 4);
    // Held by a proposal: which one is said.
    let (_, said) = refused(
        &home,
        &["--to", &to("0.1btc"), "--feerate", "1", "--coin", &outpoint],
    );
    assert!(
        said.contains(&format!(
            "is reserved by proposal {}",
            &text(&all["id"])[..12]
        )),
        "{said}"
    );
    let (_, error) = home.fail(&[
        "coin",
        "freeze",
        "family",
        &format!("{}:9", "00".repeat(32)),
    ]);
    assert_eq!(error["code"], "no_such_coin");
}

#[test]
fn data_and_version_3_are_said_and_shown() {
    let home = watcher();
    fund(&home, "1btc");
    let to = format!("{}=0.1btc", outside());
    let view = create(
        &home,
        &[
            "--to",
            &to,
            "--feerate",
            "2",
            "--data",
            "report 2026",
            "--truc",
        ],
    );
    let shown = home.run(&["proposal", "review", text(&view["id"])]).stdout;
    // Nobody is paid by data, so it is no first payment.
    assert_eq!(shown.matches("first payment").count(), 1, "{shown}");
    assert!(
        shown.contains("tells everybody, for ever: \"report 2026\""),
        "{shown}"
    );
    // An edit keeps both.
    let revised = home.json(&["proposal", "revise", text(&view["id"]), "--feerate", "5"]);
    let shown = home
        .run(&["proposal", "review", text(&revised["id"])])
        .stdout;
    assert!(shown.contains("report 2026"), "{shown}");
    home.json(&["proposal", "abandon", text(&revised["id"])]);
    let bytes = create(
        &home,
        &["--feerate", "2", "--data-hex", "00ff", "--allow-high-fee"],
    );
    assert_eq!(paid(&bytes), [("-".to_owned(), 0)]);
    home.json(&["proposal", "abandon", text(&bytes["id"])]);
    for (arguments, words) in [
        (["--data", &"x".repeat(81)], "81 bytes of data"),
        (["--data-hex", "0"], "pairs of hexadecimal"),
        (["--data-hex", "zz"], "pairs of hexadecimal"),
        (["--data-hex", "+1"], "pairs of hexadecimal"),
    ] {
        let (_, said) = refused(
            &home,
            &[&["--to", &to, "--feerate", "2"][..], &arguments].concat(),
        );
        assert!(said.contains(words), "{said}");
    }
    let (_, said) = refused(&home, &["--to", &to, "--feerate", "0.5"]);
    assert!(said.contains("0.5 sat/vB is below the 1 sat/vB"), "{said}");
    let (_, said) = refused(&home, &["--to", &to, "--fee-target", "6"]);
    assert!(said.contains("can't say yet"), "{said}");
    let (code, _) = refused(&home, &["--to", &to, "--fee-target", "0"]);
    assert_eq!(code, 2);
}

#[test]
fn many_coins_are_joined_and_swept_in_as_many_proposals_as_it_takes() {
    let home = watcher();
    for _ in 0..9 {
        let address = home.json(&["address", "new", "family"]);
        home.json(&["simulated", "fund", text(&address["address"]), "100000sat"]);
    }
    let address = home.json(&["address", "new", "family"]);
    home.json(&["simulated", "fund", text(&address["address"]), "1btc"]);
    home.json(&["sync"]);
    let joined = home.json(&[
        "proposal",
        "consolidate",
        "family",
        "--feerate",
        "1",
        "--most",
        "6",
    ]);
    // Nine are small enough.
    assert_eq!(joined["more"], true);
    let joined = joined["proposals"].as_array().unwrap();
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0]["inputs"].as_array().unwrap().len(), 6);
    assert_eq!(joined[0]["recipients"], json!([]));
    assert_eq!(
        number(&joined[0]["change"][0]["amount_sat"]) + number(&joined[0]["fee_sat"]),
        600_000
    );
    home.json(&["proposal", "abandon", text(&joined[0]["id"])]);
    // What costs more than it brings stays.
    let (_, error) = home.fail(&["proposal", "consolidate", "family", "--feerate", "999"]);
    assert!(
        text(&error["message"]).contains("fewer than two free, confirmed coins"),
        "{error}"
    );
    let swept = home.json(&[
        "proposal",
        "sweep",
        "family",
        "--to",
        outside(),
        "--feerate",
        "1",
        "--most",
        "4",
    ]);
    assert_eq!(swept["more"], false);
    let swept = swept["proposals"].as_array().unwrap();
    let counts: Vec<usize> = swept
        .iter()
        .map(|one| one["inputs"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [4, 4, 2]);
    let out: u64 = swept.iter().flat_map(paid).map(|(_, sat)| sat).sum();
    let fees: u64 = swept.iter().map(|one| number(&one["fee_sat"])).sum();
    assert_eq!(out + fees, 100_900_000);
    let (_, error) = home.fail(&[
        "proposal",
        "sweep",
        "family",
        "--to",
        outside(),
        "--feerate",
        "1",
    ]);
    assert_eq!(error["code"], "nothing_to_do");
}

#[test]
fn recovery_paths_are_told_before_they_open_and_coins_moved() {
    let home = person_with_chain();
    let keys = fixtures::cosigners(3)
        .iter()
        .map(fixtures::TestKey::argument)
        .collect::<Vec<_>>();
    fs::write(
        home.file("short.toml"),
        fs::read_to_string("../../policies/2-of-3-recovery.toml")
            .unwrap()
            .lines()
            .map(|line| {
                if line.trim_start().starts_with("after_blocks") {
                    "after_blocks = 1000".to_owned()
                } else {
                    line.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("\n"),
    )
    .unwrap();
    home.json(&[
        "vault",
        "create",
        "family",
        "--policy",
        "short.toml",
        "--key",
        &keys[0],
        "--key",
        &keys[1],
        "--key",
        &keys[2],
    ]);
    fund(&home, "1btc");
    let first = home.json(&["vault", "recovery", "family"]);
    let height = number(&first["height"]);
    assert_eq!(first["paths"][0]["coins"], 1);
    assert_eq!(first["paths"][1]["coins"], 0);
    assert_eq!(number(&first["paths"][1]["next_height"]), height + 1000);
    assert_eq!(first["alert"], Value::Null);
    let (_, error) = home.fail(&[
        "proposal",
        "refresh",
        "family",
        "--within",
        "100",
        "--feerate",
        "1",
    ]);
    assert!(
        text(&error["message"])
            .contains("for no free coin a recovery path opens within 100 blocks"),
        "{error}"
    );
    home.json(&["simulated", "mine", "920"]);
    fund(&home, "0.5btc");
    let view = home.json(&["vault", "recovery", "family"]);
    let tip = number(&view["height"]);
    assert!(
        text(&view["alert"]).contains(&format!(
            "opens for the oldest coin in {} blocks",
            height + 1000 - tip - 1
        )),
        "{view}"
    );
    assert_eq!(home.json(&["balance", "family"])["alert"], view["alert"]);
    assert!(
        home.run(&["vault", "show", "family"])
            .stdout
            .contains("alert: a recovery path opens")
    );
    assert!(
        home.run(&["sync"])
            .stdout
            .contains("proposal refresh family")
    );
    let moved = home.json(&[
        "proposal",
        "refresh",
        "family",
        "--within",
        "100",
        "--feerate",
        "1",
    ]);
    let moved = &moved["proposals"][0];
    assert_eq!(moved["inputs"].as_array().unwrap().len(), 1);
    assert_eq!(moved["inputs"][0]["value_sat"], 100_000_000);
    assert_eq!(moved["recipients"], json!([]));
    home.json(&["proposal", "abandon", text(&moved["id"])]);
    // Open now, for the old coin alone; the chain agrees in the story of recovery.
    home.json(&["simulated", "mine", "100"]);
    home.json(&["sync"]);
    let view = home.json(&["vault", "recovery", "family"]);
    assert_eq!(view["paths"][1]["coins"], 1);
    assert_eq!(view["paths"][1]["amount_sat"], 100_000_000);
    assert!(text(&view["alert"]).contains("is open for the oldest coin"));
    let shown = home.run(&["vault", "recovery", "family"]).stdout;
    assert!(
        shown.contains("as of block") && shown.contains("more from"),
        "{shown}"
    );
    // A plain vault has no such path.
    let plain = watcher();
    fund(&plain, "1btc");
    let (_, error) = plain.fail(&["proposal", "refresh", "family", "--feerate", "1"]);
    assert_eq!(error["code"], "no_recovery");
}

#[test]
fn addresses_are_verified_and_odd_ones_told() {
    let home = watcher();
    let new = home.json(&["address", "new", "family", "--label", "rent"]);
    let address = text(&new["address"]).to_owned();
    let yes = home.json(&["address", "verify", "family", &address]);
    assert_eq!(
        (&yes["index"], &yes["handed_out"], &yes["used"]),
        (&json!(0), &json!(true), &json!(false))
    );
    assert_eq!(yes["label"], "rent");
    home.json(&["simulated", "fund", &address, "1btc"]);
    home.json(&["simulated", "fund", &address, "1btc"]);
    home.json(&["sync"]);
    let used = home.run(&["address", "verify", "family", &address]).stdout;
    assert!(used.contains("it was paid before"), "{used}");
    let listed = home.run(&["coin", "list", "family"]).stdout;
    assert!(listed.contains("address reused"), "{listed}");
    assert!(coins(&home).iter().all(|coin| coin["reused"] == true));
    let (code, error) = home.fail(&["address", "verify", "family", outside()]);
    assert_eq!((code, text(&error["code"])), (1, "not_ours"));
    // Far away, found by deriving.
    let vault = home.json(&["vault", "show", "family"]);
    let change = text(&vault["first_change"]);
    let change = home.json(&["address", "verify", "family", change]);
    assert_eq!(change["keychain"], "change");
    // Many unpaid ones in a row: other wallets wouldn't look that far.
    for _ in 0..20 {
        home.json(&["address", "new", "family"]);
    }
    let far = home.json(&["address", "new", "family"]);
    assert!(
        text(&far["findings"][0]).contains("20 addresses before this one are unpaid"),
        "{far}"
    );
}
