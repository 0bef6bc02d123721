//! Homes, vaults, addresses and coins.

use quorate_core::journal::KeyFacts;
use serde::Serialize;
use std::collections::BTreeMap;

/// A home was made.
#[derive(Debug, Clone, Serialize)]
pub struct InitView {
    /// The folder.
    pub home: String,
    /// The network of all its vaults.
    pub network: String,
    /// The member key that signs this home's journal entries.
    pub member: String,
}

/// A vault.
#[derive(Debug, Clone, Serialize)]
pub struct VaultView {
    /// Hash over what the vault is.
    pub id: String,
    /// What this home calls it.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Multipath descriptor with checksum.
    pub descriptor: String,
    /// The kind of output: `wsh`, `sh-wsh`, `sh` or `tr`.
    pub script: String,
    /// Signatures that the everyday path needs.
    pub threshold: usize,
    /// Who takes part.
    pub cosigners: Vec<CosignerView>,
    /// What is known of their keys, in the same order.
    pub standing: Vec<StandingView>,
    /// `review`, `attested`, `active` or `retired`.
    pub stage: String,
    /// Eight words over keys and rules, to be compared by voice.
    pub words: [&'static str; 8],
    /// The first receive addresses, to be compared between homes.
    pub first_addresses: Vec<String>,
    /// The first change address, to be compared between homes.
    pub first_change: String,
    /// The spending paths in plain words; the script enforces them.
    pub paths: Vec<String>,
    /// What holds for all paths.
    pub notes: Vec<String>,
    /// What to know before money is sent there.
    pub warnings: Vec<String>,
    /// The balance, as of the last sync.
    pub balance: BalanceView,
    /// Proposals by status.
    pub proposals: BTreeMap<String, usize>,
}

/// A cosigner.
#[derive(Debug, Clone, Serialize)]
pub struct CosignerView {
    /// What this home calls it.
    pub name: String,
    /// `[fingerprint/path]xpub`.
    pub key: String,
}

/// What is known of a cosigner's key.
#[derive(Debug, Clone, Serialize)]
pub struct StandingView {
    /// What this home calls the cosigner.
    pub name: String,
    /// The key's label.
    pub label: Option<String>,
    /// Where the key comes from: vendor, model, firmware, how and when it came, a note, and what the device
    /// answered when it registered the vault.
    pub provenance: KeyFacts,
    /// How it was shown that somebody holds the key: `record` (BIP-0129) or `signature`.
    pub proven: Option<&'static str>,
    /// Who stands for the vault in its name.
    pub attested: Option<AttestedView>,
}

/// A cosigner's word that the vault is the one that was agreed on.
#[derive(Debug, Clone, Serialize)]
pub struct AttestedView {
    /// When, seconds since 1970.
    pub at: u64,
    /// `cosigner`: the cosigner's own home; `owner`: the vault's owner, on the cosigner's word.
    pub by: &'static str,
    /// In a person's words.
    pub note: Option<String>,
}

/// Several vaults.
#[derive(Debug, Clone, Serialize)]
pub struct VaultsView {
    /// By name.
    pub vaults: Vec<VaultLineView>,
}

/// One vault in a list.
#[derive(Debug, Clone, Serialize)]
pub struct VaultLineView {
    /// Hash over what the vault is.
    pub id: String,
    /// What this home calls it.
    pub name: String,
    /// Signatures needed.
    pub threshold: usize,
    /// Cosigners' names.
    pub cosigners: Vec<String>,
    /// Unspent and in a block.
    pub confirmed_sat: u64,
    /// Unspent and only in the mempool.
    pub pending_sat: u64,
}

/// An address.
#[derive(Debug, Clone, Serialize)]
pub struct AddressView {
    /// The address itself.
    pub address: String,
    /// Its derivation index.
    pub index: u32,
    /// `receive` or `change`.
    pub keychain: String,
    /// What it is for.
    pub label: Option<String>,
    /// What to know about it.
    pub findings: Vec<String>,
}

/// The addresses handed out.
#[derive(Debug, Clone, Serialize)]
pub struct AddressesView {
    /// By keychain and index.
    pub addresses: Vec<AddressView>,
    /// What to look at: addresses that two homes handed out, or far beyond those in use.
    pub findings: Vec<String>,
}

/// What a vault is worth, as of `height`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BalanceView {
    /// Unspent and in a block.
    pub confirmed_sat: u64,
    /// Unspent and only in the mempool.
    pub pending_sat: u64,
    /// What of both open proposals have reserved.
    pub reserved_sat: u64,
    /// Height of the last block looked at; `null` before the first sync.
    pub height: Option<u32>,
    /// That a recovery path is open for some coin, or opens soon.
    pub alert: Option<String>,
}

/// A vault's unspent coins.
#[derive(Debug, Clone, Serialize)]
pub struct CoinsView {
    /// Largest first.
    pub coins: Vec<CoinView>,
}

/// A coin.
#[derive(Debug, Clone, Serialize)]
pub struct CoinView {
    /// `txid:vout`.
    pub outpoint: String,
    /// What it is worth.
    pub value_sat: u64,
    /// Height of its block; `null` in the mempool.
    pub height: Option<u32>,
    /// The open proposal that spends it.
    pub reserved_by: Option<String>,
    /// Why it isn't spent unless it is named, if it isn't.
    pub frozen: Option<String>,
    /// Whether its address was paid more than once: whoever sees one payment sees the other.
    pub reused: bool,
    /// The address it sits on.
    pub address: String,
    /// `receive` or `change`.
    pub keychain: String,
    /// The address's derivation index.
    pub index: u32,
    /// The coin's own label, else its address's, else its transaction's.
    pub label: Option<String>,
}

/// What the spending paths can do.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveryView {
    /// The vault's name.
    pub vault: String,
    /// The block up to which the chain is known.
    pub height: u32,
    /// Each path, in the vault's order.
    pub paths: Vec<PathView>,
    /// When a recovery path is open or opens soon.
    pub alert: Option<String>,
}

/// What one spending path can do.
#[derive(Debug, Clone, Serialize)]
pub struct PathView {
    /// Its number, from 1.
    pub path: usize,
    /// Who, and when, in words.
    pub words: String,
    /// Coins it can spend in the next block.
    pub coins: u64,
    /// What they are worth together.
    pub amount_sat: u64,
    /// The first block in which it can spend more, where a timelock holds some back.
    pub next_height: Option<u32>,
    /// When that is to be expected, seconds since 1970.
    pub next_at: Option<u64>,
    /// The first block in which it can spend all that is there now.
    pub all_height: Option<u32>,
    /// When that is to be expected, seconds since 1970.
    pub all_at: Option<u64>,
}

/// Whether an address is the vault's.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyAddressView {
    /// The address.
    pub address: String,
    /// `receive` or `change`.
    pub keychain: String,
    /// Its number there.
    pub index: u32,
    /// Whether it was handed out here or in another home of the vault.
    pub handed_out: bool,
    /// Whether it was paid.
    pub used: bool,
    /// What it is called.
    pub label: Option<String>,
    /// What to know about it.
    pub findings: Vec<String>,
}
