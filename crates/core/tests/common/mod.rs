//! Keys for tests, made from small numbers.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

pub(crate) mod rogue;
pub(crate) mod world;

use bitcoin::Network;
use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use quorate_core::journal::CloseReason;
use quorate_core::key::CosignerKey;
use quorate_core::policy::Template;
use quorate_core::proposal::{Facts, Place, Rival, Stage};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;

pub(crate) const NAMES: [&str; 20] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim",
    "leo", "mallory", "niaj", "olivia", "peggy", "quinn", "rupert", "sybil", "trent",
];

/// `[fingerprint/path]xpub` of the master key made from `seed`.
pub(crate) fn key_text(network: Network, seed: u8, path: &str) -> String {
    let secp = Secp256k1::new();
    let master = Xpriv::new_master(network, &[seed; 32]).unwrap();
    let steps: DerivationPath = path.parse().unwrap();
    let xpub = Xpub::from_priv(&secp, &master.derive_priv(&secp, &steps).unwrap());
    let slash = if path.is_empty() { "" } else { "/" };
    format!("[{}{slash}{path}]{xpub}", master.fingerprint(&secp))
}

/// A regtest key as signers export it for multi-signature wsh.
pub(crate) fn key(seed: u8) -> CosignerKey {
    let text = key_text(Network::Regtest, seed, "48h/1h/0h/2h");
    CosignerKey::parse(&text, Network::Regtest).unwrap()
}

pub(crate) fn named_keys(count: usize) -> Vec<(String, CosignerKey)> {
    (0..count)
        .map(|at| (NAMES[at].to_owned(), key(u8::try_from(at).unwrap() + 1)))
        .collect()
}

pub(crate) fn vault(template: &str) -> Vault {
    vault_as(template, ScriptType::Wsh)
}

pub(crate) fn vault_as(template: &str, script: ScriptType) -> Vault {
    let mut template = Template::builtin(template).unwrap();
    template.script = script;
    let keys = named_keys(template.roles.len());
    Vault::create(Network::Regtest, &template, keys).unwrap()
}

/// Any `k` of `n` cosigners, as wsh(sortedmulti).
pub(crate) fn k_of_n(k: usize, n: usize) -> Vault {
    let named = named_keys(n);
    let keys: Vec<String> = named
        .iter()
        .map(|(_, key)| format!("{key}/<0;1>/*"))
        .collect();
    let names: Vec<String> = named.into_iter().map(|(name, _)| name).collect();
    let text = format!("wsh(sortedmulti({k},{}))", keys.join(","));
    Vault::from_descriptor(Network::Regtest, &text, Some(&names)).unwrap()
}

/// A descriptor's text with its checksum written anew.
pub(crate) fn with_checksum(text: &str) -> String {
    let body = text.split('#').next().unwrap();
    let mut engine = miniscript::descriptor::checksum::Engine::new();
    engine.input(body).unwrap();
    format!("{body}#{}", engine.checksum())
}

pub(crate) fn body(descriptor: &str) -> &str {
    descriptor.split('#').next().unwrap()
}

/// The two single descriptors of a multipath one whose branches are `<0;1>` and `<2;3>`.
pub(crate) fn split_lines(descriptor: &str) -> [String; 2] {
    let line = |pairs: [(&str, &str); 2]| {
        let mut text = body(descriptor).to_owned();
        for (from, to) in pairs {
            text = text.replace(from, to);
        }
        with_checksum(&text)
    };
    [
        line([("<0;1>", "0"), ("<2;3>", "2")]),
        line([("<0;1>", "1"), ("<2;3>", "3")]),
    ]
}

/// Facts of every combination.
pub(crate) fn all_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for stage in [
        Stage::Draft,
        Stage::Open,
        Stage::Closed(CloseReason::Abandoned),
        Stage::Closed(CloseReason::Expired),
        Stage::Closed(CloseReason::Rejected),
        Stage::Closed(CloseReason::Superseded),
    ] {
        for place in [Place::Nowhere, Place::Mempool, Place::Block { height: 1 }] {
            for rival in [Rival::None, Rival::Ours, Rival::Stranger, Rival::Gone] {
                for flags in 0..16 {
                    all.push(Facts {
                        stage,
                        released: flags & 1 != 0,
                        satisfied: flags & 2 != 0,
                        rejected: flags & 4 != 0,
                        expired: flags & 8 != 0,
                        place,
                        rival,
                    });
                }
            }
        }
    }
    all
}
