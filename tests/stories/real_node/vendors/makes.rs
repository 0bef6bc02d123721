//! Who signs with what. Every cosigner's key is known here, so that any of the three makes can
//! sign for any cosigner.

use super::embit::Embit;
use bitcoin::hashes::{Hash, sha256};
use quorate_signer::{Account, Keystore, Passphrase};
use quorate_testkit::fixtures::TestKey;
use quorate_testkit::{Home, Node};
use serde_json::json;
use std::fmt;
use std::fs;
use std::path::Path;

const PASSPHRASE: &str = "correct horse battery staple";
/// Indexes that Bitcoin Core derives to find its keys; tests use fewer.
const RANGE: u32 = 12;

/// A program that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Make {
    Ours,
    Core,
    Embit,
}

impl Make {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Core, Self::Embit];
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Core => "Core",
            Self::Embit => "embit",
        })
    }
}

/// A cosigner whose words are known.
#[derive(Debug, Clone)]
pub(crate) struct Cosigner {
    words: String,
    pub(crate) key: TestKey,
}

impl Cosigner {
    pub(crate) fn named(name: &str) -> Self {
        let entropy = sha256::Hash::hash(format!("quorate test words: {name}").as_bytes());
        let mnemonic = bip39::Mnemonic::from_entropy(entropy.as_byte_array()).unwrap();
        Self {
            words: mnemonic.to_string(),
            key: TestKey::from_seed(name, &mnemonic.to_seed("")),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.key.name()
    }
}

/// A home in which our signer holds the keys of all `cosigners`.
pub(crate) fn home(node: &Node, cosigners: &[Cosigner]) -> Home {
    let home = Home::new()
        .with_node(&node.url_cookie())
        .with_passphrase(PASSPHRASE);
    home.json(&["init", "--network", "regtest"]);
    // Opening a key takes a second on purpose; here it would be most of the time.
    let keystore = Keystore::at(&home.path()).with_work_factor(4);
    for cosigner in cosigners {
        let made = keystore
            .restore(
                cosigner.name(),
                Account::first(bitcoin::Network::Regtest),
                &cosigner.words,
                &Passphrase::new(PASSPHRASE.to_owned()).unwrap(),
            )
            .unwrap();
        assert_eq!(made.key.to_string(), cosigner.key.text());
    }
    home
}

/// The programs besides ours.
#[derive(Debug)]
pub(crate) struct Others<'a> {
    pub(crate) node: &'a Node,
    pub(crate) embit: &'a Embit,
}

impl Others<'_> {
    /// Writes `request` with the cosigner's signatures to `signed`.
    pub(crate) fn sign(
        &self,
        make: Make,
        cosigner: &Cosigner,
        (home, descriptor): (&Home, &str),
        request: &Path,
        signed: &Path,
    ) {
        let psbt = || fs::read_to_string(request).unwrap();
        let text = match make {
            Make::Ours => {
                let [request, signed] = [request, signed].map(|path| path.to_str().unwrap());
                let args = ["signer", "sign", cosigner.name(), request, "-o", signed];
                home.json(&args);
                return;
            }
            Make::Core => {
                let private = json!({
                    "desc": cosigner.key.private_descriptor(descriptor),
                    "range": RANGE,
                });
                let params = json!([psbt().trim(), [private], null, true, false]);
                let answer = self.node.rpc("descriptorprocesspsbt", params);
                answer["psbt"].as_str().unwrap().to_owned()
            }
            Make::Embit => {
                let key = cosigner.key.master().to_string();
                let (psbt, count) = self.embit.sign(&psbt(), &key, "whole").unwrap();
                assert!(count > 0, "embit signed nothing");
                psbt
            }
        };
        fs::write(signed, text).unwrap();
    }
}
