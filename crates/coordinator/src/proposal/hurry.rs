//! A receipt that waits too long: a child of ours pays for it.

use super::make::{check, ourselves};
use super::order::{Order, make};
use super::{Choices, Spend};
use crate::view::ProposalView;
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::{FeeRate, OutPoint};
use quorate_core::spend::{Package, Wishes};

/// A receipt that waits, and what would make it wait no longer.
#[derive(Debug, Clone, Copy)]
pub struct Hurry<'a> {
    /// The vault's name.
    pub vault: &'a str,
    /// The unconfirmed coin.
    pub coin: OutPoint,
    /// The transaction that made it, with its unconfirmed ancestors.
    pub package: Package,
    /// What they and the new transaction are to pay together at least.
    pub fee_rate: FeeRate,
    /// What it is for.
    pub memo: Option<&'a str>,
    /// Says that a high fee is meant.
    pub allow_high_fee: bool,
}

impl Coordinator {
    /// Child pays for parent: proposes to spend an unconfirmed coin to ourselves, with a fee that makes
    /// its transaction worth mining.
    ///
    /// # Errors
    /// When the coin is confirmed, spent or not ours, and when the transaction pays enough already.
    pub fn hurry(&mut self, hurry: &Hurry<'_>, moment: Moment) -> Result<ProposalView, Error> {
        check(hurry.memo, None, self.tick(moment))?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, hurry.vault)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let coin = tx.ledger_coin(ledger, &hurry.coin)?;
            if let Some(height) = coin.as_ref().and_then(|coin| coin.height) {
                return Err(Error::refused(
                    "confirmed",
                    format!("coin {} is confirmed in block {height} already", hurry.coin),
                ));
            }
            let Package { weight, fee } = hurry.package;
            let pays = FeeRate::from_sat_per_kwu(fee.to_sat() * 1000 / weight.to_wu().max(1));
            if pays >= hurry.fee_rate {
                return Err(Error::refused(
                    "pays_enough",
                    format!(
                        "the transaction of coin {} pays {} sat for {} virtual bytes, which is that rate already",
                        hurry.coin,
                        fee.to_sat(),
                        weight.to_vbytes_ceil()
                    ),
                ));
            }
            let recipients = [ourselves(tx, &vault, ledger)?];
            let spend = Spend {
                vault: hurry.vault,
                recipients: &recipients,
                fee_rate: hurry.fee_rate,
                memo: hurry.memo,
                path: 0,
                coins: &[hurry.coin],
                allow_high_fee: hurry.allow_high_fee,
                choices: Choices {
                    wishes: Wishes {
                        package: Some(hurry.package),
                        ..Wishes::default()
                    },
                    ..Choices::default()
                },
            };
            let order = Order {
                spend: &spend,
                keep: false,
                draft: false,
                expires: None,
                old: None,
                back: true,
            };
            make(&device, tx, &row, &vault, &order, moment)
        })
    }
}
