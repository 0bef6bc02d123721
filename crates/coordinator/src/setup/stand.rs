//! Who stands for a vault: each cosigner's own home attests what it derived, and each key has signed
//! something. Until then a vault made in a session hands out no address.

use crate::facts::Speakers;
use crate::threads::Threads;
use crate::view::{ProvenView, VaultView};
use crate::{Coordinator, Error, Incoming, Moment, vault_row};
use bitcoin::Psbt;
use bitcoin::hex::DisplayHex;
use quorate_core::journal::{Body, MemberId, SignatureText};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::SignatureSet;
use quorate_core::psbt::{admit_with, read};
use quorate_core::setup::{VaultFacts, VaultStage, proof_of_possession};
use quorate_core::text::{check_line, escape};
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};
use std::collections::BTreeMap;

const MAX_NOTE: usize = 255;

/// What is known of one cosigner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// How its key is proven: `record` or `signature`.
    pub(crate) proven: Option<&'static str>,
    /// When it was attested, by whom and in which words.
    pub(crate) attested: Option<Attested>,
}

/// An attestation that counts.
#[derive(Debug, Clone)]
pub(crate) struct Attested {
    pub(crate) at: u64,
    /// The cosigner's own home said so; else the vault's owner, on the cosigner's word.
    pub(crate) own: bool,
    pub(crate) note: Option<String>,
}

/// For each cosigner, in the vault's order.
pub(crate) fn standing(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    vault: &Vault,
) -> Result<Vec<Standing>, Error> {
    let mut standing = vec![Standing::default(); vault.cosigners().len()];
    let numbers: BTreeMap<[u8; 65], usize> = vault
        .cosigners()
        .iter()
        .enumerate()
        .map(|(number, cosigner)| (cosigner.key.identity().to_bytes(), number))
        .collect();
    let mut named: BTreeMap<usize, MemberId> = BTreeMap::new();
    for proof in tx.proofs(row.id)? {
        let Some(&number) = numbers.get(&proof.cosigner) else {
            continue;
        };
        standing[number].proven = Some(match proof.by_record {
            true => "record",
            false => "signature",
        });
        if let Some(member) = proof.speaker.and_then(|bytes| MemberId::from_bytes(&bytes)) {
            named.insert(number, member);
        }
    }
    let speakers = Speakers::load(tx, vault, row.id)?;
    let me = tx.device()?.map(|device| device.key.id());
    for said in tx.attestations(row.id)? {
        let Some(&number) = numbers.get(&said.cosigner) else {
            continue;
        };
        // The key's own signature says which member is the cosigner's; nobody else can then be.
        let own = match named.get(&number) {
            Some(member) => *member == said.author,
            None => {
                speakers.is_enrolled_for(said.author, number)
                    || Some(said.author) == me && !speakers.is_owner(said.author)
            }
        };
        let for_him = speakers.is_owner(said.author)
            && !named.contains_key(&number)
            && !speakers.has_member(number);
        if (own || for_him)
            && standing[number]
                .attested
                .as_ref()
                .is_none_or(|known| own && !known.own)
        {
            standing[number].attested = Some(Attested {
                at: said.attested_at,
                own,
                note: said.note,
            });
        }
    }
    Ok(standing)
}

/// How far a vault has come.
pub(crate) fn stage(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    vault: &Vault,
) -> Result<VaultStage, Error> {
    let standing = standing(tx, row, vault)?;
    let owner = tx.owner(row.id)?;
    let me = tx.device()?.map(|device| device.key.id());
    let mut retirements = tx.retirements(row.id)?.into_iter();
    Ok(VaultStage::of(&VaultFacts {
        in_session: row.session,
        attested: standing.iter().all(|one| one.attested.is_some()),
        proven: standing.iter().all(|one| one.proven.is_some()),
        in_use: tx.is_in_use(row.id)?,
        retired: retirements.any(|said| match owner {
            Some(owner) => said.author == owner,
            None => Some(said.author) == me,
        }),
    }))
}

/// Refuses to hand an address out that money shouldn't go to yet, or any more.
pub(crate) fn check_deposit(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    vault: &Vault,
) -> Result<(), Error> {
    let name = &row.name;
    match stage(tx, row, vault)? {
        VaultStage::Attested | VaultStage::Active => Ok(()),
        VaultStage::Retired => Err(Error::refused(
            "retired",
            format!("the vault `{name}` is retired: it takes no more deposits"),
        )
        .hint("use the vault that took its place; --force hands an address out all the same")),
        VaultStage::Review => {
            let standing = standing(tx, row, vault)?;
            let who = |lacks: &dyn Fn(&Standing) -> bool| {
                let cosigners = vault.cosigners().iter().zip(&standing);
                let names = cosigners
                    .filter(|(_, one)| lacks(one))
                    .map(|(one, _)| one.name.clone());
                names.collect::<Vec<_>>()
            };
            let unattested = who(&|one| one.attested.is_none());
            let unproven = who(&|one| one.proven.is_none());
            let mut missing = Vec::new();
            if !unattested.is_empty() {
                missing.push(format!("{} didn't attest it yet", unattested.join(" and ")));
            }
            if !unproven.is_empty() {
                missing.push(format!(
                    "nothing shows that somebody holds the key of {}",
                    unproven.join(" and of ")
                ));
            }
            Err(Error::refused(
                "not_attested",
                format!(
                    "no address of vault `{name}` is handed out before all cosigners stand for it, because a key that was exchanged on the way would take the money: {}",
                    missing.join(", and ")
                ),
            )
            .hint(format!("see `quorate vault show {name}`; --force hands an address out all the same")))
        }
    }
}

