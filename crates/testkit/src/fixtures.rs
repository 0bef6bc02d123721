//! Test keys that are the same in every run: named people with a seed made from their name.

use bitcoin::NetworkKind;
use bitcoin::bip32::{DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{All, Secp256k1};
use std::sync::OnceLock;

/// Where a cosigner's account lies: BIP-0048, test network, first account, P2WSH.
pub const ACCOUNT: &str = "48h/1h/0h/2h";

/// One signing context for all tests; making one is slow.
pub fn secp() -> &'static Secp256k1<All> {
    static SECP: OnceLock<Secp256k1<All>> = OnceLock::new();
    SECP.get_or_init(Secp256k1::new)
}

/// A person's key for the test networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestKey {
    name: String,
    master: Xpriv,
}

/// The first cosigner.
#[must_use]
pub fn alice() -> TestKey {
    TestKey::named("alice")
}

/// The second cosigner.
#[must_use]
pub fn bob() -> TestKey {
    TestKey::named("bob")
}

/// The third cosigner.
#[must_use]
pub fn carol() -> TestKey {
    TestKey::named("carol")
}

/// The fourth cosigner.
#[must_use]
pub fn dave() -> TestKey {
    TestKey::named("dave")
}

/// The fifth cosigner.
#[must_use]
pub fn erin() -> TestKey {
    TestKey::named("erin")
}

/// The stranger who attacks.
#[must_use]
pub fn mallory() -> TestKey {
    TestKey::named("mallory")
}

/// The first `count` of alice, bob, carol, dave, erin and then `cosigner6`, `cosigner7` and so on.
#[must_use]
pub fn cosigners(count: usize) -> Vec<TestKey> {
    let names = ["alice", "bob", "carol", "dave", "erin"].map(String::from);
    let further = (6..).map(|i| format!("cosigner{i}"));
    let all = names.into_iter().chain(further);
    all.take(count).map(|name| TestKey::named(&name)).collect()
}

impl TestKey {
    /// The key whose seed is the hash of `name`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let seed = sha256::Hash::hash(format!("quorate test key: {name}").as_bytes());
        Self::from_seed(name, seed.as_byte_array())
    }

    /// The key of a BIP32 seed, for example that of a signer's words.
    ///
    /// # Panics
    /// With a chance of 1 in 2^127.
    #[must_use]
    pub fn from_seed(name: &str, seed: &[u8]) -> Self {
        let master = Xpriv::new_master(NetworkKind::Test, seed).expect("a seed");
        Self {
            name: name.to_owned(),
            master,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The master key.
    #[must_use]
    pub fn master(&self) -> Xpriv {
        self.master
    }

    /// The master key's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.master.fingerprint(secp())
    }

    /// The private key at `path` below the master key.
    ///
    /// # Panics
    /// When `path` is none.
    #[must_use]
    pub fn xpriv(&self, path: &str) -> Xpriv {
        let path: DerivationPath = path.parse().expect("a derivation path");
        self.master.derive_priv(secp(), &path).expect("a child key")
    }

    /// The public key of the account at [`ACCOUNT`].
    #[must_use]
    pub fn xpub(&self) -> Xpub {
        Xpub::from_priv(secp(), &self.xpriv(ACCOUNT))
    }

    /// The account's key as a cosigner hands it over: `[fingerprint/48h/1h/0h/2h]tpub…`.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_at(ACCOUNT)
    }

    /// The same for another path.
    ///
    /// # Panics
    /// When `path` is none.
    #[must_use]
    pub fn text_at(&self, path: &str) -> String {
        let xpub = Xpub::from_priv(secp(), &self.xpriv(path));
        format!("[{}/{path}]{xpub}", self.fingerprint())
    }

    /// `alice=[fingerprint/48h/1h/0h/2h]tpub…`, as `vault create --key` takes it.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("{}={}", self.name, self.text())
    }

    /// `descriptor` with the account's private key instead of the public one and without the
    /// checksum, for Bitcoin Core to sign with ([`crate::Node::sign_psbt`]).
    ///
    /// # Panics
    /// When the account's key isn't in `descriptor`.
    #[must_use]
    pub fn private_descriptor(&self, descriptor: &str) -> String {
        let (text, _) = descriptor.split_once('#').unwrap_or((descriptor, ""));
        let xpub = self.xpub().to_string();
        assert!(text.contains(&xpub), "{} is not in {text}", self.name);
        text.replace(&xpub, &self.xpriv(ACCOUNT).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_never_change() {
        assert_eq!(
            alice().text(),
            "[e780b135/48h/1h/0h/2h]tpubDDyW52LHCy85zwVDFRAQ4r7WF4XWv3W7FYzERxBkL788RGbCjC8JBRTHYAvcD95aC9yLYGdwYXZucCS3iTTfg1vBdJREiJ9Ub951pqq5jYE"
        );
    }

    #[test]
    fn cosigners_are_different_people() {
        let all = cosigners(20);
        assert_eq!(all[..3], [alice(), bob(), carol()]);
        assert_eq!(all[19].name(), "cosigner20");
        let mut fingerprints: Vec<_> = all.iter().map(TestKey::fingerprint).collect();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 20);
    }

    #[test]
    fn a_private_descriptor_has_one_private_key() {
        let public = format!(
            "wsh(multi(1,{}/0/*,{}/0/*))#abcdefgh",
            alice().text(),
            bob().text()
        );
        let private = bob().private_descriptor(&public);
        assert_eq!(private.matches("tprv").count(), 1);
        assert!(private.contains(&alice().text()));
        assert!(!private.contains('#'));
    }
}
