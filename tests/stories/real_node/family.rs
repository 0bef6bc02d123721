//! Four homes and a node: a coordinator and three cosigners. Alice and bob sign with our software
//! signer, carol with Bitcoin Core.

use quorate_testkit::fixtures::{self, TestKey};
use quorate_testkit::{Home, Node};
use serde_json::Value;
use std::path::Path;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) node: Node,
    pub(crate) office: Home,
    pub(crate) alice: Home,
    pub(crate) bob: Home,
    pub(crate) carol: Home,
    pub(crate) carols_key: TestKey,
}

impl Family {
    /// Homes made, keys made, the vault created in the office and imported everywhere else.
    pub(crate) fn with_vault(policy: &str) -> Self {
        Self::new().and_vault(policy)
    }

    /// The vault, created in the office and imported everywhere else.
    pub(crate) fn and_vault(self, policy: &str) -> Self {
        let family = self;
        let keys = family.keys();
        let mut args = vec!["vault", "create", "family", "--policy", policy];
        for key in &keys {
            args.extend(["--key", key]);
        }
        family.office.json(&args);
        family.share();
        family
    }

    pub(crate) fn new() -> Self {
        Self::on(Node::start())
    }

    /// On a node that was started for it.
    pub(crate) fn on(node: Node) -> Self {
        node.mine(110);
        let home = || {
            Home::new()
                .with_node(&node.url_cookie())
                .with_passphrase(PASSPHRASE)
        };
        let family = Self {
            office: home(),
            alice: home(),
            bob: home(),
            carol: home(),
            carols_key: fixtures::carol(),
            node,
        };
        for home in [&family.office, &family.alice, &family.bob, &family.carol] {
            home.json(&["init", "--network", "regtest"]);
        }
        for (home, name) in family.signers() {
            home.json(&["signer", "new", name]);
        }
        family
    }

    fn signers(&self) -> [(&Home, &'static str); 2] {
        [(&self.alice, "alice"), (&self.bob, "bob")]
    }

    /// `name=key` of each cosigner, as `vault create` takes them.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self
            .signers()
            .iter()
            .map(|(home, name)| {
                format!(
                    "{name}={}",
                    text(&home.json(&["signer", "key", name])["key"])
                )
            })
            .collect();
        keys.push(self.carols_key.argument());
        keys
    }

    /// Hands the descriptor to the cosigners, who compare ids and first addresses.
    pub(crate) fn share(&self) {
        let file = self.office.file("family.txt");
        self.office.json(&[
            "vault",
            "export",
            "family",
            "--format",
            "descriptor",
            "-o",
            path(&file),
        ]);
        let ours = self.office.json(&["vault", "show", "family"]);
        for home in [&self.alice, &self.bob, &self.carol] {
            let theirs = home.json(&[
                "vault",
                "import",
                "family",
                path(&file),
                "--cosigners",
                "alice,bob,carol",
            ]);
            for key in [
                "id",
                "descriptor",
                "first_addresses",
                "threshold",
                "network",
            ] {
                assert_eq!(ours[key], theirs[key], "{key}");
            }
        }
    }

    /// A payment into the vault, confirmed and seen.
    pub(crate) fn deposit(&self, amount: &str) {
        let address = self
            .office
            .json(&["address", "new", "family", "--label", "deposit"]);
        let amount = amount.parse().unwrap();
        self.node
            .fund(text(&address["address"]), bitcoin::Amount::from_sat(amount));
        self.node.mine(1);
        self.office.json(&["sync", "family"]);
    }

    /// This cosigner's signed copy of a request file.
    pub(crate) fn sign(&self, who: &str, request: &Path) -> std::path::PathBuf {
        let signed = self.office.file(&format!("{who}.signed.psbt"));
        let _ = std::fs::remove_file(&signed);
        let home = match who {
            "alice" => &self.alice,
            "bob" => &self.bob,
            _ => {
                let vault = self.office.json(&["vault", "show", "family"]);
                let descriptor = self
                    .carols_key
                    .private_descriptor(text(&vault["descriptor"]));
                let psbt = std::fs::read_to_string(request).unwrap();
                std::fs::write(&signed, self.node.sign_psbt(psbt.trim(), &[descriptor])).unwrap();
                return signed;
            }
        };
        home.json(&["signer", "sign", who, path(request), "-o", path(&signed)]);
        signed
    }

    pub(crate) fn status(&self, proposal: &str) -> String {
        text(&self.office.json(&["proposal", "show", proposal])["status"]).to_owned()
    }

    pub(crate) fn export(&self, proposal: &str, who: &str) -> std::path::PathBuf {
        let file = self.office.file(&format!("{who}.psbt"));
        let _ = std::fs::remove_file(&file);
        self.office.json(&[
            "proposal",
            "export",
            proposal,
            "--for",
            who,
            "-o",
            path(&file),
        ]);
        file
    }

    /// An address that isn't the vault's.
    pub(crate) fn stranger(&self) -> String {
        let script = bitcoin::ScriptBuf::from_bytes(vec![0x51, 0x75, 0x51]);
        bitcoin::Address::p2wsh(&script, bitcoin::Network::Regtest).to_string()
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
