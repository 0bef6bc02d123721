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
            let mut transactions = Vec::with_capacity(booked.len());
            for one in &booked {
                transactions.push(reader.movement(one)?);
            }
            // What was let go and is nowhere has no place in the chain; it stands where its time is.
            let begins = behind.as_ref().map(|behind| behind.time);
            let ends = transactions.last().filter(|_| more).map(|one| one.time);
            for line in reader.nowhere(now)? {
                put(&mut transactions, line, page.oldest_first, (begins, ends));
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

/// Puts a line where its time is, if that is on this page.
fn put(
    lines: &mut Vec<MovementView>,
    line: MovementView,
    oldest_first: bool,
    (begins, ends): (Option<u64>, Option<u64>),
) {
    // Whether one time comes before another in the page's order.
    let before = |one: u64, other: u64| match oldest_first {
        true => one < other,
        false => one > other,
    };
    let early = begins.is_some_and(|begins| !before(begins, line.time));
    let late = ends.is_some_and(|ends| before(ends, line.time));
    if early || late {
        return;
    }
    let place = lines.iter().position(|there| before(line.time, there.time));
    lines.insert(place.unwrap_or(lines.len()), line);
}

/// A transaction from which a page goes on.
struct Behind {
    txid: Txid,
    spot: Option<Spot>,
    time: u64,
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
    let time = tx.ledger_time(ledger, &txid)?.unwrap_or_default();
    Ok(Behind {
        txid,
        spot,
        time: u64::from(time),
    })
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
        Some(Behind {
            txid, spot: None, ..
        }) => {
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
        Some(Behind {
            txid, spot: None, ..
        }) => {
            let place = waiting.iter().position(|one| one.txid == *txid);
            waiting.drain(..place.map_or(0, |place| place + 1));
            return Ok(waiting);
        }
    };
    let mut page = tx.ledger_history(ledger, Order::Newer(from), limit + 1)?;
    page.extend(waiting);
    Ok(page)
}
