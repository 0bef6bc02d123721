//! What events tell, added up, is what the ledger says.

use crate::home::Expected;
use bitcoin::OutPoint;
use quorate_core::ledger::{Coin, Spent};
use quorate_core::vault::VaultId;
use quorate_storage::{StorageError, WriteTx};
use std::collections::BTreeMap;

/// What a listener knows of one vault.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    heard: u64,
    /// `None` until its first look is done.
    coins: Option<BTreeMap<OutPoint, Coin>>,
}

impl Listener {
    /// Listens to what is new and compares.
    pub(crate) fn listen(
        &mut self,
        tx: &WriteTx<'_>,
        vault: VaultId,
        expected: &Expected,
    ) -> Result<(), StorageError> {
        for event in tx.events_after(self.heard, usize::MAX)? {
            assert!(event.number > self.heard);
            self.heard = event.number;
            if event.vault != Some(vault) {
                continue;
            }
            match event.kind.as_str() {
                "rescan" => {
                    self.coins = None;
                    continue;
                }
                "scanned" => {
                    // One event for all that was there at that moment, which is now.
                    assert!(self.coins.is_none(), "scanned twice");
                    self.coins = Some(expected.coins.clone());
                    continue;
                }
                _ => {}
            }
            let Some(outpoint) = event.coin else { continue };
            let coins = self.coins.as_mut().expect("silence before the first look");
            let spent = event.spender.map(|by| Spent {
                by,
                height: event.height,
            });
            let (keychain, index) = event.place.unwrap();
            match event.kind.as_str() {
                "coin_seen" | "coin_confirmed" => {
                    let coin = coins.entry(outpoint).or_insert(Coin {
                        outpoint,
                        value: bitcoin::Amount::from_sat(event.value.unwrap() as u64),
                        keychain,
                        index,
                        height: None,
                        coinbase: false,
                        spent: None,
                    });
                    coin.height = event.height;
                }
                "coin_unconfirmed" => coins.get_mut(&outpoint).unwrap().height = None,
                "coin_gone" => drop(coins.remove(&outpoint).unwrap()),
                "coin_unspent" => coins.get_mut(&outpoint).unwrap().spent = None,
                "coin_spent" | "spend_confirmed" | "spend_unconfirmed" => {
                    coins.get_mut(&outpoint).unwrap().spent = spent;
                }
                other => panic!("{other}"),
            }
        }
        if let Some(coins) = &self.coins {
            let plain = |coins: &BTreeMap<OutPoint, Coin>| -> Vec<Coin> {
                let coins = coins.values().cloned();
                coins
                    .map(|coin| Coin {
                        coinbase: false,
                        ..coin
                    })
                    .collect()
            };
            assert_eq!(plain(coins), plain(&expected.coins));
        }
        Ok(())
    }
}
