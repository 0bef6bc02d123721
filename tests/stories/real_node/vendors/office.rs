//! One vault of the matrix: its home, its coins, its proposals.

use super::super::family::{path, text};
use super::makes::{self, Cosigner};
use super::scripts::{Origin, Script};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf, TxOut};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{admit, finalize, read};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_testkit::{Home, Node};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const VAULT: &str = "vault";
/// What each coin is worth.
pub(crate) const COIN: u64 = 100_000;
/// Each proposal spends so many.
pub(crate) const COINS: usize = 2;
/// Addresses that the coins are spread over.
const ADDRESSES: u32 = 4;

#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) script: &'static Script,
    pub(crate) cosigners: Vec<Cosigner>,
    pub(crate) home: Home,
    pub(crate) descriptor: String,
    vault: Vault,
    coins: Vec<OutPoint>,
}

impl Office {
    /// The vault made, and coins for `proposals` paid to it.
    pub(crate) fn open(node: &Node, script: &'static Script, proposals: usize) -> Self {
        let names = (1..=script.cosigners).map(|number| format!("cosigner-{number}"));
        let cosigners: Vec<Cosigner> = names.map(|name| Cosigner::named(&name)).collect();
        let home = makes::home(node, &cosigners);
        let created = create(&home, script, &cosigners);
        let descriptor = text(&created["descriptor"]).to_owned();
        let names: Vec<String> = cosigners.iter().map(|one| one.name().to_owned()).collect();
        let vault = Vault::from_descriptor(Network::Regtest, &descriptor, Some(&names)).unwrap();
        let addresses: Vec<ScriptBuf> = (0..ADDRESSES)
            .map(|index| {
                let given = home.json(&["address", "new", VAULT]);
                let ours = vault.derive(Keychain::Receive, index).unwrap();
                let address = ours.address(Network::Regtest).to_string();
                assert_eq!(given["address"], address);
                ours.script_pubkey
            })
            .collect();
        let outputs: Vec<TxOut> = addresses
            .iter()
            .cycle()
            .take(proposals * COINS)
            .map(|script_pubkey| TxOut {
                value: Amount::from_sat(COIN),
                script_pubkey: script_pubkey.clone(),
            })
            .collect();
        let count = u32::try_from(outputs.len()).unwrap();
        let txid = node.pay(outputs).compute_txid();
        Self {
            script,
            cosigners,
            home,
            descriptor,
            vault,
            coins: (0..count).map(|vout| OutPoint { txid, vout }).collect(),
        }
    }

    /// A proposal that spends the next coins on a path, with change.
    pub(crate) fn propose(&mut self, path: usize) -> Value {
        let coins: Vec<String> = (0..COINS)
            .map(|_| self.coins.pop().expect("a coin for each cell").to_string())
            .collect();
        let to = format!("{}={}sat", stranger(), COIN + COIN / 2);
        let path = path.to_string();
        let mut args = vec!["proposal", "create", VAULT, "--to", &to];
        args.extend(["--feerate", "2", "--path", &path]);
        for coin in &coins {
            args.extend(["--coin", coin]);
        }
        self.home.json(&args)
    }

    pub(crate) fn export(&self, id: &str, version: u8, file: &Path) {
        let version = version.to_string();
        let args = [
            "proposal",
            "export",
            id,
            "--psbt-version",
            &version,
            "-o",
            path(file),
        ];
        self.home.json(&args);
    }

    /// How many signatures the library takes out of one file.
    pub(crate) fn admitted(&self, request: &Path, signed: &Path) -> usize {
        let proposal = self.pinned(request);
        let foreign = read(&fs::read(signed).unwrap()).unwrap();
        let admission = admit(&proposal, &foreign, &SignatureSet::new()).unwrap();
        admission.new.len()
    }

    pub(crate) fn script_type(&self) -> ScriptType {
        self.vault.script_type()
    }

    fn pinned(&self, request: &Path) -> Proposal {
        let psbt = read(&fs::read(request).unwrap()).unwrap().psbt;
        Proposal::check(&self.vault, psbt).unwrap()
    }

    /// What the library makes of the same files.
    pub(crate) fn finish(&self, request: &Path, signed: &[PathBuf]) -> Finished {
        let proposal = self.pinned(request);
        let mut kept = SignatureSet::new();
        for file in signed {
            let foreign = read(&fs::read(file).unwrap()).unwrap();
            let admission = admit(&proposal, &foreign, &kept).unwrap();
            assert_eq!(admission.refused, []);
            kept.extend(admission.new.iter().map(|one| (one.slot, one.signature)));
        }
        Finished {
            signatures: kept.len(),
            signed: SignedInputs::of(&proposal, &kept).signed,
            transaction: serialize_hex(&finalize(&proposal, &kept).unwrap()),
        }
    }
}

/// Signed files, finished.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) signatures: usize,
    /// For each input, whose signatures count.
    pub(crate) signed: Vec<BTreeSet<usize>>,
    /// In hex.
    pub(crate) transaction: String,
}

fn create(home: &Home, script: &Script, cosigners: &[Cosigner]) -> Value {
    match script.origin {
        Origin::Policy(file, kind) => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
            let policy = fs::read_to_string(folder.join(format!("{file}.toml"))).unwrap();
            // A year and half a year, in blocks that a test can mine.
            let quick = policy.replace("52560", "4").replace("26280", "2");
            let written = quick.replace("\"wsh\"", &format!("\"{kind}\""));
            fs::write(home.file("policy.toml"), written).unwrap();
            let mut args = vec!["vault", "create", VAULT, "--policy", "policy.toml"];
            let keys: Vec<String> = cosigners.iter().map(|one| one.key.argument()).collect();
            for key in &keys {
                args.extend(["--key", key]);
            }
            home.json(&args)
        }
        Origin::Descriptor(text) => {
            let mut text = text.to_owned();
            for (number, cosigner) in cosigners.iter().enumerate() {
                let key = format!("{}/<0;1>/*", cosigner.key.text());
                text = text.replace(&format!("@{}", number + 1), &key);
            }
            fs::write(home.file("vault.txt"), text).unwrap();
            let names: Vec<&str> = cosigners.iter().map(Cosigner::name).collect();
            let names = names.join(",");
            home.json(&["vault", "import", VAULT, "vault.txt", "--cosigners", &names])
        }
    }
}

/// An address that is no vault's.
fn stranger() -> String {
    let script = ScriptBuf::from_bytes(vec![0x51, 0x75, 0x51]);
    Address::p2wsh(&script, Network::Regtest).to_string()
}

/// The node's verdict on a transaction that it hasn't got yet.
pub(crate) fn accepted(node: &Node, hex: &str) {
    let verdict = node.rpc("testmempoolaccept", json!([[hex]]));
    assert_eq!(verdict[0]["allowed"], true, "{verdict}");
}
