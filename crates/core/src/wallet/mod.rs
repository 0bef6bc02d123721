//! Wallet files of other programs: a vault written as each of them reads it, and what they write read
//! back into a descriptor. What a format can't say about a vault is refused with the reason, never
//! changed on the quiet. Sources of the formats are named in `docs/formats.md`.

mod bsms;
mod caravan;
mod core_import;
mod descriptor;
mod device;
mod electrum;
mod error;
mod frames;
mod jade;
mod ledger;
mod multisig;
mod policy;
mod sniff;
mod specter;
mod text;

pub use device::{DEVICES, Device, DeviceAdvice};
pub use error::WalletError;
pub use frames::payload;
pub use ledger::ledger_policy_id;
pub use sniff::read;

use crate::vault::Vault;
use std::fmt;
use std::str::FromStr;

/// A kind of wallet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One descriptor with its checksum (BIP-0380, BIP-0389).
    Descriptor,
    /// Bitcoin Core: a request for `importdescriptors`; read also: the answer of `listdescriptors`.
    Core,
    /// Coldcard's multisig text, which Passport, Krux and many programs read too.
    Coldcard,
    /// The same as SeedSigner takes it: one derivation for all, at most nine keys.
    SeedSigner,
    /// The same as Keystone takes it: another word for nested segwit.
    Keystone,
    /// The same with BlueWallet's comments and prefixes.
    BlueWallet,
    /// Sparrow: the descriptor in three commented paragraphs.
    Sparrow,
    /// Specter Desktop's account map.
    Specter,
    /// Caravan and Unchained.
    Caravan,
    /// An Electrum wallet file without private keys.
    Electrum,
    /// A descriptor record of the set-up protocol BIP-0129.
    Bsms,
    /// A wallet policy (BIP-0388), as Ledger and BitBox02 register it.
    Bip388,
    /// Jade's registration of a wallet.
    Jade,
    /// Frames of UR: `crypto-output`, or `output-descriptor` for what that can't say.
    Ur,
    /// Frames of BBQr: Coldcard's text, or a descriptor for what that can't say.
    Bbqr,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Descriptor,
        Self::Core,
        Self::Coldcard,
        Self::SeedSigner,
        Self::Keystone,
        Self::BlueWallet,
        Self::Sparrow,
        Self::Specter,
        Self::Caravan,
        Self::Electrum,
        Self::Bsms,
        Self::Bip388,
        Self::Jade,
        Self::Ur,
        Self::Bbqr,
    ];

    /// The word on the command line and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Descriptor => "descriptor",
            Self::Core => "core",
            Self::Coldcard => "coldcard",
            Self::SeedSigner => "seedsigner",
            Self::Keystone => "keystone",
            Self::BlueWallet => "bluewallet",
            Self::Sparrow => "sparrow",
            Self::Specter => "specter",
            Self::Caravan => "caravan",
            Self::Electrum => "electrum",
            Self::Bsms => "bsms",
            Self::Bip388 => "bip388",
            Self::Jade => "jade",
            Self::Ur => "ur",
            Self::Bbqr => "bbqr",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.word() == text).ok_or(())
    }
}

/// What a wallet file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of file it is.
    pub format: Format,
    /// The descriptor it amounts to; of two lines the first is receive, the second change.
    pub descriptor: String,
    /// What the wallet is called there.
    pub name: Option<String>,
    /// What the cosigners are called there, in the order of their keys.
    pub cosigners: Option<Vec<String>>,
}

/// A vault as a file of another program.
///
/// # Errors
/// A sentence that says what of the vault the format has no place for.
pub fn write(format: Format, vault: &Vault, name: &str) -> Result<String, WalletError> {
    match format {
        Format::Descriptor => Ok(format!("{}\n", vault.descriptor())),
        Format::Core => core_import::write(vault),
        Format::Coldcard | Format::SeedSigner | Format::Keystone | Format::BlueWallet => {
            text::write(format, vault, name)
        }
        Format::Sparrow => descriptor::write(vault),
        Format::Specter => specter::write(vault, name),
        Format::Caravan => caravan::write(vault, name),
        Format::Electrum => electrum::write(vault),
        Format::Bsms => bsms::write(vault),
        Format::Bip388 => policy::write(vault, name),
        Format::Jade => jade::write(vault, name),
        Format::Ur | Format::Bbqr => frames::write(format, vault, name),
    }
}
