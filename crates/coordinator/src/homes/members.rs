//! Members: the homes that take part in a vault. Its owner says whose entries count.

use crate::view::{
    MemberLineView, MemberView, MembersView, MembershipView, RefusedEntryView, UnknownView,
};
use crate::{Coordinator, Error, Moment, vault_row};
use quorate_core::journal::{Body, EntryId, MemberId};
use quorate_core::text::{check_name, escape};
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{AuthorCount, ReadTx, Standing, StoredMember, StoredVault};
use std::collections::BTreeMap;

impl Coordinator {
    /// This home's member id, and what it is in each vault.
    pub fn member(&mut self) -> Result<MemberView, Error> {
        let (me, network) = (self.device.key.id(), self.network().to_string());
        self.store.read(|tx| {
            let vaults = tx.vaults()?.into_iter().map(|row| {
                let owner = tx.owner(row.id)?;
                let standing = standing(&tx.members(row.id)?, me);
                let role = match (owner, standing) {
                    (Some(owner), _) if owner == me => "owner",
                    (None, _) => "no owner known",
                    (Some(_), Some(Standing::Enrolled)) => "member",
                    (Some(_), Some(Standing::Removed { .. })) => "removed",
                    (Some(_), None) => "not enrolled",
                };
                Ok(MembershipView {
                    vault: row.name,
                    role: role.to_owned(),
                    owner: owner.map(|owner| owner.to_string()),
                })
            });
            Ok(MemberView {
                member: me.to_string(),
                network,
                vaults: vaults.collect::<Result<_, Error>>()?,
            })
        })
    }

    /// Names the vault's owner: the member who decides, for this home, whose entries count.
    pub fn trust(
        &mut self,
        vault: &str,
        owner: &str,
        moment: Moment,
    ) -> Result<MembersView, Error> {
        let owner = parse(owner)?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, vault)?;
            if tx.owner(row.id)? != Some(owner) {
                crate::append(&device, tx, row.id, moment.now, Body::OwnerNamed { owner })?;
            }
            Ok::<_, Error>(())
        })?;
        self.settled_members(vault)
    }

    /// Enrols a home: what it said and will say counts, in every home that knows the same owner.
    pub fn add_member(
        &mut self,
        vault: &str,
        name: &str,
        member: &str,
        cosigner: Option<&str>,
        moment: Moment,
    ) -> Result<MembersView, Error> {
        check_name("the member's name", name)
            .map_err(|error| Error::input("bad_name", error.to_string()))?;
        let member = parse(member)?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, vault)?;
            let opened = Self::open_vault(&row)?;
            must_own(tx, &row, device.key.id())?;
            if member == device.key.id() {
                let message = "this home owns the vault, so what it says counts already";
                return Err(Error::refused("already_owner", message));
            }
            let cosigner = cosigner.map(|name| key_of(&opened, name)).transpose()?;
            for known in tx.members(row.id)? {
                let enrolled = known.standing == Standing::Enrolled;
                let same_name = known.name.as_deref() == Some(name);
                if enrolled && same_name && known.member != member {
                    let message = format!("another member is called `{name}` already");
                    return Err(Error::refused("name_taken", message).hint("choose another name"));
                }
                if enrolled && same_name && known.cosigner == cosigner && known.member == member {
                    let message = format!("`{name}` is enrolled already");
                    return Err(Error::refused("already_enrolled", message));
                }
            }
            let body = Body::MemberAdded {
                member,
                name: name.to_owned(),
                cosigner,
            };
            crate::append(&device, tx, row.id, moment.now, body)
        })?;
        self.settled_members(vault)
    }

    /// Removes a home. What it said up to entry `last` counts on (all that is here, if not said
    /// otherwise), nothing else of it.
    pub fn remove_member(
        &mut self,
        vault: &str,
        who: &str,
        last: Option<u64>,
        moment: Moment,
    ) -> Result<MembersView, Error> {
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, vault)?;
            must_own(tx, &row, device.key.id())?;
            let member = find_member(&tx.members(row.id)?, who)?;
            let (last, head) = last_entry(tx, row.id, member, last)?;
            let body = Body::MemberRemoved { member, last, head };
            crate::append(&device, tx, row.id, moment.now, body)
        })?;
        self.settled_members(vault)
    }

    /// Whose entries count in a vault, and whose don't.
    pub fn members(&mut self, vault: &str) -> Result<MembersView, Error> {
        let me = self.device.key.id();
        self.store.read(|tx| {
            let row = vault_row(tx, vault)?;
            let opened = Self::open_vault(&row)?;
            let owner = tx.owner(row.id)?;
            let refused = tx.refused_entries(row.id)?.into_iter().flat_map(|entry| {
                let id = entry.id.to_string();
                let what = format!("{} {} (number {})", entry.kind, &id[..12], entry.seq);
                entry
                    .reasons
                    .into_iter()
                    .map(move |reason| RefusedEntryView {
                        what: what.clone(),
                        member: Some(entry.author.to_string()),
                        reason,
                    })
            });
            Ok(MembersView {
                vault: row.name.clone(),
                owner: owner.map(|owner| owner.to_string()),
                this_device: me.to_string(),
                members: lines(tx, row.id, &opened, owner, me)?,
                unknown: unknown(tx, row.id)?,
                refused: refused.collect(),
                waiting: tx.waiting_count(row.id)?,
                findings: super::intake::findings(tx, &opened)?,
            })
        })
    }

    /// What counts now may concern proposals that others' entries were waiting for.
    fn settled_members(&mut self, vault: &str) -> Result<MembersView, Error> {
        let (_, opened) = self.row_and_vault(vault)?;
        self.settle(&opened)?;
        self.members(vault)
    }
}

