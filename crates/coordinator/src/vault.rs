//! Vaults: made from a template and keys, taken in from a descriptor, shown, handed on.

use crate::proposal::DAMAGED;
use crate::view::{AddressView, BalanceView, CosignerView, VaultLineView, VaultView, VaultsView};
use crate::{Coordinator, Error, Moment, alarms, facts, vault_row};
use bitcoin::Amount;
use quorate_core::journal::{Birth, Body, KeyFacts, MemberId};
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::proposal::Status;
use quorate_core::spend::vault_words;
use quorate_core::text::check_name;
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{ReadTx, StoredSlot, StoredVault};
use std::collections::{BTreeMap, BTreeSet};

/// How many first addresses are shown for comparing.
const FIRST_ADDRESSES: u32 = 3;

/// What a new vault is made of.
#[derive(Debug)]
pub struct NewVault<'a> {
    /// What to call it.
    pub name: &'a str,
    /// Who may spend.
    pub template: &'a Template,
    /// Name and key of each cosigner, in the order of the template's roles.
    pub keys: &'a [(String, String)],
    /// From where to look for coins, when the same vault existed before; from now on otherwise.
    pub birth: Option<Birth>,
    /// How each key came, in the order of `keys`.
    pub carriers: &'a [String],
}

/// What a vault is taken in from.
#[derive(Debug)]
pub struct VaultImport<'a> {
    /// What to call it.
    pub name: &'a str,
    /// The descriptor, or the two of them.
    pub text: &'a str,
    /// What to call the cosigners, in the descriptor's order.
    pub cosigners: Option<&'a [String]>,
    /// From where to look for coins; from the first block on when not known.
    pub birth: Birth,
}

/// How a vault comes into a home.
pub(crate) struct Founding<'a> {
    pub(crate) birth: Birth,
    /// This home, if the vault is made here.
    pub(crate) owner: Option<MemberId>,
    /// Whether it was set up in a session.
    pub(crate) session: bool,
    /// What else is said in the same commit.
    pub(crate) bodies: Vec<Body>,
    /// The session that it ends, with its places as they were looked at.
    pub(crate) setup: Option<(&'a str, &'a [StoredSlot])>,
}

impl Default for Founding<'_> {
    fn default() -> Self {
        Self {
            birth: Birth::Height(0),
            owner: None,
            session: false,
            bodies: Vec::new(),
            setup: None,
        }
    }
}

impl Coordinator {
    /// Makes a vault. Its coins are looked for from now on.
    pub fn create_vault(&mut self, new: &NewVault<'_>, moment: Moment) -> Result<VaultView, Error> {
        let network = self.network();
        let keys = new
            .keys
            .iter()
            .map(|(name, text)| {
                let key = CosignerKey::parse(text, network).map_err(|error| {
                    Error::input(
                        "bad_key",
                        format!(
                            "the key of cosigner `{}`: {error}",
                            quorate_core::text::escape(name)
                        ),
                    )
                })?;
                Ok((name.clone(), key))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let carried: Vec<_> = keys
            .iter()
            .map(|(_, key)| *key.xpub())
            .zip(new.carriers)
            .collect();
        let vault = Vault::create(network, new.template, keys)?;
        let noted = carried
            .into_iter()
            .map(|(cosigner, carrier)| Body::KeyNoted {
                cosigner,
                facts: KeyFacts {
                    carrier: Some(carrier.clone()),
                    came_at: Some(moment.now),
                    ..KeyFacts::default()
                },
            });
        let now = u32::try_from(moment.now).unwrap_or(u32::MAX);
        let founding = Founding {
            birth: new.birth.unwrap_or(Birth::Time(now)),
            owner: Some(self.device.key.id()),
            bodies: noted.collect(),
            ..Founding::default()
        };
        self.add_vault(new.name, &vault, founding, moment)
    }

    /// Takes a vault in. The same vault twice is refused, whatever its text.
    pub fn import_vault(
        &mut self,
        import: &VaultImport<'_>,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        let vault = Vault::from_descriptor(self.network(), import.text, import.cosigners)?;
        let founding = Founding {
            birth: import.birth,
            ..Founding::default()
        };
        self.add_vault(import.name, &vault, founding, moment)
    }

    pub(crate) fn add_vault(
        &mut self,
        name: &str,
        vault: &Vault,
        founding: Founding<'_>,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        check_name("the vault's name", name)
            .map_err(|error| Error::input("bad_name", error.to_string()))?;
        let device = self.device.clone();
        self.store.write(|tx| {
            if let Some(row) = tx.vault(vault.id())? {
                return Err(Error::refused(
                    "vault_exists",
                    format!("this vault is here already, as `{}`", row.name),
                )
                .hint(format!("see it with `quorate vault show {}`", row.name)));
            }
            if tx.vault_named(name)?.is_some() {
                return Err(Error::refused(
                    "name_taken",
                    format!("another vault is called `{name}` here"),
                )
                .hint("choose another name"));
            }
            let body = Body::VaultAdded {
                name: name.to_owned(),
                network: vault.network(),
                descriptor: vault.descriptor().to_owned(),
                cosigners: vault
                    .cosigners()
                    .iter()
                    .map(|cosigner| cosigner.name.clone())
                    .collect(),
                birth: founding.birth,
                owner: founding.owner,
                session: founding.session,
            };
            crate::append(&device, tx, vault.id(), moment.now, body)?;
            for body in founding.bodies {
                crate::append(&device, tx, vault.id(), moment.now, body)?;
            }
            tx.ledger_add_vault(vault, founding.birth)?;
            if let Some((setup, slots)) = founding.setup {
                if tx.setup_slots(setup)? != slots {
                    let message = "its keys were changed meanwhile";
                    return Err(Error::refused("setup_changed", message).hint("look at it again"));
                }
                tx.finish_setup(setup, vault.id())?;
            }
            Ok::<_, Error>(())
        })?;
        self.vault(name)
    }

    /// One vault.
    pub fn vault(&mut self, name: &str) -> Result<VaultView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            view(tx, &row, &vault, now)
        })
    }

    /// All vaults.
    pub fn vaults(&mut self) -> Result<VaultsView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let line = |row: StoredVault| {
                let balance = sums(tx, row.id, now)?;
                Ok(VaultLineView {
                    threshold: match row.threshold {
                        Some(threshold) => threshold,
                        None => Self::open_vault(&row)?.threshold(),
                    },
                    id: row.id.to_string(),
                    name: row.name,
                    cosigners: row.cosigners,
                    confirmed_sat: balance.confirmed_sat,
                    pending_sat: balance.pending_sat,
                })
            };
            Ok(VaultsView {
                vaults: tx
                    .vaults()?
                    .into_iter()
                    .map(line)
                    .collect::<Result<_, Error>>()?,
            })
        })
    }

    /// The vault itself, for programs that verify or sign with it.
    pub fn vault_facts(&mut self, name: &str) -> Result<Vault, Error> {
        self.store
            .read(|tx| Self::open_vault(&vault_row(tx, name)?))
    }

    /// The balance as of the last sync.
    pub fn balance(&mut self, name: &str) -> Result<BalanceView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            balance(tx, &row, now)
        })
    }
}

