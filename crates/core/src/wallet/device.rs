//! What signing devices and cosigners' programs refuse about a vault: said before money goes in. Advice by
//! what their makers document; a firmware may be newer or older than that.

use super::Format;
use super::multisig::Multisig;
use crate::script_type::ScriptType;
use crate::vault::Vault;
use bitcoin::Network;
use std::collections::BTreeSet;

/// A device or program, as far as vaults are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// What it is called on the command line and in JSON.
    pub name: &'static str,
    /// Where its limits are documented, or can be read in its code.
    pub source: &'static str,
    /// Most keys it takes.
    keys: Option<usize>,
    /// Longest name it takes, in characters.
    label: Option<usize>,
    /// Sorted keys alone.
    sorted: bool,
    /// Plain multisig alone: no locks and no further paths.
    plain: bool,
    taproot: bool,
    /// One derivation path for all keys.
    one_path: bool,
    main_network: bool,
    /// Tells cosigners apart by their fingerprints.
    fingerprints: bool,
    /// What to know about it anyway.
    note: Option<&'static str>,
}

const ANY: Device = Device {
    name: "",
    source: "",
    keys: None,
    label: None,
    sorted: false,
    plain: false,
    taproot: true,
    one_path: false,
    main_network: false,
    fingerprints: false,
    note: None,
};

/// The devices and programs that are known, by what the sources in `docs/formats.md` say.
pub const DEVICES: [Device; 14] = [
    Device {
        name: "bitbox02",
        source: "digitalbitbox/bitbox-api-rs: btc_register_script_config",
        label: Some(30),
        ..ANY
    },
    Device {
        name: "caravan",
        source: "caravan-bitcoin/caravan: selectors/wallet.ts",
        sorted: true,
        plain: true,
        taproot: false,
        ..ANY
    },
    Device {
        name: "coldcard",
        source: "Coldcard/firmware: shared/multisig.py",
        keys: Some(15),
        label: Some(20),
        sorted: true,
        plain: true,
        taproot: false,
        fingerprints: true,
        note: Some("its Edge firmware takes locks and taproot too"),
        ..ANY
    },
    Device {
        name: "core",
        source: "bitcoin/bitcoin: doc/descriptors.md",
        ..ANY
    },
    Device {
        name: "electrum",
        source: "spesmilo/electrum: wallet_db.py",
        keys: Some(15),
        sorted: true,
        plain: true,
        taproot: false,
        note: Some("it reads PSBT version 0 alone"),
        ..ANY
    },
    Device {
        name: "jade",
        source: "Blockstream/Jade: jadepy/jade.py",
        label: Some(15),
        taproot: false,
        one_path: true,
        ..ANY
    },
    Device {
        name: "keystone",
        source: "KeystoneHQ/keystone3-firmware: multi_sig/wallet.rs",
        sorted: true,
        plain: true,
        taproot: false,
        one_path: true,
        main_network: true,
        ..ANY
    },
    Device {
        name: "krux",
        source: "selfcustody/krux: src/krux/wallet.py",
        one_path: true,
        ..ANY
    },
    Device {
        name: "ledger",
        source: "LedgerHQ/app-bitcoin-new: doc/wallet.md",
        keys: Some(15),
        label: Some(16),
        note: Some("registering the vault gives 32 bytes (an HMAC) that have to be kept"),
        ..ANY
    },
    Device {
        name: "passport",
        source: "Foundation-Devices/passport2: multisig_wallet.py",
        keys: Some(15),
        label: Some(20),
        sorted: true,
        plain: true,
        taproot: false,
        ..ANY
    },
    Device {
        name: "seedsigner",
        source: "SeedSigner/seedsigner: models/decode_qr.py",
        keys: Some(9),
        sorted: true,
        plain: true,
        taproot: false,
        one_path: true,
        note: Some("it gives trimmed PSBTs back, which are taken"),
        ..ANY
    },
    Device {
        name: "sparrow",
        source: "sparrowwallet/sparrow: io/Descriptor.java",
        sorted: true,
        plain: true,
        taproot: false,
        ..ANY
    },
    Device {
        name: "specter-diy",
        source: "cryptoadvance/specter-diy: src/apps/wallets",
        one_path: true,
        ..ANY
    },
    Device {
        name: "trezor",
        source: "trezor/trezor-firmware: core/src/apps/bitcoin",
        plain: true,
        taproot: false,
        note: Some("it keeps no record of the cosigners: compare change on another device"),
        ..ANY
    },
];

/// What a device says to a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAdvice {
    /// Whether it refuses the vault.
    pub refuses: bool,
    /// Why, or what to know, in a sentence without an end.
    pub text: String,
}

impl Device {
    /// The device of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DEVICES.iter().find(|device| device.name == name)
    }

    /// What it will say to this vault, called `name`.
    #[must_use]
    pub fn advice(&self, vault: &Vault, name: &str) -> Vec<DeviceAdvice> {
        let multisig = Multisig::of(Format::Descriptor, vault).ok();
        let taproot = vault.script_type() == ScriptType::Tr;
        let sorted = multisig.as_ref().is_none_or(|multisig| multisig.sorted);
        let count = vault.cosigners().len();
        let mut paths = vault.cosigners().iter().map(|one| one.key.origin_path());
        let first = paths.next();
        let one_path = paths.all(|path| Some(path) == first);
        let mut advice = Vec::new();
        let mut refuse = |text: String| {
            advice.push(DeviceAdvice {
                refuses: true,
                text,
            })
        };
        if taproot && !self.taproot {
            refuse("it doesn't know taproot vaults".to_owned());
        } else if multisig.is_none() && self.plain {
            refuse("it knows plain multisig, no locks and no further paths".to_owned());
        }
        if !sorted && self.sorted {
            refuse(
                "it puts keys in order (sortedmulti), and this vault's stand in a fixed one"
                    .to_owned(),
            );
        }
        if let Some(most) = self.keys.filter(|most| count > *most) {
            refuse(format!("it takes {most} keys, the vault has {count}"));
        }
        if self.one_path && !one_path {
            refuse("it takes one derivation path for all keys, and these differ".to_owned());
        }
        let fingerprints = vault.cosigners().iter().map(|one| one.key.fingerprint());
        if self.fingerprints && fingerprints.collect::<BTreeSet<_>>().len() < count {
            refuse("it wants a fingerprint of its own for each cosigner, and two keys here are of one device".to_owned());
        }
        if self.main_network && vault.network() != Network::Bitcoin {
            refuse("it knows the main network alone".to_owned());
        }
        let length = name.chars().count();
        if let Some(most) = self.label.filter(|most| length > *most || !name.is_ascii()) {
            advice.push(DeviceAdvice {
                refuses: false,
                text: format!("it takes names of at most {most} plain characters: call the vault otherwise there"),
            });
        }
        advice.extend(self.note.map(|note| DeviceAdvice {
            refuses: false,
            text: note.to_owned(),
        }));
        advice
    }
}