pub(super) fn parse(text: &str) -> Result<MemberId, Error> {
    text.trim().parse().map_err(|_| {
        let shown = escape(&text.chars().take(80).collect::<String>());
        Error::input("bad_member", format!("`{shown}` is no member id"))
            .hint("a member id is 64 hexadecimal digits; `quorate member show` prints a home's own")
    })
}

fn standing(members: &[StoredMember], member: MemberId) -> Option<Standing> {
    let mut members = members.iter();
    members
        .find(|known| known.member == member)
        .map(|known| known.standing)
}

fn must_own(tx: &ReadTx<'_>, row: &StoredVault, me: MemberId) -> Result<(), Error> {
    let name = &row.name;
    match tx.owner(row.id)? {
        Some(owner) if owner == me => Ok(()),
        Some(owner) => Err(Error::refused(
            "not_owner",
            format!(
                "only the owner of vault `{name}` enrols and removes members, and that is {owner}"
            ),
        )
        .hint("ask him; hand him the id that `quorate member show` prints")),
        None => Err(Error::refused(
            "no_owner",
            format!(
                "this home doesn't know the owner of vault `{name}`, who enrols and removes members"
            ),
        )
        .hint(format!(
            "name the home that created the vault: quorate member trust {name} OWNER_ID"
        ))),
    }
}

/// The extended public key of the cosigner called `name` here.
fn key_of(vault: &Vault, name: &str) -> Result<String, Error> {
    let mut cosigners = vault.cosigners().iter();
    let found = cosigners.find(|cosigner| cosigner.name == name);
    found
        .map(|cosigner| cosigner.key.xpub().to_string())
        .ok_or_else(|| {
            let names: Vec<&str> = vault
                .cosigners()
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            let message = format!("the vault has no cosigner `{}`", escape(name));
            Error::input("unknown_cosigner", message)
                .hint(format!("its cosigners are {}", names.join(", ")))
        })
}

