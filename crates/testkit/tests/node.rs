//! The testkit's own promises, on a real node.

mod real_node {
    use bitcoin::absolute::LockTime;
    use bitcoin::base64::Engine as _;
    use bitcoin::base64::engine::general_purpose::STANDARD;
    use bitcoin::transaction::Version;
    use bitcoin::{
        Address, Amount, Network, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
        Txid, Witness,
    };
    use quorate_testkit::{Node, fixtures};
    use serde_json::{Value, json};
    use std::net::TcpStream;
    use std::path::PathBuf;
    use std::process::Command;
    use std::str::FromStr;
    use std::sync::mpsc;
    use std::thread;

    /// An address of nobody.
    fn address(text: &[u8]) -> Address {
        Address::p2wsh(&ScriptBuf::from_bytes(text.to_vec()), Network::Regtest)
    }

    fn confirmations(node: &Node, coin: OutPoint) -> Value {
        let OutPoint { txid, vout } = coin;
        node.rpc("gettxout", json!([txid, vout, true]))["confirmations"].take()
    }

    fn runs(process: u32) -> bool {
        let mut kill = Command::new("kill");
        kill.args(["-0", &process.to_string()]);
        kill.output().expect("kill can be started").status.success()
    }

    #[test]
    fn mines_and_funds() {
        let node = Node::start();
        assert_eq!(node.chain_tip().height, 0);
        let mined = node.mine(3);
        assert_eq!(node.chain_tip().height, 3);
        assert_eq!(node.chain_tip().hash, mined[2]);

        // More than one subsidy, then many in one mempool.
        let big = node.fund(&address(b"big"), Amount::from_int_btc(120));
        let small: Vec<OutPoint> = (1..=40)
            .map(|i| node.fund(&address(b"small").to_string(), Amount::from_sat(i * 1_000)))
            .collect();
        let mut waiting: Vec<Txid> = small.iter().chain([&big]).map(|coin| coin.txid).collect();
        waiting.sort();
        assert_eq!(node.mempool(), waiting);
        let OutPoint { txid, vout } = small[6];
        let coin = node.rpc("gettxout", json!([txid, vout]));
        assert_eq!(coin["value"], 0.000_07);
        assert_eq!(
            coin["scriptPubKey"]["address"],
            address(b"small").to_string()
        );

        node.mine(1);
        assert_eq!(node.mempool(), []);
        assert_eq!(confirmations(&node, big), 1);
        node.mine_to(&address(b"miner"), 1);
        assert_eq!(confirmations(&node, big), 2);
    }

    #[test]
    fn reorganises() {
        let node = Node::start();
        let coin = node.fund(&address(b"deposit"), Amount::from_sat(50_000));
        let old = node.mine(2);
        let height = node.chain_tip().height;

        let new = node.reorg(2);
        assert_eq!(node.chain_tip().height, height + 1);
        assert_eq!(new.len(), 3);
        assert!(new.iter().all(|hash| !old.contains(hash)));
        assert_eq!(confirmations(&node, coin), 3, "mined again");

        node.reorg_empty(3);
        assert_eq!(node.chain_tip().height, height + 2);
        assert_eq!(confirmations(&node, coin), 0, "unconfirmed again");

        node.mine(1);
        let tip = node.chain_tip();
        let lowest = node.invalidate(1);
        assert_eq!(lowest, tip.hash);
        assert_eq!(node.chain_tip().height, tip.height - 1);
        assert_eq!(node.mempool(), [coin.txid]);
        node.reconsider(lowest);
        assert_eq!(node.chain_tip(), tip);
        assert_eq!(confirmations(&node, coin), 1);
    }

