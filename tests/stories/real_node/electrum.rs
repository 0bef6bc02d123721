//! The main job over a real Electrum server, held at each step against a home that follows the
//! node itself.

use super::family::{Family, path, text};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Address, Amount, Network, ScriptBuf};
use quorate_testkit::{ElectrumServer, Home, Node};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

struct Watched {
    family: Family,
    server: ElectrumServer,
}

impl Watched {
    /// The office follows an Electrum server, everybody else its node.
    fn new() -> Self {
        let node = Node::start_with(&ElectrumServer::NODE_ARGS);
        let mut family = Family::on(node).and_vault("2-of-3");
        let server = ElectrumServer::start(&family.node);
        family.office.set("QUORATE_NODE", &server.url());
        Self { family, server }
    }

    /// Syncs the office and a home that follows the node: both must say the same.
    fn sync(&mut self) -> Value {
        self.server.follow(&self.family.node);
        let synced = self.family.office.json(&["sync", "family"]);
        self.family.carol.json(&["sync", "family"]);
        self.same();
        synced
    }

    fn same(&self) {
        let [ours, theirs] = [&self.family.office, &self.family.carol].map(|home| {
            let balance = home.json(&["balance", "family"]);
            let sums = ["confirmed_sat", "pending_sat", "height"].map(|key| balance[key].clone());
            let coins = home.json(&["coin", "list", "family"])["coins"].clone();
            let mut coins: Vec<Value> = coins
                .as_array()
                .unwrap()
                .iter()
                .map(|coin| json!([coin["outpoint"], coin["value_sat"], coin["height"]]))
                .collect();
            coins.sort_by_key(Value::to_string);
            (sums, coins)
        });
        assert_eq!(ours, theirs);
    }

    /// A payment into the vault that waits, and that the server has seen.
    fn pay(&mut self, sat: u64) -> ScriptBuf {
        let address = self.family.office.json(&["address", "new", "family"]);
        let address = text(&address["address"]).to_owned();
        let coin = self.family.node.fund(&address, Amount::from_sat(sat));
        let script = script(&address);
        self.server.follow(&self.family.node);
        self.server.until_waiting(&script, coin.txid);
        script
    }

    fn confirmed(&self) -> u64 {
        let balance = self.family.office.json(&["balance", "family"]);
        balance["confirmed_sat"].as_u64().unwrap()
    }
}

fn script(address: &str) -> ScriptBuf {
    let address: Address<_> = address.parse().unwrap();
    address
        .require_network(Network::Regtest)
        .unwrap()
        .script_pubkey()
}

#[test]
fn the_main_job_over_electrum() {
    let mut all = Watched::new();
    all.pay(100_000_000);
    all.sync();
    assert_eq!(all.confirmed(), 0, "it waits");
    all.family.node.mine(1);
    let own = all.pay(30_000_000);
    all.family.node.mine(1);
    let synced = all.sync();
    assert_eq!(synced["transactions"], 1);
    assert_eq!(all.confirmed(), 130_000_000);
    let synced = all.sync();
    assert_eq!(
        (&synced["blocks"], &synced["transactions"]),
        (&json!(0), &json!(0))
    );

    let office = &all.family.office;
    let to = format!("{}=1.1btc", all.family.stranger());
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
    let files = ["alice", "carol"].map(|who| all.family.sign(who, &all.family.export(&id, who)));
    let imported = office.json(&["proposal", "import", path(&files[0]), path(&files[1])]);
    assert_eq!(imported["status"], "ready", "{imported}");
    let sent = office.json(&["proposal", "broadcast", &id]);
    assert_eq!(sent["status"], "broadcast");
    let mempool = all.family.node.mempool();
    assert_eq!(mempool.len(), 1);
    assert_eq!(mempool[0].to_string(), text(&sent["txid"]));
    let again = office.json(&["proposal", "broadcast", &id]);
    assert_eq!(again["status"], "broadcast");
    assert_eq!(all.family.node.mempool(), mempool);
    all.server.until_waiting(&own, mempool[0]);
    all.sync();
    assert_eq!(all.family.status(&id), "broadcast");

    all.family.node.mine(1);
    all.sync();
    assert_eq!(all.family.status(&id), "confirmed");
    let fee = created["fee_sat"].as_u64().unwrap();
    assert_eq!(all.confirmed(), 20_000_000 - fee);

    // A reorg takes it back; the server sees it wait again.
    all.family.node.reorg_empty(1);
    all.server.follow(&all.family.node);
    all.server.until_waiting(&own, mempool[0]);
    let synced = all.sync();
    assert_eq!(synced["reorganized"], 1);
    assert_eq!(all.family.status(&id), "broadcast");
    all.family.node.mine(1);
    all.sync();
    assert_eq!(all.family.status(&id), "confirmed");

    // The office turns to the node itself, and back.
    let url = all.family.node.url_cookie();
    for (source, sat) in [(url, 5_000), (all.server.url(), 6_000)] {
        all.family.office.set("QUORATE_NODE", &source);
        all.pay(sat);
        all.sync();
        all.family.node.mine(1);
        all.sync();
    }
    assert_eq!(all.confirmed(), 20_000_000 - fee + 11_000);
    let verified = all.family.office.json(&["journal", "verify", "family"]);
    assert_eq!(verified["projection_matches"], true);
}