/// By name, or by the id or the beginning of it.
fn find_member(members: &[StoredMember], who: &str) -> Result<MemberId, Error> {
    let by_id = who.to_lowercase();
    let fits = |known: &&StoredMember| {
        known.name.as_deref() == Some(who)
            || (by_id.len() >= 6 && known.member.to_string().starts_with(&by_id))
    };
    let found: Vec<&StoredMember> = members.iter().filter(fits).collect();
    match found[..] {
        [one] => Ok(one.member),
        [] => Err(Error::input(
            "unknown_member",
            format!("the vault has no member `{}`", escape(who)),
        )
        .hint("`quorate member list VAULT` shows them")),
        _ => Err(Error::input(
            "ambiguous_member",
            format!("several members fit `{}`", escape(who)),
        )
        .hint("name one by his id")),
    }
}

/// The entry up to which a member's words count.
fn last_entry(
    tx: &ReadTx<'_>,
    vault: VaultId,
    member: MemberId,
    last: Option<u64>,
) -> Result<(u64, Option<EntryId>), Error> {
    let last = match last {
        Some(last) => last,
        None => tx.journal_head(vault, member)?.map_or(0, |(seq, _)| seq),
    };
    if last == 0 {
        return Ok((0, None));
    }
    match tx.entries_numbered(vault, member, last)?[..] {
        [one] => Ok((last, Some(one))),
        [] => Err(Error::input(
            "no_such_entry",
            format!("entry {last} of that member isn't here"),
        )
        .hint("`quorate journal log VAULT` shows the numbers")),
        _ => Err(Error::refused(
            "equivocation",
            format!("that member wrote two different entries with number {last}"),
        )
        .hint("name an earlier one as the last that counts: --last NUMBER")),
    }
}

fn lines(
    tx: &ReadTx<'_>,
    id: VaultId,
    vault: &Vault,
    owner: Option<MemberId>,
    me: MemberId,
) -> Result<Vec<MemberLineView>, Error> {
    let counts: BTreeMap<MemberId, AuthorCount> = tx
        .authors(id)?
        .into_iter()
        .map(|count| (count.author, count))
        .collect();
    let line = |member: MemberId, known: Option<&StoredMember>, role: &str| {
        let count = counts.get(&member);
        let cosigner = known
            .and_then(|known| known.cosigner.as_deref())
            .and_then(|key| vault.cosigner_of(key))
            .and_then(|at| vault.cosigners().get(at));
        MemberLineView {
            member: member.to_string(),
            name: known.and_then(|known| known.name.clone()),
            cosigner: cosigner.map(|cosigner| cosigner.name.clone()),
            role: role.to_owned(),
            this_device: member == me,
            entries: count.map_or(0, |count| count.entries),
            counts_to: match known.map(|known| known.standing) {
                Some(Standing::Removed { last, .. }) => Some(last),
                Some(Standing::Enrolled) | None => None,
            },
            said_twice: count
                .map(|count| count.said_twice.clone())
                .unwrap_or_default(),
        }
    };
    let members = tx.members(id)?;
    let of = |member| members.iter().find(|known| known.member == member);
    let mut lines: Vec<_> = owner
        .map(|owner| line(owner, of(owner), "owner"))
        .into_iter()
        .collect();
    if owner != Some(me) && of(me).is_none() {
        lines.push(line(me, None, "not enrolled"));
    }
    for known in members.iter().filter(|known| Some(known.member) != owner) {
        let role = match known.standing {
            Standing::Enrolled => "member",
            Standing::Removed { .. } => "removed",
        };
        lines.push(line(known.member, Some(known), role));
    }
    Ok(lines)
}

/// Authors whose entries are parked.
pub(super) fn unknown(tx: &ReadTx<'_>, vault: VaultId) -> Result<Vec<UnknownView>, Error> {
    let founders = super::intake::founders(tx, vault)?;
    let mut unknown = Vec::new();
    for count in tx.authors(vault)? {
        if !tx.is_author_known(vault, count.author)? {
            unknown.push(UnknownView {
                member: count.author.to_string(),
                entries: count.entries,
                says_owner: founders.contains(&count.author),
                said_twice: count.said_twice,
            });
        }
    }
    Ok(unknown)
}
