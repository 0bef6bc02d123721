//! Addresses and coins.

use crate::freeze::frozen;
use crate::labels::words;
use crate::view::{AddressView, AddressesView, CoinView, CoinsView, VerifyAddressView};
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::Address;
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Coin, LOOKAHEAD, VaultRow};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::{CoinFilter, ReadTx, StoredVault};

const MAX_LABEL: usize = 255;
/// How far ahead most wallets search: BIP-0044's gap limit.
const COMMON_GAP: u32 = 20;
impl Coordinator {
    /// Hands out the next unused receive address. Its index is never handed out again.
    pub fn new_address(
        &mut self,
        name: &str,
        label: Option<&str>,
        moment: Moment,
    ) -> Result<AddressView, Error> {
        self.deposit_address(name, label, false, moment)
    }

    /// The same; with `force` also of a vault for which not everybody stands, or a retired one.
    pub fn deposit_address(
        &mut self,
        name: &str,
        label: Option<&str>,
        force: bool,
        moment: Moment,
    ) -> Result<AddressView, Error> {
        if let Some(label) = label {
            check_line("the label", label, MAX_LABEL)
                .map_err(|error| Error::input("bad_label", error.to_string()))?;
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            if !force {
                crate::setup::check_deposit(tx, &row, &vault)?;
            }
            let index = tx.ledger_next_index(crate::ledger_row(tx, row.id)?, Keychain::Receive)?;
            let body = Body::AddressRevealed {
                keychain: Keychain::Receive,
                index,
                label: label.map(ToOwned::to_owned),
            };
            crate::append(&device, tx, row.id, moment.now, body)?;
            tx.ledger_reveal(&vault, Keychain::Receive, index)?;
            let mut view = AddressView::of(
                &vault,
                Keychain::Receive,
                index,
                label.map(ToOwned::to_owned),
            )?;
            let used = tx.ledger_highest_used(crate::ledger_row(tx, row.id)?, Keychain::Receive)?;
            let unused = index - used.map_or(0, |used| used.saturating_add(1)).min(index);
            if unused >= COMMON_GAP {
                view.findings.push(format!(
                    "{unused} addresses before this one are unpaid: most other wallets search only {COMMON_GAP} ahead and wouldn't find a payment to it"
                ));
            }
            Ok(view)
        })
    }

    /// The addresses handed out so far.
    pub fn addresses(&mut self, name: &str) -> Result<AddressesView, Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let addresses = tx
                .addresses(row.id)?
                .into_iter()
                .map(|address| {
                    let mut view =
                        AddressView::of(&vault, address.keychain, address.index, address.label)?;
                    view.label = words(tx, row.id, "addr", &view.address, view.label.take())?;
                    Ok(view)
                })
                .collect::<Result<_, Error>>()?;
            Ok(AddressesView {
                addresses,
                findings: crate::homes::findings(tx, &vault)?,
            })
        })
    }

    /// Whether an address is the vault's, by our own derivation. `beyond` is how far past those in use is
    /// searched where it isn't found among them.
    ///
    /// # Errors
    /// When it is of another network, or not found.
    pub fn verify_address(
        &mut self,
        name: &str,
        address: &Address,
        beyond: u32,
    ) -> Result<VerifyAddressView, Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let script = address.script_pubkey();
            let known = tx.ledger_owners(&script)?;
            let known = known.into_iter().find(|owner| owner.vault == ledger);
            let mut place = known.map(|owner| (owner.keychain, owner.index));
            for keychain in Keychain::ALL {
                if place.is_some() {
                    break;
                }
                let next = tx.ledger_next_index(ledger, keychain)?;
                for index in 0..next.saturating_add(beyond) {
                    if vault.derive(keychain, index)?.script_pubkey == script {
                        place = Some((keychain, index));
                        break;
                    }
                }
            }
            let Some((keychain, index)) = place else {
                return Err(Error::refused(
                    "not_ours",
                    format!(
                        "{address} is none of the vault's addresses, as far as {beyond} beyond those in use: don't pay to it for this vault"
                    ),
                )
                .hint("if it comes from a device, compare the vault's id and words there"));
            };
            // Whatever a table says, what counts is what the keys give.
            if vault.derive(keychain, index)?.script_pubkey != script {
                return Err(Error::storage(
                    "damaged",
                    format!("the ledger says that {address} is {keychain} {index}, which it isn't"),
                ));
            }
            let next = tx.ledger_next_index(ledger, keychain)?;
            let used = !tx
                .ledger_used(ledger, keychain, index, index.saturating_add(1))?
                .is_empty();
            let handed_out = index < next;
            let revealed = tx.address_label(row.id, keychain, index)?;
            let mut findings = Vec::new();
            if used {
                findings.push("it was paid before: a new one for each payment keeps payments apart".to_owned());
            }
            if keychain == Keychain::Change {
                findings.push("it is a change address, which isn't meant to be handed out".to_owned());
            }
            if index >= next.saturating_add(LOOKAHEAD) {
                findings.push(format!(
                    "it is {} beyond those in use: a payment to it isn't noticed before the ones in between are handed out",
                    index - next
                ));
            }
            Ok(VerifyAddressView {
                label: words(tx, row.id, "addr", &address.to_string(), revealed)?,
                address: address.to_string(),
                keychain: keychain.to_string(),
                index,
                handed_out,
                used,
                findings,
            })
        })
    }

    /// The unspent coins, largest first.
    pub fn coins(&mut self, name: &str) -> Result<CoinsView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let coins = tx
                .ledger_coins(ledger, CoinFilter::default(), usize::MAX)?
                .iter()
                .map(|coin| CoinView::of(tx, &row, &vault, ledger, coin, now))
                .collect::<Result<_, Error>>()?;
            Ok(CoinsView { coins })
        })
    }
}

