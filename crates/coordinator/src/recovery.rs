//! What each spending path can move now and when it can move the rest; and the alarm before a recovery
//! path opens for coins that should stay with the everyday quorum.

use crate::proposal::first_opening;
use crate::view::{PathView, RecoveryView};
use crate::{Coordinator, Error, vault_row};
use quorate_core::ledger::VaultRow;
use quorate_core::policy::Timelock;
use quorate_storage::{ReadTx, StoredVault};

/// How long before a path opens it is told: 30 days of blocks.
const NOTICE: u32 = 30 * 144;
/// Seconds that a block takes in the long run.
const BLOCK: u64 = 600;

impl Coordinator {
    /// What each spending path can do, as of the last sync; `now` in seconds since 1970, for dates.
    ///
    /// # Errors
    /// When there is no such vault, or it was never synced.
    pub fn recovery(&mut self, name: &str, now: u64) -> Result<RecoveryView, Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let balance = tx.ledger_balance(ledger)?;
            let Some(tip) = balance.height else {
                return Err(crate::proposal::never_synced(&row.name));
            };
            let explained = vault.explain();
            let paths = vault.policy().paths.iter().enumerate();
            let paths = paths
                .map(|(at, path)| {
                    let words = explained.get(at).cloned().unwrap_or_default();
                    let open = |height: u32| height <= tip.saturating_add(1);
                    let (now_open, first, last) = match path.lock {
                        None => ((balance.coins, balance.confirmed.to_sat()), None, None),
                        Some(Timelock::After(height)) if open(height + 1) => {
                            ((balance.coins, balance.confirmed.to_sat()), None, None)
                        }
                        Some(Timelock::After(height)) => {
                            ((0, 0), Some(height + 1), Some(height + 1))
                        }
                        Some(Timelock::Older(blocks)) => {
                            let age = u32::from(blocks);
                            // Spendable in the next block when that many blocks lie between.
                            let ripe = (tip + 1).checked_sub(age);
                            let sum = match ripe {
                                Some(height) => tx.ledger_coins_until(ledger, height)?,
                                None => (0, 0),
                            };
                            let from = ripe.map_or(0, |height| height + 1);
                            let (first, last) = tx.ledger_heights_from(ledger, from)?;
                            let opens = |height: u32| height.saturating_add(age);
                            (sum, first.map(opens), last.map(opens))
                        }
                    };
                    let when = |height: u32| now + u64::from(height.saturating_sub(tip)) * BLOCK;
                    Ok(PathView {
                        path: at + 1,
                        words,
                        coins: now_open.0,
                        amount_sat: now_open.1,
                        next_height: first,
                        next_at: first.map(when),
                        all_height: last,
                        all_at: last.map(when),
                    })
                })
                .collect::<Result<_, Error>>()?;
            Ok(RecoveryView {
                vault: row.name.clone(),
                height: tip,
                paths,
                alert: alert(tx, &row, ledger, tip)?,
            })
        })
    }
}

/// Most vaults have no such path, and need not be opened to see it.
pub(crate) fn may_open_by_age(row: &StoredVault) -> bool {
    row.descriptor.contains("older(")
}

/// A sentence when a recovery path is open, or opens soon, for some coin. One look-up.
pub(crate) fn alert(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    ledger: VaultRow,
    tip: u32,
) -> Result<Option<String>, Error> {
    if !may_open_by_age(row) {
        return Ok(None);
    }
    let name = &row.name;
    let Some(age) = first_opening(&Coordinator::open_vault(row)?) else {
        return Ok(None);
    };
    let Some(oldest) = tx.ledger_heights_from(ledger, 0)?.0 else {
        return Ok(None);
    };
    let opens = oldest.saturating_add(age);
    // A short timelock is always about to open; then a tenth of it is notice enough.
    let notice = NOTICE.min(age / 10);
    let left = opens.saturating_sub(tip.saturating_add(1));
    if left > notice {
        return Ok(None);
    }
    let refresh = format!("`quorate proposal refresh {name}` moves such coins to yourselves");
    Ok(Some(match left {
        0 => format!("a recovery path is open for the oldest coin: {refresh}"),
        left => format!(
            "a recovery path opens for the oldest coin in {left} blocks, about {} days: {refresh}",
            left.div_ceil(144)
        ),
    }))
}