impl Coordinator {
    /// Says, for a cosigner, that this home derived the vault's first addresses and stands for it.
    pub fn attest(
        &mut self,
        name: &str,
        cosigner: Option<&str>,
        note: Option<&str>,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        check_note(note)?;
        let device = self.device.clone();
        let me = device.key.id();
        self.store.write(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let joined = tx.joins()?.into_iter().find(|join| join.vault == Some(row.id));
            let number = match cosigner {
                Some(name) => crate::proposal::cosigner_called(&vault, name)?,
                None => joined
                    .as_ref()
                    .and_then(|join| vault.cosigner_of(join.key.rsplit_once(']')?.1))
                    .ok_or_else(|| {
                        let names: Vec<&str> = vault.cosigners().iter().map(|one| one.name.as_str()).collect();
                        Error::input("whose_word", "this home doesn't know for which cosigner it speaks")
                            .hint(format!("say it with --as: {}", names.join(", ")))
                    })?,
            };
            if !Speakers::load(tx, &vault, row.id)?.may(me, number) {
                return Err(Error::refused(
                    "not_enrolled",
                    format!(
                        "this home isn't enrolled as a member that speaks for {}, so no other would count it",
                        vault.cosigners()[number].name
                    ),
                ));
            }
            let first = |keychain| {
                Ok::<_, Error>(vault.derive(keychain, 0)?.address(vault.network()).to_string())
            };
            let key = &vault.cosigners()[number].key;
            let body = Body::VaultAttested {
                cosigner: *key.xpub(),
                receive: first(Keychain::Receive)?,
                change: first(Keychain::Change)?,
                note: note.map(ToOwned::to_owned),
            };
            let identity = key.identity().to_bytes();
            let said = tx.attestations(row.id)?.into_iter();
            let known = said.filter(|said| said.author == me && said.cosigner == identity).count() > 0;
            if !known {
                crate::append(&device, tx, row.id, moment.now, body)?;
            }
            Ok(())
        })?;
        self.vault(name)
    }

    /// The request that proves keys when it is signed: for devices that can't sign messages.
    pub fn proof_request(&mut self, name: &str) -> Result<Psbt, Error> {
        let (_, vault) = self.row_and_vault(name)?;
        Ok(proof_of_possession(&vault)?.psbt().clone())
    }

    /// Takes the signatures of that request out of files.
    pub fn prove(
        &mut self,
        name: &str,
        files: &[Incoming],
        moment: Moment,
    ) -> Result<ProvenView, Error> {
        let (row, vault) = self.row_and_vault(name)?;
        let proof = proof_of_possession(&vault)?;
        let mut proven: BTreeMap<usize, Vec<SignatureText>> = BTreeMap::new();
        let mut refused = Vec::new();
        for file in files {
            let file_name = escape(&file.name);
            let foreign = match read(&file.bytes) {
                Ok(foreign) => foreign,
                Err(error) => {
                    refused.push(format!("{file_name}: {error}"));
                    continue;
                }
            };
            let admission = match admit_with(&proof, &foreign, &SignatureSet::new(), &Threads) {
                Ok(admission) => admission,
                Err(error) => {
                    refused.push(format!("{file_name}: {error}"));
                    continue;
                }
            };
            for one in &admission.new {
                let key = one.signature.key_bytes(&one.slot.public_key);
                proven.entry(one.cosigner).or_default().push(SignatureText {
                    input: one.slot.input,
                    public_key: key.to_lower_hex_string(),
                    signature: one.signature.to_string(),
                });
            }
            let reasons = admission.refused.iter();
            refused.extend(reasons.map(|one| format!("{file_name}: {}", one.reason)));
            if admission.new.is_empty() && admission.refused.is_empty() {
                refused.push(format!("{file_name}: there is no signature in it"));
            }
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            for (&number, signatures) in &proven {
                let key = &vault.cosigners()[number].key;
                let identity = key.identity().to_bytes();
                if tx
                    .proofs(row.id)?
                    .iter()
                    .any(|known| known.cosigner == identity)
                {
                    continue;
                }
                let body = Body::KeyProven {
                    cosigner: *key.xpub(),
                    record: None,
                    signatures: signatures.clone(),
                };
                crate::append(&device, tx, row.id, moment.now, body)?;
            }
            Ok::<_, Error>(())
        })?;
        if proven.is_empty()
            && let Some(reason) = refused.first()
        {
            return Err(Error::refused("not_proven", reason.clone()).hint(format!(
                "write the request anew with `quorate setup proof {name}`, and have it signed"
            )));
        }
        let names = proven
            .keys()
            .map(|&number| vault.cosigners()[number].name.clone());
        Ok(ProvenView {
            proven: names.collect(),
            refused,
            vault: self.vault(name)?,
        })
    }

    /// Takes a vault out of use: no address is handed out any more. What it holds can still be spent.
    pub fn retire(
        &mut self,
        name: &str,
        note: Option<&str>,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        check_note(note)?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, name)?;
            let me = device.key.id();
            if let Some(owner) = tx.owner(row.id)?.filter(|owner| *owner != me) {
                return Err(Error::refused(
                    "not_owner",
                    format!("only the owner of vault `{name}` retires it, and that is {owner}"),
                ));
            }
            let said = tx.retirements(row.id)?.into_iter();
            if said.filter(|said| said.author == me).count() == 0 {
                let note = note.map(ToOwned::to_owned);
                crate::append(&device, tx, row.id, moment.now, Body::VaultRetired { note })?;
            }
            Ok(())
        })?;
        self.vault(name)
    }
}

fn check_note(note: Option<&str>) -> Result<(), Error> {
    match note {
        Some(note) => check_line("the note", note, MAX_NOTE)
            .map_err(|error| Error::input("bad_note", error.to_string())),
        None => Ok(()),
    }
}