/// What a coin is called: its own label, that of its address, that of its transaction.
pub(crate) fn coin_label(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    coin: &Coin,
    address: &Address,
) -> Result<Option<String>, Error> {
    let (outpoint, txid) = (coin.outpoint.to_string(), coin.outpoint.txid.to_string());
    let label = words(tx, row.id, "tx", &txid, None)?;
    let revealed = tx.address_label(row.id, coin.keychain, coin.index)?;
    let label = words(tx, row.id, "addr", &address.to_string(), revealed)?.or(label);
    Ok(words(tx, row.id, "output", &outpoint, None)?.or(label))
}

/// Where a coin lies.
pub(crate) fn coin_address(
    tx: &ReadTx<'_>,
    vault: &Vault,
    ledger: VaultRow,
    coin: &Coin,
) -> Result<Address, Error> {
    // Derived when the coin was found; deriving it again would cost more than all the rest.
    let script = tx.ledger_script(ledger, coin.keychain, coin.index)?;
    let address = script.and_then(|script| Address::from_script(&script, vault.network()).ok());
    Ok(match address {
        Some(address) => address,
        None => vault
            .derive(coin.keychain, coin.index)?
            .address(vault.network()),
    })
}

impl CoinView {
    pub(crate) fn of(
        tx: &ReadTx<'_>,
        row: &StoredVault,
        vault: &Vault,
        ledger: VaultRow,
        coin: &Coin,
        now: u64,
    ) -> Result<Self, Error> {
        let address = coin_address(tx, vault, ledger, coin)?;
        Ok(Self {
            label: coin_label(tx, row, coin, &address)?,
            outpoint: coin.outpoint.to_string(),
            value_sat: coin.value.to_sat(),
            height: coin.height,
            reserved_by: tx
                .reserved_by(row.id, coin.outpoint, now, &[])?
                .map(|id| id.to_string()),
            frozen: frozen(tx, row.id, ledger, coin)?.map(|why| why.why().to_owned()),
            reused: tx.ledger_is_reused(ledger, coin.keychain, coin.index)?,
            address: address.to_string(),
            keychain: coin.keychain.to_string(),
            index: coin.index,
        })
    }
}