    #[test]
    fn mines_what_contradicts_the_mempool() {
        let node = Node::start();
        let first = node.pay(vec![TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: address(b"first").script_pubkey(),
        }]);
        let mut second = first.clone();
        second.output[0].script_pubkey = address(b"second").script_pubkey();
        node.mine_block(std::slice::from_ref(&second));
        assert_eq!(node.mempool(), []);
        let coin = OutPoint::new(second.compute_txid(), 0);
        assert_eq!(confirmations(&node, coin), 1);
        // The coins that `first` would have made are gone, and others are found.
        node.fund(&address(b"third"), Amount::from_sat(10_000));
    }

    #[test]
    fn ends_with_the_value() {
        let node = Node::start();
        let (folder, process) = (node.folder().to_owned(), node.process_id());
        let process = process.expect("it runs");
        let port = node.rpc_address();
        assert!(folder.is_dir() && runs(process));
        drop(node);
        assert!(!folder.exists());
        assert!(!runs(process));
        assert!(TcpStream::connect(port).is_err());
    }

    #[test]
    fn a_failing_test_keeps_the_folder() {
        let (sender, receiver) = mpsc::channel::<(PathBuf, Option<u32>)>();
        let failing = thread::spawn(move || {
            let node = Node::start();
            let kept = (node.folder().to_owned(), node.process_id());
            sender.send(kept).expect("the test waits");
            node.rpc("getblockhash", json!([1]));
        });
        let (folder, process) = receiver.recv().expect("a node that starts");
        let words = failing.join().expect_err("there is no block 1");
        let words = words.downcast_ref::<String>().expect("a sentence");
        assert!(
            words.contains("Block height out of range (code -8)"),
            "{words}"
        );
        assert!(folder.join("regtest/debug.log").is_file());
        assert!(!runs(process.expect("it ran")));
        std::fs::remove_dir_all(folder).expect("the kept folder");
    }

    #[test]
    fn two_nodes_run_at_once_and_agree_when_connected() {
        let (quiet, listening) = (Node::start(), Node::start_listening(&[]));
        assert_eq!(quiet.p2p_address(), None);
        assert_ne!(quiet.rpc_address(), listening.rpc_address());
        quiet.mine(2);
        listening.mine(5);
        assert_ne!(quiet.chain_tip(), listening.chain_tip());
        quiet.connect_to(&listening);
        assert_eq!(quiet.chain_tip().height, 5);
    }

    #[test]
    fn stops_and_starts_again_with_its_chain() {
        let mut node = Node::start_with(&["-txindex"]);
        node.mine(2);
        let (tip, port) = (node.chain_tip(), node.rpc_address());
        node.stop();
        assert_eq!(node.process_id(), None);
        assert!(TcpStream::connect(port).is_err());
        node.start_again();
        assert_eq!((node.chain_tip(), node.rpc_address()), (tip, port));
        assert!(node.rpc("getindexinfo", json!([]))["txindex"].is_object());
    }

    #[test]
    fn lets_in_by_password_and_by_cookie() {
        let node = Node::start();
        let password = node.url_userpass();
        let password = password.strip_prefix("http://").expect("a scheme");
        let (password, address) = password.split_once('@').expect("credentials");
        assert_eq!(address, node.rpc_address().to_string());
        let cookie = node.url_cookie();
        let cookie = cookie.strip_prefix("cookie:").expect("a scheme");
        let (cookie, address) = cookie.split_once('@').expect("a path");
        assert_eq!(address, node.rpc_address().to_string());
        let cookie = std::fs::read_to_string(cookie).expect("a cookie");
        let status = |credentials: &str| {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .proxy(None);
            let request = ureq::Agent::from(config.build())
                .post(format!("http://{address}/"))
                .header(
                    "Authorization",
                    format!("Basic {}", STANDARD.encode(credentials)),
                );
            let answer = request.send(r#"{"method": "uptime"}"#).expect("an answer");
            answer.status().as_u16()
        };
        assert_eq!(status(password), 200);
        assert_eq!(status(&cookie), 200);
        assert_eq!(status("quorate:wrong"), 401);
    }

    #[test]
    fn stands_still_in_time() {
        let node = Node::start();
        node.set_time(1_900_000_000);
        let hash = node.mine(1)[0];
        let header = node.rpc("getblockheader", json!([hash]));
        assert_eq!(header["time"], 1_900_000_000);
    }

    #[test]
    fn signs_like_a_cosigner() {
        let node = Node::start();
        let keys = fixtures::cosigners(3);
        let texts: Vec<String> = keys.iter().map(fixtures::TestKey::text).collect();
        let descriptor = format!("wsh(sortedmulti(2,{}/<0;1>/*))", texts.join("/<0;1>/*,"));
        let receive = descriptor.replace("<0;1>", "0");
        let checked = node.rpc("getdescriptorinfo", json!([receive]));
        let derived = node.rpc("deriveaddresses", json!([checked["descriptor"], [7, 7]]));
        let coin = node.fund(
            derived[0].as_str().expect("an address"),
            Amount::from_sat(100_000),
        );
        let unsigned = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: coin,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(99_000),
                script_pubkey: address(b"payee").script_pubkey(),
            }],
        };
        let psbt = Psbt::from_unsigned_tx(unsigned).expect("no signatures yet");
        let once = node.sign_psbt(
            &psbt.to_string(),
            &[keys[2].private_descriptor(&descriptor)],
        );
        let twice = node.sign_psbt(&once, &[keys[0].private_descriptor(&descriptor)]);
        for (signed, signatures) in [(&once, 1), (&twice, 2)] {
            let input = &Psbt::from_str(signed).expect("a PSBT").inputs[0];
            assert_eq!(input.partial_sigs.len(), signatures);
            assert_eq!(input.final_script_witness, None);
        }
        let done = node.rpc("finalizepsbt", json!([twice]));
        assert_eq!(done["complete"], true);
        node.rpc("sendrawtransaction", json!([done["hex"]]));
        assert_eq!(node.mempool().len(), 2);
    }
}
