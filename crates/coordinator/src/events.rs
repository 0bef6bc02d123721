//! Events: what happened, told at least once to each consumer. Facts and the events that tell them are
//! committed together, by triggers. A proposal's status is computed and not stored; there the doubt
//! that it changed is committed with the fact, and settled here: right away when this home acts, at
//! the next sync or reading otherwise. Between the two only the outcome is told.

use crate::facts::status_of;
use crate::journal::summary_of;
use crate::opened::Opened;
use crate::view::{ConsumerView, ConsumersView, EventView, EventsView};
use crate::{Coordinator, Error};
use bitcoin::Address;
use quorate_core::proposal::{ProposalId, Status};
use quorate_core::text::check_name;
use quorate_storage::{ReadTx, StoredEvent, WriteTx};

/// Events read at once.
const PAGE: usize = 1_000;
/// Proposals settled at once.
const BATCH: usize = 50;

/// Tells the status of a proposal that something was just said about.
pub(crate) fn settle_one(tx: &WriteTx<'_>, id: ProposalId, now: u64) -> Result<(), Error> {
    let Some(head) = tx.proposal_head(id)? else {
        // Its opening doesn't count, or isn't here: when it comes to count, that raises the doubt again.
        return Ok(tx.undoubt(id)?);
    };
    let Some(row) = tx.vault(head.vault)? else {
        return Ok(());
    };
    let status = Coordinator::open_vault(&row).and_then(|vault| status_of(tx, &vault, &head, now));
    match status {
        Ok(status) => {
            let can_expire = matches!(
                status,
                Status::Draft | Status::Collecting | Status::Ready | Status::Rejected
            );
            let until = head.expires.filter(|_| can_expire);
            Ok(tx.tell_status(head.vault, id, status.word(), until)?)
        }
        // One that can't be read keeps nobody from his work; `journal verify` tells of it.
        Err(error) if matches!(error.code, "damaged" | "storage") => Ok(()),
        Err(error) => Err(error),
    }
}

impl Coordinator {
    /// Tells what only a look from outside of the ledger finds: changed statuses, and vaults whose
    /// first look at the chain is done.
    pub(crate) fn settle_events(&mut self, tip: Option<u32>) -> Result<(), Error> {
        let now = self.now;
        if let Some(tip) = tip {
            self.store
                .write(|tx| tx.tell_scanned(tip).map_err(Error::from))?;
        }
        let doubted = self.store.read(|tx| tx.doubted_proposals(now))?;
        // A few at a time: others wait for the lock.
        for some in doubted.chunks(BATCH) {
            self.store
                .write(|tx| some.iter().try_for_each(|id| settle_one(tx, *id, now)))?;
        }
        Ok(())
    }

    /// The events behind a number, a page of them.
    pub fn events(&mut self, after: u64) -> Result<EventsView, Error> {
        self.settle_events(None)?;
        self.store.read(|tx| page(tx, after, PAGE))
    }

    /// The newest events, the oldest of them first.
    pub fn latest_events(&mut self, count: usize) -> Result<EventsView, Error> {
        self.settle_events(None)?;
        self.store.read(|tx| {
            let after = tx.last_event()?.saturating_sub(count as u64);
            page(tx, after, count)
        })
    }

    /// The events that a consumer hasn't acknowledged, a page of them. A new consumer gets all.
    pub fn events_for(&mut self, consumer: &str) -> Result<EventsView, Error> {
        check_consumer(consumer)?;
        self.settle_events(None)?;
        self.store.read(|tx| {
            let after = tx.acknowledged(consumer)?.unwrap_or(0);
            page(tx, after, PAGE)
        })
    }

    /// Notes that a consumer has dealt with all events up to a number: it won't get them again.
    pub fn acknowledge(&mut self, consumer: &str, number: u64) -> Result<ConsumerView, Error> {
        check_consumer(consumer)?;
        self.store.write(|tx| {
            let last = tx.last_event()?;
            if number > last {
                return Err(Error::input(
                    "unknown_event",
                    format!("there is no event {number} yet, the newest is {last}"),
                ));
            }
            tx.acknowledge(consumer, number)?;
            let acknowledged = tx.acknowledged(consumer)?.unwrap_or(number);
            Ok(ConsumerView {
                name: consumer.to_owned(),
                acknowledged,
                waiting: last.saturating_sub(acknowledged),
            })
        })
    }

    /// Who reads events, and how far each has come.
    pub fn consumers(&mut self) -> Result<ConsumersView, Error> {
        self.store.read(|tx| {
            let last = tx.last_event()?;
            let consumers = tx.consumers()?.into_iter();
            let consumers = consumers.map(|one| ConsumerView {
                waiting: last.saturating_sub(one.acknowledged),
                name: one.name,
                acknowledged: one.acknowledged,
            });
            Ok(ConsumersView {
                consumers: consumers.collect(),
                last,
            })
        })
    }
}

