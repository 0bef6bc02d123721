//! From seed words to the account key of a vault: BIP32 down the path of BIP48,
//! `m / 48h / coin h / account h / 2h`, where `2h` stands for P2WSH.

use crate::words;
use bip39::Mnemonic;
use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::secp256k1::{All, Secp256k1};
use std::fmt;

/// BIP48's number for native segwit multi-signature scripts.
const SCRIPT_P2WSH: u32 = 2;

/// Which account of a seed a key is: one seed serves several vaults without sharing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    network: Network,
    number: u32,
}

impl Account {
    /// The first account, number 0.
    #[must_use]
    pub const fn first(network: Network) -> Self {
        Self { network, number: 0 }
    }

    /// Another account of the same seed; `None` from 2^31 on, where BIP32 has no more numbers.
    #[must_use]
    pub const fn numbered(network: Network, number: u32) -> Option<Self> {
        if number < 1 << 31 {
            Some(Self { network, number })
        } else {
            None
        }
    }

    /// The network its keys are for.
    #[must_use]
    pub const fn network(self) -> Network {
        self.network
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// `48h/coin h/account h/2h`; the coin is 0 on mainnet and 1 on every test network (SLIP-44).
    #[must_use]
    pub fn path(self) -> DerivationPath {
        let coin = u32::from(self.network != Network::Bitcoin);
        [48, coin, self.number, SCRIPT_P2WSH]
            .into_iter()
            .map(|index| ChildNumber::Hardened { index })
            .collect()
    }
}

/// An extended private key that is wiped when dropped. `Xpriv` itself is `Copy` and wipes
/// nothing, so every one of ours lives in this guard.
pub(crate) struct Guarded(Xpriv);

impl Guarded {
    pub(crate) const fn new(key: Xpriv) -> Self {
        Self(key)
    }

    pub(crate) const fn get(&self) -> &Xpriv {
        &self.0
    }

    /// The key `path` below this one.
    pub(crate) fn descend(
        &self,
        secp: &Secp256k1<All>,
        path: &[ChildNumber],
    ) -> Result<Self, bitcoin::bip32::Error> {
        let mut key = Self(self.0);
        for step in path {
            key = Self(key.0.derive_priv(secp, &[*step])?);
        }
        Ok(key)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.private_key.non_secure_erase();
        self.0.chain_code = [0; 32].into();
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// An account's private key and where it comes from.
#[derive(Debug)]
pub(crate) struct AccountKey {
    pub(crate) account: Account,
    pub(crate) master: Fingerprint,
    pub(crate) key: Guarded,
}

impl AccountKey {
    /// Derives it from the words.
    pub(crate) fn derive(
        secp: &Secp256k1<All>,
        mnemonic: &Mnemonic,
        account: Account,
    ) -> Result<Self, bitcoin::bip32::Error> {
        let seed = words::seed(mnemonic);
        let master = Guarded::new(Xpriv::new_master(account.network, seed.as_slice())?);
        Ok(Self {
            account,
            master: master.get().fingerprint(secp),
            key: master.descend(secp, account.path().as_ref())?,
        })
    }

    /// The public half as cosigners exchange it: `[fingerprint/48h/1h/0h/2h]tpub…`.
    pub(crate) fn public_text(&self, secp: &Secp256k1<All>) -> String {
        let xpub = Xpub::from_priv(secp, self.key.get());
        let mut text = format!("[{}", self.master);
        for step in &self.account.path() {
            text.push_str(&format!("/{step:#}"));
        }
        text + "]" + &xpub.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use hex::FromHex;

    const ABANDON: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    fn public(account: Account) -> String {
        let secp = Secp256k1::new();
        let mnemonic = words::parse(ABANDON).unwrap();
        AccountKey::derive(&secp, &mnemonic, account)
            .unwrap()
            .public_text(&secp)
    }

    /// The account keys that other wallets' published tests give for these words.
    #[test]
    fn bip48_accounts_are_those_of_other_wallets() {
        assert_eq!(
            public(Account::first(Network::Bitcoin)),
            "[73c5da0a/48h/0h/0h/2h]xpub6DkFAXWQ2dHxq2vatrt9qyA3bXYU4ToWQwCHbf5XB2mSTexcHZCeKS1VZYcPoBd5X8yVcbXFHJR9R8UCVpt82VX1VhR28mCyxUFL4r6KFrf"
        );
        assert_eq!(
            public(Account::numbered(Network::Bitcoin, 1).unwrap()),
            "[73c5da0a/48h/0h/1h/2h]xpub6DzhyrnFFYQ1HimDiM388xHnDiRPNdZJFBmmxge3Y1WWcHLtMJLfRuhRHqnQCPbTj3fGKTuKFLHzzwpJkp5Dtc3UtLKZKaVZe1yqMBXd6Vk"
        );
        for network in [Network::Testnet, Network::Signet, Network::Regtest] {
            assert_eq!(
                public(Account::first(network)),
                "[73c5da0a/48h/1h/0h/2h]tpubDFH9dgzveyD8zTbPUFuLrGmCydNvxehyNdUXKJAQN8x4aZ4j6UZqGfnqFrD4NqyaTVGKbvEW54tsvPTK2UoSbCC1PJY8iCNiwTL3RWZEheQ"
            );
        }
    }

    /// BIP32's test vector 1, chain m/0h/1/2h.
    #[test]
    fn bip32_vector_1_holds() {
        let secp = Secp256k1::new();
        let seed = <[u8; 16]>::from_hex("000102030405060708090a0b0c0d0e0f").unwrap();
        let master = Guarded::new(Xpriv::new_master(Network::Bitcoin, &seed).unwrap());
        let path: DerivationPath = "0h/1/2h".parse().unwrap();
        let key = master.descend(&secp, path.as_ref()).unwrap();
        assert_eq!(
            key.get().to_string(),
            "xprv9z4pot5VBttmtdRTWfWQmoH1taj2axGVzFqSb8C9xaxKymcFzXBDptWmT7FwuEzG3ryjH4ktypQSAewRiNMjANTtpgP4mLTj34bhnZX7UiM"
        );
    }

    #[test]
    fn account_numbers_end_where_bip32_ends() {
        assert!(Account::numbered(Network::Regtest, (1 << 31) - 1).is_some());
        assert!(Account::numbered(Network::Regtest, 1 << 31).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        let secp = Secp256k1::new();
        let mnemonic = words::parse(ABANDON).unwrap();
        let key = AccountKey::derive(&secp, &mnemonic, Account::first(Network::Regtest)).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("Guarded(..)"), "{shown}");
        assert!(!shown.contains("private_key"), "{shown}");
    }
}
