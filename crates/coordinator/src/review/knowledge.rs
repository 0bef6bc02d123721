//! What a home knows beyond a transaction: whose its scripts are, who was paid before, which known
//! addresses look like its recipients (T30), how old its coins are. Every question is one look-up
//! by an index; none gets slower with history.

use crate::{Error, alarms};
use bitcoin::{Address, Script, ScriptBuf, Txid};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::Proposal;
use quorate_core::spend::{Acquaintance, Knowledge, KnownOutput, likeness};
use quorate_core::vault::Vault;
use quorate_storage::ReadTx;

/// How old a coin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Nobody here knows the coin.
    Unknown,
    /// It waits to be mined.
    Mempool,
    /// It is in the block of this height.
    Block(u32),
}

/// All that a home adds to a review. The default is that of a file without a home.
#[derive(Debug, Default)]
pub(crate) struct Situation {
    /// Whether there is a home.
    pub(crate) at_home: bool,
    /// About the outputs.
    pub(crate) knowledge: Knowledge,
    /// The last block looked at.
    pub(crate) tip: Option<u32>,
    /// About the inputs' coins, in order; empty without a home.
    pub(crate) ages: Vec<Age>,
    /// T32: alarms about cosigners' keys.
    pub(crate) alarms: Vec<String>,
}

impl Situation {
    /// What this home knows about a proposal of one of its vaults.
    pub(crate) fn of(tx: &ReadTx<'_>, vault: &Vault, proposal: &Proposal) -> Result<Self, Error> {
        let ledger = crate::ledger_row(tx, vault.id())?;
        let mut ages = Vec::with_capacity(proposal.inputs().len());
        for input in proposal.inputs() {
            let coin = tx.ledger_coin(ledger, &input.outpoint)?;
            ages.push(coin.map_or(Age::Unknown, |coin| {
                coin.height.map_or(Age::Mempool, Age::Block)
            }));
        }
        let mut knowledge = Knowledge::default();
        for keychain in Keychain::ALL {
            // Handed out here, or seen in use on the chain: another home may have handed it out.
            let revealed = tx.last_revealed(vault.id(), keychain)?;
            let seen = tx.ledger_highest_used(ledger, keychain)?;
            knowledge.used[keychain.index()] = revealed.max(seen);
        }
        let own = proposal.txid();
        for (place, output) in proposal.outputs().iter().enumerate() {
            if output.ours.is_none() {
                let known = known(tx, vault, own, &output.txout.script_pubkey)?;
                knowledge.outputs.insert(place, known);
            }
        }
        Ok(Self {
            at_home: true,
            knowledge,
            tip: tx.ledger_balance(ledger)?.height,
            ages,
            alarms: alarms::of_vault(tx, vault)?,
        })
    }
}

fn known(tx: &ReadTx<'_>, vault: &Vault, own: Txid, script: &Script) -> Result<KnownOutput, Error> {
    let ledger = crate::ledger_row(tx, vault.id())?;
    let owners = tx.ledger_owners(script)?;
    if let Some(owner) = owners.iter().find(|owner| owner.vault == ledger) {
        return Ok(KnownOutput {
            ours: Some((owner.keychain, owner.index)),
            ..KnownOutput::default()
        });
    }
    if let Some(owner) = owners.first() {
        let id = tx.ledger_vault_id(owner.vault)?;
        let row = id.map(|id| tx.vault(id)).transpose()?.flatten();
        return Ok(KnownOutput {
            vault: row.map(|row| row.name),
            ..KnownOutput::default()
        });
    }
    Ok(KnownOutput {
        paid_before: tx.paid_before(script, &own)?,
        like: like(tx, vault, script)?,
        ..KnownOutput::default()
    })
}

/// A known address that a person would take for this one.
fn like(
    tx: &ReadTx<'_>,
    vault: &Vault,
    script: &Script,
) -> Result<Option<(Address, Acquaintance)>, Error> {
    let network = vault.network();
    let Some(ends) = likeness(script, network) else {
        return Ok(None);
    };
    let address = |found: Option<ScriptBuf>| {
        found.and_then(|script| Address::from_script(&script, network).ok())
    };
    if let Some(paid) = address(tx.payee_like(script, ends)?) {
        return Ok(Some((paid, Acquaintance::Paid)));
    }
    if let Some(ours) = address(tx.ours_like(script, ends)?) {
        return Ok(Some((ours, Acquaintance::Ours)));
    }
    let proposed = address(tx.recipient_like(script, ends)?);
    Ok(proposed.map(|proposed| (proposed, Acquaintance::Proposed)))
}
