//! One transaction, as far as it concerns a vault.

use crate::Error;
use crate::facts::settled;
use crate::labels::words;
use crate::view::{CounterpartyView, MovementView};
use bitcoin::{Address, Amount, Script, Transaction, TxOut, consensus};
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::proposal::Status;
use quorate_core::vault::Vault;
use quorate_storage::{Booked, ReadTx, StoredVault};

/// What a transaction changed: received less sent.
pub(super) fn net(one: &Booked) -> i64 {
    signed(sum(&one.made)) - signed(sum(&one.spent))
}

fn sum(coins: &[Coin]) -> Amount {
    coins.iter().map(|coin| coin.value).sum()
}

/// All amounts of a vault together are below 21 million bitcoin.
fn signed(amount: Amount) -> i64 {
    i64::try_from(amount.to_sat()).unwrap_or(i64::MAX)
}

/// What is at hand for all lines.
pub(super) struct Reader<'a, 't> {
    tx: &'a ReadTx<'t>,
    row: &'a StoredVault,
    vault: &'a Vault,
    pub(super) ledger: VaultRow,
    pub(super) tip: Option<u32>,
}

impl<'a, 't> Reader<'a, 't> {
    pub(super) fn new(
        tx: &'a ReadTx<'t>,
        row: &'a StoredVault,
        vault: &'a Vault,
    ) -> Result<Self, Error> {
        let ledger = crate::ledger_row(tx, row.id)?;
        let tip = tx.ledger_cursor(ledger)?.map(|block| block.height);
        Ok(Self {
            tx,
            row,
            vault,
            ledger,
            tip,
        })
    }

    /// The line of a transaction that the ledger has.
    pub(super) fn movement(&self, one: &Booked) -> Result<MovementView, Error> {
        let (received, sent) = (sum(&one.made), sum(&one.spent));
        let inputs = one.transaction.input.len();
        let all_ours = one.spent.len() == inputs;
        let outputs: Amount = one
            .transaction
            .output
            .iter()
            .map(|output| output.value)
            .sum();
        let fee = match all_ours {
            true => sent.checked_sub(outputs),
            false => None,
        };
        let net = net(one);
        let lost = Amount::from_sat(net.min(0).unsigned_abs());
        let paid = lost - fee.unwrap_or(Amount::ZERO).min(lost);
        let kind = match (one.spent.is_empty(), all_ours) {
            (true, _) => "receipt",
            (false, false) => "joint",
            (false, true) if paid == Amount::ZERO => "internal",
            (false, true) => "payment",
        };
        let counterparties = match one.spent.is_empty() {
            true => self.paid_to_us(one)?,
            false => self.paid_by_us(one)?,
        };
        let txid = one.txid.to_string();
        let proposal = self.tx.proposal_by_txid(one.txid)?;
        let height = one.block.map(|block| block.height);
        Ok(MovementView {
            kind: kind.to_owned(),
            state: match height {
                Some(_) => "confirmed",
                None => "unconfirmed",
            }
            .to_owned(),
            time: u64::from(one.block_time.unwrap_or(one.first_seen)),
            height,
            block: one.block.map(|block| block.hash.to_string()),
            confirmations: height
                .zip(self.tip)
                .map_or(0, |(height, tip)| (tip + 1).saturating_sub(height)),
            received_sat: received.to_sat(),
            sent_sat: sent.to_sat(),
            paid_sat: paid.to_sat(),
            fee_sat: fee.map(Amount::to_sat),
            net_sat: net,
            balance_sat: one.balance,
            label: words(self.tx, self.row.id, "tx", &txid, None)?,
            memo: match proposal {
                Some(id) => self.tx.proposal_memo(id)?,
                None => None,
            },
            proposal: proposal.map(|id| id.to_string()),
            counterparties,
            txid,
        })
    }

    /// What was let go and is neither on the chain nor in the mempool, as of the last sync.
    pub(super) fn nowhere(&self, now: u64) -> Result<Vec<MovementView>, Error> {
        let mut lines = Vec::new();
        for (id, raw, released_at) in self.tx.released_and_nowhere(self.row.id)? {
            let transaction: Transaction = consensus::deserialize(&raw)
                .map_err(|_| Error::storage("damaged", "a released transaction can't be read"))?;
            let head = self.tx.proposal_head(id)?;
            let status = match &head {
                Some(head) => settled(self.tx, head, now)?,
                None => None,
            };
            let state = match status {
                Some(Status::Conflicted) => "conflicted",
                Some(Status::Replaced) => "replaced",
                _ => "missing",
            };
            let mut spent = Vec::new();
            for input in &transaction.input {
                spent.extend(self.tx.ledger_coin(self.ledger, &input.previous_output)?);
            }
            let mut received = Amount::ZERO;
            for output in &transaction.output {
                let owners = self.tx.ledger_owners(&output.script_pubkey)?;
                if owners.iter().any(|owner| owner.vault == self.ledger) {
                    received += output.value;
                }
            }
            let one = Booked {
                txid: transaction.compute_txid(),
                block: None,
                position: None,
                block_time: None,
                first_seen: u32::try_from(released_at).unwrap_or(u32::MAX),
                balance: None,
                made: Vec::new(),
                spent,
                transaction,
            };
            let mut line = self.movement(&one)?;
            line.received_sat = received.to_sat();
            line.net_sat += signed(received);
            line.paid_sat = line.paid_sat.saturating_sub(received.to_sat());
            line.state = state.to_owned();
            lines.push(line);
        }
        Ok(lines)
    }

    fn paid_to_us(&self, one: &Booked) -> Result<Vec<CounterpartyView>, Error> {
        let coins = one.made.iter();
        coins
            .map(|coin| {
                let script = self
                    .tx
                    .ledger_script(self.ledger, coin.keychain, coin.index)?;
                let address = script.and_then(|script| self.address(&script));
                let revealed = self
                    .tx
                    .address_label(self.row.id, coin.keychain, coin.index)?;
                Ok(CounterpartyView {
                    label: match &address {
                        Some(address) => words(self.tx, self.row.id, "addr", address, revealed)?,
                        None => revealed,
                    },
                    address,
                    amount_sat: coin.value.to_sat(),
                    ours: true,
                })
            })
            .collect()
    }

    fn paid_by_us(&self, one: &Booked) -> Result<Vec<CounterpartyView>, Error> {
        let ours = |vout: u32| one.made.iter().any(|coin| coin.outpoint.vout == vout);
        let outputs = (0u32..).zip(&one.transaction.output);
        let foreign: Vec<&TxOut> = outputs
            .filter(|(vout, _)| !ours(*vout))
            .map(|(_, output)| output)
            .collect();
        let mut paid = Vec::with_capacity(foreign.len());
        for output in foreign {
            let owners = match one.block {
                // One that is nowhere has no coins in the ledger to tell its change by.
                None => self.tx.ledger_owners(&output.script_pubkey)?,
                Some(_) => Vec::new(),
            };
            if owners.iter().any(|owner| owner.vault == self.ledger) {
                continue;
            }
            let address = self.address(&output.script_pubkey);
            paid.push(CounterpartyView {
                label: match &address {
                    Some(address) => words(self.tx, self.row.id, "addr", address, None)?,
                    None => None,
                },
                address,
                amount_sat: output.value.to_sat(),
                ours: false,
            });
        }
        Ok(paid)
    }

    fn address(&self, script: &Script) -> Option<String> {
        let address = Address::from_script(script, self.vault.network()).ok()?;
        Some(address.to_string())
    }
}