fn view(tx: &ReadTx<'_>, row: &StoredVault, vault: &Vault, now: u64) -> Result<VaultView, Error> {
    let first_addresses = (0..FIRST_ADDRESSES)
        .map(|index| {
            Ok(vault
                .derive(Keychain::Receive, index)?
                .address(vault.network())
                .to_string())
        })
        .collect::<Result<_, Error>>()?;
    let balance = balance(tx, row, now)?;
    let mut proposals = BTreeMap::new();
    for (_, head) in tx.proposal_heads(Some(row.id))? {
        let status = head.map_err(Error::from);
        let status = status.and_then(|head| facts::status_of(tx, vault, &head, now));
        // One that can't be read is counted, and costs no other.
        let word = status.map_or(DAMAGED, Status::word);
        *proposals.entry(word.to_owned()).or_insert(0) += 1;
    }
    // The sentences about the paths come first, then what holds for all of them.
    let mut paths = vault.explain();
    let notes = paths.split_off(vault.policy().paths.len().min(paths.len()));
    Ok(VaultView {
        id: row.id.to_string(),
        name: row.name.clone(),
        network: row.network.to_string(),
        descriptor: vault.descriptor().to_owned(),
        script: vault.script_type().to_string(),
        threshold: vault.threshold(),
        cosigners: vault
            .cosigners()
            .iter()
            .map(|cosigner| CosignerView {
                name: cosigner.name.clone(),
                key: cosigner.key.to_string(),
            })
            .collect(),
        standing: crate::provenance::standing(tx, row, vault)?,
        stage: crate::setup::stage(tx, row, vault)?.word().to_owned(),
        words: vault_words(row.id),
        first_change: vault
            .derive(Keychain::Change, 0)?
            .address(vault.network())
            .to_string(),
        first_addresses,
        paths,
        notes,
        warnings: alarms::of_vault(tx, vault)?
            .into_iter()
            .chain(vault.warnings().iter().map(ToString::to_string))
            .collect(),
        as_of: balance.as_of.clone(),
        balance,
        proposals,
    })
}

/// The running balance, and what of it open proposals hold.
pub(crate) fn balance(tx: &ReadTx<'_>, row: &StoredVault, now: u64) -> Result<BalanceView, Error> {
    let mut view = sums(tx, row.id, now)?;
    if let Some(tip) = view.height {
        let ledger = crate::ledger_row(tx, row.id)?;
        view.alert = crate::recovery::alert(tx, row, ledger, tip)?;
    }
    Ok(view)
}

/// The sums alone: a list of many vaults doesn't open each of them.
fn sums(tx: &ReadTx<'_>, vault: VaultId, now: u64) -> Result<BalanceView, Error> {
    let ledger = crate::ledger_row(tx, vault)?;
    let balance = tx.ledger_balance(ledger)?;
    Ok(BalanceView {
        confirmed_sat: balance.confirmed.to_sat(),
        pending_sat: balance.pending.to_sat(),
        reserved_sat: reserved(tx, vault, now)?.to_sat(),
        height: balance.height,
        as_of: tx.ledger_origin(ledger)?.map(Into::into),
        alert: None,
    })
}

/// What open proposals hold of a vault's coins.
pub(crate) fn reserved(tx: &ReadTx<'_>, vault: VaultId, now: u64) -> Result<Amount, Error> {
    let ledger = crate::ledger_row(tx, vault)?;
    let mut reserved = Amount::ZERO;
    let coins: BTreeSet<_> = tx
        .reservations(vault, now)?
        .into_iter()
        .map(|(coin, _)| coin)
        .collect();
    for outpoint in coins {
        if let Some(coin) = tx
            .ledger_coin(ledger, &outpoint)?
            .filter(|coin| coin.spent.is_none())
        {
            reserved += coin.value;
        }
    }
    Ok(reserved)
}

impl AddressView {
    pub(crate) fn of(
        vault: &Vault,
        keychain: Keychain,
        index: u32,
        label: Option<String>,
    ) -> Result<Self, Error> {
        let address = vault.derive(keychain, index)?.address(vault.network());
        Ok(Self {
            address: address.to_string(),
            index,
            keychain: keychain.to_string(),
            label,
            findings: Vec::new(),
        })
    }
}
