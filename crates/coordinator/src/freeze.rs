//! Coins that aren't spent unless somebody says so: those a person froze, and dust that strangers sent.

use crate::view::{CoinView, CoinsView};
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::OutPoint;
use quorate_core::journal::Body;
use quorate_core::label::Label;
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::text::check_line;
use quorate_core::vault::VaultId;
use quorate_storage::ReadTx;

const MAX_NOTE: usize = 255;

/// Why a coin is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frozen {
    /// A person said so.
    ByHand,
    /// T30: dust on an address that was in use before.
    Dust,
}

impl Frozen {
    /// In a sentence.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::ByHand => "frozen by hand: `quorate coin unfreeze` frees it",
            Self::Dust => {
                "dust sent to an address in use; spent with others it would show which are yours"
            }
        }
    }
}

/// Whether a coin is left alone. What a person said goes before what we think of dust.
pub(crate) fn frozen(
    tx: &ReadTx<'_>,
    vault: VaultId,
    ledger: VaultRow,
    coin: &Coin,
) -> Result<Option<Frozen>, Error> {
    Ok(match tx.spendable(vault, coin.outpoint)? {
        Some(true) => None,
        Some(false) => Some(Frozen::ByHand),
        None => tx.is_dusting(ledger, coin)?.then_some(Frozen::Dust),
    })
}

impl Coordinator {
    /// Freezes coins, or frees them: BIP-0329's `spendable`, which other wallets read too. `note` becomes
    /// the label; without one the words that are there stay.
    pub fn freeze(
        &mut self,
        vault: &str,
        coins: &[OutPoint],
        freeze: bool,
        note: Option<&str>,
        moment: Moment,
    ) -> Result<CoinsView, Error> {
        if let Some(note) = note {
            check_line("the note", note, MAX_NOTE)
                .map_err(|error| Error::input("bad_note", error.to_string()))?;
        }
        let device = self.device.clone();
        let now = self.tick(moment);
        self.store.write(|tx| {
            let row = vault_row(tx, vault)?;
            let opened = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let (mut lines, mut changed) = (Vec::new(), Vec::new());
            for outpoint in coins {
                let coin = tx.ledger_coin(ledger, outpoint)?;
                let coin = coin.filter(|coin| coin.spent.is_none()).ok_or_else(|| {
                    Error::refused(
                        "no_such_coin",
                        format!("{outpoint} isn't a coin that this vault has"),
                    )
                    .hint(format!("`quorate coin list {}` shows them", row.name))
                })?;
                let reference = outpoint.to_string();
                let label = match tx.whole_label(row.id, "output", &reference)? {
                    Some(label) => label,
                    None => Label::new("output", &reference, "")?,
                };
                if label.spendable() != Some(!freeze) || note.is_some() {
                    lines.push(label.marked(!freeze, note)?.line().to_owned());
                }
                changed.push(coin);
            }
            if !lines.is_empty() {
                crate::append(&device, tx, row.id, moment.now, Body::LabelsSet { lines })?;
            }
            let coins = changed
                .iter()
                .map(|coin| CoinView::of(tx, &row, &opened, ledger, coin, now))
                .collect::<Result<_, _>>()?;
            Ok(CoinsView { coins })
        })
    }
}
