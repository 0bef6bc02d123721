//! What happened to a vault's money: its transactions a page at a time, and statements of a period.

mod movement;
mod statement;

use crate::view::{HistoryView, MovementView};
use crate::{Coordinator, Error, vault_row};
use bitcoin::Txid;
use movement::Reader;
use quorate_core::text::escape;
use quorate_storage::{Booked, Order, ReadTx, Spot};

/// The most lines of a page.
pub const MAX_PAGE: usize = 10_000;

/// Which page of a history.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The oldest first; otherwise the newest.
    pub oldest_first: bool,
    /// At most so many lines, not counting what was sent and is nowhere.
    pub limit: usize,
    /// Go on behind this transaction, in the page's order.
    pub behind: Option<String>,
}

impl Coordinator {
    /// A page of a vault's transactions. What it costs depends on the page and the mempool, not on
    /// the history.
    pub fn history(&mut self, name: &str, page: &Page) -> Result<HistoryView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let reader = Reader::new(tx, &row, &vault)?;
            let ledger = reader.ledger;
            let limit = page.limit.min(MAX_PAGE);
            let mut waiting = tx.ledger_waiting(ledger)?;
            let held = tx.ledger_held(ledger)?;
            let mut running = held;
            for one in &mut waiting {
                running += movement::net(one);
                one.balance = Some(running);
            }
            let behind = match &page.behind {
                Some(text) => Some(spot(tx, ledger, text)?),
                None => None,
            };
            let mut booked = if page.oldest_first {
                oldest_first(tx, ledger, behind.as_ref(), waiting, limit)?
            } else {
                newest_first(tx, ledger, behind.as_ref(), waiting, limit)?
            };
            let more = booked.len() > limit;
            booked.truncate(limit);
            let next = booked
                .last()
                .filter(|_| more)
                .map(|one| one.txid.to_string());
            let mut transactions: Vec<MovementView> = Vec::new();
            // What was let go and is nowhere stands with the newest.
            let nowhere = match (page.oldest_first, &page.behind, more) {
                (false, None, _) | (true, _, false) => reader.nowhere(now)?,
                _ => Vec::new(),
            };
            for one in &booked {
                transactions.push(reader.movement(one)?);
            }
            if page.oldest_first {
                transactions.extend(nowhere);
            } else {
                transactions.splice(0..0, nowhere);
            }
            Ok(HistoryView {
                vault: row.name.clone(),
                height: reader.tip,
                balance_sat: running,
                transactions,
                next,
            })
        })
    }
}

/// A transaction from which a page goes on.
struct Behind {
    txid: Txid,
    spot: Option<Spot>,
}

fn spot(
    tx: &ReadTx<'_>,
    ledger: quorate_core::ledger::VaultRow,
    text: &str,
) -> Result<Behind, Error> {
    let unknown = || {
        Error::input(
            "unknown_transaction",
            format!("`{}` is no transaction of this vault", escape(text)),
        )
        .hint("give the whole id of a transaction that `quorate history` lists")
    };
    let txid: Txid = text.parse().map_err(|_| unknown())?;
    let spot = tx.ledger_spot(ledger, &txid)?.ok_or_else(unknown)?;
    Ok(Behind { txid, spot })
}

/// One more than asked for tells whether there is a next page.
fn newest_first(
    tx: &ReadTx<'_>,
    ledger: quorate_core::ledger::VaultRow,
    behind: Option<&Behind>,
    mut waiting: Vec<Booked>,
    limit: usize,
) -> Result<Vec<Booked>, Error> {
    waiting.reverse();
    let from = match behind {
        None => Spot::END,
        Some(Behind {
            spot: Some(spot), ..
        }) => {
            waiting.clear();
            *spot
        }
        Some(Behind { txid, spot: None }) => {
            let place = waiting.iter().position(|one| one.txid == *txid);
            waiting.drain(..place.map_or(0, |place| place + 1));
            Spot::END
        }
    };
    let room = (limit + 1).saturating_sub(waiting.len());
    waiting.extend(tx.ledger_history(ledger, Order::Older(from), room)?);
    Ok(waiting)
}

fn oldest_first(
    tx: &ReadTx<'_>,
    ledger: quorate_core::ledger::VaultRow,
    behind: Option<&Behind>,
    mut waiting: Vec<Booked>,
    limit: usize,
) -> Result<Vec<Booked>, Error> {
    let from = match behind {
        None => Spot::START,
        Some(Behind {
            spot: Some(spot), ..
        }) => *spot,
        Some(Behind { txid, spot: None }) => {
            let place = waiting.iter().position(|one| one.txid == *txid);
            waiting.drain(..place.map_or(0, |place| place + 1));
            return Ok(waiting);
        }
    };
    let mut page = tx.ledger_history(ledger, Order::Newer(from), limit + 1)?;
    page.extend(waiting);
    Ok(page)
}
