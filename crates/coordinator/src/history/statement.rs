//! Statements: what a vault held when a period began, every confirmed transaction in it, what the
//! vault held at its end. The sums are exact: opening and in, less out and fees, is closing.

use super::movement::{Reader, net};
use crate::view::{LabelsView, MovementView, StatementView};
use crate::{Coordinator, Error, vault_row};
use quorate_core::label::Label;
use std::collections::BTreeSet;

/// Transactions read at once.
const PAGE: usize = 500;
/// Seconds of a day.
const DAY: u32 = 86_400;
/// By what a transaction's day is told.
const DATES: &str = "time in the block's header, UTC";

/// A line's part of the sums: what came in, what was paid, the fee.
fn parts(line: &MovementView) -> (u64, u64, u64) {
    let gained = line.net_sat.max(0).unsigned_abs();
    let fee = line.fee_sat.unwrap_or(0);
    (gained, line.paid_sat, fee)
}

impl Coordinator {
    /// The statement of the days from `from` on and before `until`, both the first second of a day
    /// (UTC). A transaction belongs to the day of its block's header time.
    pub fn account_statement(
        &mut self,
        name: &str,
        from: u32,
        until: u32,
    ) -> Result<StatementView, Error> {
        if until <= from || !from.is_multiple_of(DAY) || !until.is_multiple_of(DAY) {
            return Err(Error::input(
                "bad_period",
                "the period ends before it begins: --from comes first, --to is its last day",
            ));
        }
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let reader = Reader::new(tx, &row, &vault)?;
            let opening = tx.ledger_held_before_day(reader.ledger, from / DAY)?;
            let mut view = StatementView {
                vault: row.name.clone(),
                vault_id: row.id.to_string(),
                network: row.network.to_string(),
                from,
                until,
                dates: DATES.to_owned(),
                height: reader.tip,
                opening_sat: opening,
                in_sat: 0,
                out_sat: 0,
                fees_sat: 0,
                closing_sat: opening,
                unconfirmed_sat: tx.ledger_waiting(reader.ledger)?.iter().map(net).sum(),
                lines: Vec::new(),
            };
            let mut last = None;
            loop {
                let page = tx.ledger_of_days(reader.ledger, (from, until), last.as_ref(), PAGE)?;
                for one in &page {
                    let mut line = reader.movement(one)?;
                    let (gained, paid, fee) = parts(&line);
                    view.in_sat += gained;
                    view.out_sat += paid;
                    view.fees_sat += fee;
                    view.closing_sat += line.net_sat;
                    line.balance_sat = Some(view.closing_sat);
                    view.lines.push(line);
                }
                match page.into_iter().next_back() {
                    Some(one) => last = Some(one),
                    None => break,
                }
            }
            // Two ways to the same number; a statement that is off is worse than none.
            let closing = tx.ledger_held_before_day(reader.ledger, until / DAY)?;
            if closing != view.closing_sat {
                return Err(Error::storage(
                    "damaged",
                    format!("the statement of `{}` doesn't add up", row.name),
                )
                .hint(format!(
                    "look the vault up anew: quorate sync {} --rescan-from HEIGHT",
                    row.name
                )));
            }
            Ok(view)
        })
    }

    /// The labels (BIP-0329) of what a statement lists: its transactions, their addresses and their
    /// outputs.
    pub fn statement_labels(&mut self, statement: &StatementView) -> Result<LabelsView, Error> {
        let mut wanted: BTreeSet<(&str, String)> = BTreeSet::new();
        for line in &statement.lines {
            wanted.insert(("tx", line.txid.clone()));
            let addresses = line.counterparties.iter();
            wanted.extend(addresses.filter_map(|one| Some(("addr", one.address.clone()?))));
        }
        let vault = &statement.vault;
        let mut all = self.labels(vault)?;
        all.labels.retain(|label| {
            let of = |kind: &str| {
                let txid = label.reference.split(':').next().unwrap_or_default();
                wanted.contains(&(kind, txid.to_owned()))
            };
            match label.kind.as_str() {
                "tx" | "input" | "output" => of("tx"),
                "addr" => of("addr"),
                _ => false,
            }
        });
        debug_assert!(
            all.labels
                .iter()
                .all(|label| Label::read(&label.line).is_ok())
        );
        Ok(all)
    }
}
