//! Vaults with coins on the node's chain, proposals, and every cosigner's signatures for them.

use super::super::psbt_parsers::Random;
use super::sample::shuffle;
use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, Psbt, ScriptBuf, Transaction, TxOut};
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::proposal::Proposal;
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{
    Available, FeeLimits, Previous, Recipient, Request, Send, Wishes, propose,
};
use quorate_core::vault::Vault;
use quorate_testkit::Node;
use quorate_testkit::fixtures::{self, TestKey};

const COIN: Amount = Amount::from_sat(100_000);
const COINS: usize = 6;
const PROPOSALS: usize = 4;
const MOST_INPUTS: usize = 4;
const MOST_COSIGNERS: usize = 6;

/// A list of keys with a threshold: its name, and how a descriptor is written around it.
type Kind = (&'static str, fn(usize, &str) -> String);

const KINDS: &[Kind] = &[
    ("wsh(sortedmulti)", |k, keys| {
        format!("wsh(sortedmulti({k},{keys}))")
    }),
    ("wsh(multi)", |k, keys| format!("wsh(multi({k},{keys}))")),
    ("sh(wsh(sortedmulti))", |k, keys| {
        format!("sh(wsh(sortedmulti({k},{keys})))")
    }),
    ("sh(sortedmulti)", |k, keys| {
        format!("sh(sortedmulti({k},{keys}))")
    }),
    ("tr(multi_a)", |k, keys| {
        format!("tr({NUMS},multi_a({k},{keys}))")
    }),
    ("tr(sortedmulti_a)", |k, keys| {
        format!("tr({NUMS},sortedmulti_a({k},{keys}))")
    }),
    // The first alone; the others after a while.
    ("tr(key, leaf)", |k, keys| {
        let (first, others) = keys.split_once(',').unwrap();
        let k = k.min(others.split(',').count());
        format!("tr({first},and_v(v:multi_a({k},{others}),older(100)))")
    }),
];
/// The point of BIP-0341 whose private key nobody knows.
const NUMS: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";
/// Thresholds of each kind, out of all with up to six cosigners.
const QUORUMS: usize = 7;

/// One vault.
#[derive(Debug)]
pub(super) struct World {
    pub(super) name: String,
    /// What its first path needs, which every proposal here uses.
    pub(super) k: usize,
    pub(super) n: usize,
    /// Whether it has paths behind a lock.
    pub(super) locks: bool,
    /// Whether its script is more than one list of keys.
    pub(super) miniscript: bool,
    pub(super) taproot: bool,
    pub(super) proposals: Vec<Signed>,
}

/// A proposal, and for each cosigner the request with this one's signatures in it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) proposal: Proposal,
    pub(super) by: Vec<Psbt>,
}

#[derive(Debug)]
struct Funding(Transaction);

impl Previous for Funding {
    fn transaction(&self, outpoint: OutPoint) -> Option<Transaction> {
        (outpoint.txid == self.0.compute_txid()).then(|| self.0.clone())
    }
}

impl World {
    /// Every kind with some thresholds of up to six cosigners, and every built-in policy, in segwit
    /// v0 and in taproot.
    pub(super) fn all(node: &Node, random: &mut Random) -> Vec<Self> {
        let mut worlds = Vec::new();
        for (kind, write) in KINDS {
            let all = (2..=MOST_COSIGNERS).flat_map(|n| (1..=n).map(move |k| (k, n)));
            let mut all: Vec<(usize, usize)> = all.collect();
            shuffle(&mut all, random);
            for (k, n) in all.into_iter().take(QUORUMS) {
                let keys = fixtures::cosigners(n);
                let texts = keys.iter().map(|key| format!("{}/<0;1>/*", key.text()));
                let text = write(k, &texts.collect::<Vec<_>>().join(","));
                let vault = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
                let name = format!("{kind}, {k} of {n}");
                worlds.push(Self::new(node, random, name, &vault, &keys));
            }
        }
        for mut template in Template::builtins().unwrap() {
            let keys = fixtures::cosigners(template.roles.len());
            let named = keys.iter().map(|key| {
                let parsed = CosignerKey::parse(&key.text(), Network::Regtest).unwrap();
                (key.name().to_owned(), parsed)
            });
            let named: Vec<_> = named.collect();
            for script in [ScriptType::Wsh, ScriptType::Tr] {
                template.script = script;
                let vault = Vault::create(Network::Regtest, &template, named.clone()).unwrap();
                let name = format!("{} as {script}", template.name);
                worlds.push(Self::new(node, random, name, &vault, &keys));
            }
        }
        node.mine(1);
        worlds
    }

    fn new(
        node: &Node,
        random: &mut Random,
        name: String,
        vault: &Vault,
        keys: &[TestKey],
    ) -> Self {
        let places: Vec<(Keychain, u32)> = (0u32..)
            .zip(Keychain::ALL.into_iter().cycle())
            .map(|(index, keychain)| (keychain, index))
            .take(COINS)
            .collect();
        let outputs = places.iter().map(|&(keychain, index)| TxOut {
            value: COIN,
            script_pubkey: vault.derive(keychain, index).unwrap().script_pubkey,
        });
        let funding = Funding(node.pay(outputs.collect()));
        let txid = funding.0.compute_txid();
        let coins: Vec<Available> = (0u32..)
            .zip(&places)
            .map(|(vout, &(keychain, index))| Available {
                outpoint: OutPoint { txid, vout },
                value: COIN,
                keychain,
                index,
                height: Some(node.chain_tip().height),
                group: 0,
            })
            .collect();
        let proposals = (0..PROPOSALS)
            .map(|_| Signed::new(vault, &coins, &funding, keys, random))
            .collect();
        Self {
            name,
            k: vault.policy().paths[0].threshold,
            n: keys.len(),
            locks: vault.policy().paths.len() > 1,
            miniscript: !vault.descriptor().contains("multi"),
            taproot: vault.script_type() == ScriptType::Tr,
            proposals,
        }
    }
}

impl Signed {
    fn new(
        vault: &Vault,
        coins: &[Available],
        previous: &Funding,
        keys: &[TestKey],
        random: &mut Random,
    ) -> Self {
        let mut coins = coins.to_vec();
        let count = 1 + random.below(MOST_INPUTS);
        while coins.len() > count {
            coins.remove(random.below(coins.len()));
        }
        let script = ScriptBuf::from_bytes(vec![0x51, 0x75, 0x51]);
        let recipients = [Recipient {
            address: Address::p2wsh(&script, Network::Regtest),
            send: Send::Exactly(Amount::from_sat(50_000)),
        }];
        let mut entropy = [0; 32];
        entropy.fill_with(|| random.next().to_le_bytes()[0]);
        let request = Request {
            recipients: &recipients,
            fee_rate: FeeRate::from_sat_per_vb(2).unwrap(),
            path: 0,
            coins: &coins,
            all_coins: true,
            change_index: 40,
            tip: 50,
            entropy,
            limits: FeeLimits::default(),
            wishes: Wishes::default(),
            previous,
        };
        let proposal = propose(vault, &request).unwrap();
        let by = keys.iter().map(|key| sign(&proposal, key)).collect();
        Self { proposal, by }
    }
}

/// By the library's own signer: what is compared here is what is made of signatures.
fn sign(proposal: &Proposal, key: &TestKey) -> Psbt {
    let mut psbt = proposal.psbt().clone();
    let used = psbt.sign(&key.master(), fixtures::secp()).unwrap();
    assert_eq!(used.len(), psbt.inputs.len(), "{}", key.name());
    psbt
}
