//! The use cases: one method for each thing a person does. Each has the same steps: take typed
//! input, open one write transaction, load facts, let the core decide, append the entries and
//! project them in the same commit, answer with a view.
//!
//! Time and randomness come in as a [`Moment`]. Nothing here waits for the network or verifies a
//! signature while a write transaction is open.
#![warn(missing_docs)]

mod address;
mod alarms;
mod backup;
mod broadcast;
mod catch_up;
mod error;
mod events;
mod evidence;
mod facts;
mod find;
mod freeze;
mod history;
mod homes;
mod journal;
mod labels;
mod opened;
mod proposal;
mod provenance;
mod recovery;
mod review;
mod setup;
mod signing;
mod sources;
pub mod sync;
mod threads;
mod vault;
pub mod view;
mod watch;

pub use error::{Error, Kind};
pub use evidence::verify_evidence;
pub use find::nearest;
pub use history::{MAX_PAGE, Page};
pub use homes::JournalText;
pub use proposal::{Choices, Deadline, Hurry, Pick, Renewal, Revision, Spend, Terms};
pub use review::{Request, review_alone};
pub use setup::NewSetup;
pub use signing::Incoming;
pub use sources::sources;
pub use threads::Threads;
pub use vault::{NewVault, VaultImport};

use quorate_core::journal::{Body, Content, Entry, MemberKey, VERSION};
use quorate_core::ledger::VaultRow;
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{Device, ReadTx, Store, StoredVault, WriteTx};
use std::path::Path;

/// What the core may not ask for itself: the time and random bytes.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Seconds since 1970.
    pub now: u64,
    /// Fresh random bytes.
    pub entropy: [u8; 32],
}

/// A home, opened.
#[derive(Debug)]
pub struct Coordinator {
    store: Store,
    device: Device,
    /// The clock of the last call that brought one: what deadlines are held against.
    now: u64,
}

/// The database's name in a home.
pub const DATABASE: &str = "quorate.db";

impl Coordinator {
    /// Makes `home` a home for vaults of `network`. Its member key is made of the moment's random
    /// bytes.
    pub fn init(
        home: &Path,
        network: bitcoin::Network,
        moment: Moment,
    ) -> Result<view::InitView, Error> {
        let mut store = Store::open(&home.join(DATABASE))?;
        let key = MemberKey::from_bytes(&moment.entropy)
            .ok_or_else(|| Error::refused("entropy", "the random number is no key: try again"))?;
        let device = Device { key, network };
        let member = device.key.id().to_string();
        store.write(|tx| match tx.device()? {
            Some(there) => Err(Error::refused(
                "already_initialised",
                format!(
                    "{} is a home already, for {}",
                    home.display(),
                    there.network
                ),
            )
            .hint(
                "choose another folder with --home, or go on with `quorate vault create --help`",
            )),
            None => Ok(tx.create_device(&device)?),
        })?;
        Ok(view::InitView {
            home: home.display().to_string(),
            network: network.to_string(),
            member,
        })
    }

    /// Opens a home that `init` made.
    pub fn open(home: &Path) -> Result<Self, Error> {
        let no_home = || {
            Error::storage(
                "no_home",
                format!("{} isn't a Quorate home yet", home.display()),
            )
            .hint(
                "make it one with `quorate init --network bitcoin` (or testnet4, signet, regtest)",
            )
        };
        let path = home.join(DATABASE);
        if !path.exists() {
            return Err(no_home());
        }
        let mut store = Store::open_existing(&path)?;
        let device = store
            .read(|tx| tx.device().map_err(Error::from))?
            .ok_or_else(no_home)?;
        Ok(Self {
            store,
            device,
            now: 0,
        })
    }

    /// The same, for questions asked at this moment, in seconds since 1970. Without it no deadline
    /// has passed.
    #[must_use]
    pub const fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// Takes over the clock that a call brings.
    const fn tick(&mut self, moment: Moment) -> u64 {
        self.now = moment.now;
        moment.now
    }

    /// The network of this home's vaults.
    #[must_use]
    pub const fn network(&self) -> bitcoin::Network {
        self.device.network
    }

    /// Opens the vault that a row describes. The descriptor must still hash to the row's id.
    fn open_vault(row: &StoredVault) -> Result<Vault, Error> {
        let (text, names) = (&row.descriptor, &row.cosigners);
        let vault = Vault::reopen(row.network, text, Some(names), row.id)?;
        vault.ok_or_else(|| {
            Error::storage(
                "damaged",
                format!(
                    "the stored descriptor of vault `{}` isn't the one its id was made of",
                    row.name
                ),
            )
            .hint("run `quorate journal rebuild`, or restore the home folder from a backup")
        })
    }

    /// Refuses a chain source of another network than this home's.
    fn check_network(&self, chain: &quorate_chain::ChainStatus) -> Result<(), Error> {
        if chain.network == self.network() {
            return Ok(());
        }
        let (home, node) = (self.network(), chain.network);
        Err(Error::refused(
            "wrong_network",
            format!("the chain source is on {node}, this home is for {home}"),
        )
        .hint("name another source with --node, or another home with --home"))
    }
}

/// Signs `body` as this device's next entry of the vault and appends it.
fn append(
    device: &Device,
    tx: &WriteTx<'_>,
    vault: VaultId,
    now: u64,
    body: Body,
) -> Result<(), Error> {
    let author = device.key.id();
    let (seq, prev) = match tx.journal_head(vault, author)? {
        Some((seq, id)) => (seq + 1, Some(id)),
        None => (1, None),
    };
    let content = Content {
        version: VERSION,
        vault,
        author,
        seq,
        prev,
        at: now,
        body,
    };
    let entry = Entry::sign(content, &device.key).map_err(|error| {
        Error::storage(
            "journal",
            format!("the journal entry can't be written: {error}"),
        )
    })?;
    tx.append(&entry)?;
    match &entry.content().body {
        Body::ProposalOpened { proposal, .. } => events::settle_one(tx, *proposal, now),
        body => body
            .about()
            .map_or(Ok(()), |proposal| events::settle_one(tx, proposal, now)),
    }
}

/// The row of the vault called `name` (or whose id begins so), or an error that suggests near ones.
fn vault_row(tx: &ReadTx<'_>, name: &str) -> Result<StoredVault, Error> {
    find::vault(tx, name)
}

/// The ledger's row of a vault. It is written together with the vault's entry; after a rebuild
/// from the journal alone it may be missing until it is added again.
fn ledger_row(tx: &ReadTx<'_>, vault: VaultId) -> Result<VaultRow, Error> {
    tx.ledger_row(vault)?
        .ok_or_else(|| Error::storage("damaged", format!("the ledger doesn't know vault {vault}")))
}