#[test]
fn a_refusal_and_an_absence_over_electrum_are_sentences() {
    let mut all = Watched::new();
    all.pay(100_000_000);
    all.family.node.mine(1);
    all.sync();
    // Somebody else spends the coin while the office isn't looking.
    let office = &all.family.office;
    let to = format!("{}=0.9btc", all.family.stranger());
    let sent = [(&all.family.carol, "3"), (office, "4")].map(|(home, rate)| {
        let created = home.json(&[
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            rate,
        ]);
        let id = text(&created["id"]).to_owned();
        let request = home.file("request.psbt");
        home.json(&["proposal", "export", &id, "-o", path(&request)]);
        let files = ["alice", "carol"].map(|who| {
            let signed = all.family.sign(who, &request);
            let copy = home.file(&format!("{who}.back.psbt"));
            std::fs::copy(&signed, &copy).unwrap();
            copy
        });
        home.json(&["proposal", "import", path(&files[0]), path(&files[1])]);
        id
    });
    all.family.carol.json(&["proposal", "broadcast", &sent[0]]);
    all.family.node.mine(1);
    all.server.follow(&all.family.node);
    let (code, error) = all.family.office.fail(&["proposal", "broadcast", &sent[1]]);
    assert_eq!(code, 1, "{error}");
    let message = text(&error["message"]).to_owned();
    assert!(
        message.starts_with("Electrum server at 127.0.0.1:"),
        "{message}"
    );
    assert!(
        message.contains("refuses the transaction: bad-txns-inputs"),
        "{message}"
    );

    let url = all.server.url();
    drop(all.server);
    let (code, error) = all.family.office.fail(&["sync", "family"]);
    let message = text(&error["message"]).to_owned();
    let place = url.trim_start_matches("electrum://");
    assert_eq!(code, 3, "{error}");
    assert!(
        message.contains(&format!("Electrum server at {place} can't be reached")),
        "{message}"
    );
}

/// A server of the main network, as far as anybody asks before noticing.
fn server_of_the_main_network() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("electrum://{}", listener.local_addr().unwrap());
    let genesis = bitcoin::constants::genesis_block(Network::Bitcoin).header;
    let genesis = serialize_hex(&genesis);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut answers = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let call: Value = serde_json::from_str(&line).unwrap();
                let result = match call["method"].as_str().unwrap() {
                    "server.version" => json!(["Main 1", "1.4"]),
                    "blockchain.block.header" => json!(genesis),
                    "blockchain.headers.subscribe" => json!({"height": 0, "hex": genesis}),
                    other => panic!("nobody asks {other} of another network"),
                };
                let answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
                writeln!(answers, "{answer}").unwrap();
            }
        }
    });
    url
}

#[test]
fn t05_a_server_of_another_network_is_refused() {
    let url = server_of_the_main_network();
    let home = Home::new().with_node(&url);
    home.json(&["init", "--network", "regtest"]);
    let (code, error) = home.fail(&["sync"]);
    let message = text(&error["message"]).to_owned();
    assert_eq!(code, 1, "{error}");
    let words = "the chain source is on bitcoin, this home is for regtest";
    assert!(message.contains(words), "{message}");
}
