//! Addresses and coins.

use crate::labels::words;
use crate::sources::as_of;
use crate::view::{AddressView, AddressesView, CoinView, CoinsView};
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::Address;
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;
use quorate_core::text::check_line;
use quorate_storage::CoinFilter;

const MAX_LABEL: usize = 255;
/// Why dust is left alone (T30).
const FROZEN: &str =
    "dust sent to an address in use; spent with others it would show which are yours";

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
            AddressView::of(
                &vault,
                Keychain::Receive,
                index,
                label.map(ToOwned::to_owned),
            )
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
                as_of: as_of(tx, row.id)?,
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
                .into_iter()
                .map(|coin| {
                    // Derived when the coin was found; deriving it again would cost more than all
                    // the rest.
                    let script = tx.ledger_script(ledger, coin.keychain, coin.index)?;
                    let address = script
                        .and_then(|script| Address::from_script(&script, vault.network()).ok());
                    let address = match address {
                        Some(address) => address,
                        None => vault
                            .derive(coin.keychain, coin.index)?
                            .address(vault.network()),
                    };
                    let (outpoint, txid) =
                        (coin.outpoint.to_string(), coin.outpoint.txid.to_string());
                    let mut label = words(tx, row.id, "tx", &txid, None)?;
                    let revealed = tx.address_label(row.id, coin.keychain, coin.index)?;
                    label = words(tx, row.id, "addr", &address.to_string(), revealed)?.or(label);
                    label = words(tx, row.id, "output", &outpoint, None)?.or(label);
                    Ok(CoinView {
                        label,
                        outpoint,
                        value_sat: coin.value.to_sat(),
                        height: coin.height,
                        reserved_by: tx
                            .reserved_by(row.id, coin.outpoint, now, &[])?
                            .map(|id| id.to_string()),
                        frozen: tx.is_dusting(ledger, &coin)?.then(|| FROZEN.to_owned()),
                        address: address.to_string(),
                        keychain: coin.keychain.to_string(),
                        index: coin.index,
                    })
                })
                .collect::<Result<_, Error>>()?;
            Ok(CoinsView {
                coins,
                as_of: as_of(tx, row.id)?,
            })
        })
    }
}