fn check_consumer(name: &str) -> Result<(), Error> {
    check_name("the consumer's name", name)
        .map_err(|error| Error::input("bad_name", error.to_string()))
}

fn page(tx: &ReadTx<'_>, after: u64, limit: usize) -> Result<EventsView, Error> {
    let mut vaults = Opened::new(tx);
    let events = tx.events_after(after, limit)?;
    Ok(EventsView {
        events: events
            .iter()
            .map(|event| view(tx, &mut vaults, event))
            .collect::<Result<_, Error>>()?,
        last: tx.last_event()?,
    })
}

fn view(
    tx: &ReadTx<'_>,
    vaults: &mut Opened<'_, '_>,
    event: &StoredEvent,
) -> Result<EventView, Error> {
    let known = event.vault.map(|id| vaults.find(id)).transpose()?.flatten();
    let script = match (event.vault, event.place) {
        (Some(vault), Some((keychain, index))) => match tx.ledger_row(vault)? {
            Some(row) => tx.ledger_script(row, keychain, index)?,
            None => None,
        },
        _ => None,
    };
    let address = script
        .zip(known)
        .and_then(|(script, (row, _))| Address::from_script(&script, row.network).ok());
    let mut view = EventView {
        number: event.number,
        kind: event.kind.clone(),
        vault: known.map(|(row, _)| row.name.clone()),
        vault_id: event.vault.map(|vault| vault.to_string()),
        entry: None,
        entry_kind: None,
        author: None,
        parked: false,
        at: None,
        proposal: event.proposal.map(|id| id.to_string()),
        from: event.old.clone(),
        to: None,
        memo: None,
        outpoint: event.coin.map(|coin| coin.to_string()),
        address: address.map(|address| address.to_string()),
        value_sat: event.value,
        height: event.height,
        spent_by: event.spender.map(|txid| txid.to_string()),
        text: String::new(),
    };
    let mut said = None;
    if event.kind != "alarm"
        && let Some(id) = event.entry
    {
        view.entry = Some(id.to_string());
        if let (Some(Ok(entry)), Some((_, vault))) = (tx.entry(id)?, known) {
            let content = entry.content();
            view.entry_kind = Some(content.body.kind().to_owned());
            view.author = Some(content.author.to_string());
            view.parked = !tx.is_author_known(content.vault, content.author)?;
            view.at = Some(content.at);
            view.proposal = content.body.about().map(|id| id.to_string());
            said = Some(summary_of(&content.body, vault));
        }
    }
    if event.kind == "proposal_status" {
        view.to.clone_from(&event.new);
        view.memo = match event.proposal {
            Some(id) => tx.proposal_memo(id)?,
            None => None,
        };
    }
    view.text = sentence(&view, event, said);
    Ok(view)
}

fn sentence(view: &EventView, event: &StoredEvent, said: Option<String>) -> String {
    let short = |id: &Option<String>| {
        let id = id.as_deref().unwrap_or_default();
        id.get(..12).unwrap_or(id).to_owned()
    };
    let height = view.height.unwrap_or_default();
    let coin = |what: String| {
        let sat = view.value_sat.unwrap_or_default();
        let address = view.address.as_deref().unwrap_or("a lost address");
        format!("{sat} sat {what}, at {address}")
    };
    let spender = short(&view.spent_by);
    match event.kind.as_str() {
        "entry" => {
            let said = said.unwrap_or_else(|| format!("entry {}", short(&view.entry)));
            match view.parked {
                true => format!("parked, its author isn't enrolled: {said}"),
                false => said,
            }
        }
        "entry_refused" => format!(
            "refused, or in part: {}",
            said.unwrap_or_else(|| format!("entry {}", short(&view.entry)))
        ),
        "proposal_status" => format!(
            "proposal {} is {}",
            short(&view.proposal),
            view.to.as_deref().unwrap_or_default()
        ),
        "coin_seen" => coin("on the way".to_owned()),
        "coin_confirmed" => coin(format!("in block {height}")),
        "coin_unconfirmed" => coin("not in a block any more".to_owned()),
        "coin_gone" => coin("won't come".to_owned()),
        "coin_spent" => coin(format!("spent by {spender}")),
        "coin_unspent" => coin("unspent again".to_owned()),
        "spend_confirmed" => coin(format!("spent in block {height} by {spender}")),
        "spend_unconfirmed" => coin(format!(
            "spent by {spender}, which isn't in a block any more"
        )),
        "scanned" => format!(
            "looked up to block {height}: {} transactions, {} sat",
            event.new.as_deref().unwrap_or("0"),
            view.value_sat.unwrap_or_default()
        ),
        "rescan" => "is looked up anew".to_owned(),
        "alarm" => format!(
            "ALARM: a key gave itself away by signing twice with one random number, last in proposal {}: see `quorate proposal show`",
            short(&view.proposal)
        ),
        other => other.to_owned(),
    }
}
