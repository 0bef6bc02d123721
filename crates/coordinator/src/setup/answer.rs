//! A cosigner's home: answering an invitation, and accepting what comes back.

use super::{damaged, session::joined_view};
use crate::view::{AcceptedView, JoinedView};
use crate::{Coordinator, Error, Moment};
use quorate_core::journal::{Birth, Body};
use quorate_core::key::CosignerKey;
use quorate_core::setup::{Expected, Invitation, SetupRefusal, Statement, Token, accept, open};
use quorate_core::vault::Vault;
use quorate_storage::StoredJoin;

impl From<SetupRefusal> for Error {
    fn from(error: SetupRefusal) -> Self {
        Self::refused("not_agreed", error.to_string())
            .hint("nothing was kept; talk to the other cosigners before you go on")
    }
}

impl Coordinator {
    /// Reads an invitation, held to this home's network.
    pub fn read_invitation(&self, text: &str) -> Result<Invitation, Error> {
        let invitation = Invitation::read(text)
            .map_err(|error| Error::input("bad_invitation", error.to_string()))?;
        if invitation.network != self.network() {
            return Err(Error::refused(
                "wrong_network",
                format!(
                    "the invitation is for {}, this home is for {}",
                    invitation.network,
                    self.network()
                ),
            )
            .hint("name another home with --home"));
        }
        Ok(invitation)
    }

    /// What this home says in the record that answers an invitation.
    #[must_use]
    pub fn statement(&self, invitation: &Invitation) -> Statement {
        Statement {
            nonce: invitation.nonce,
            member: self.device.key.id(),
        }
    }

    /// Remembers what was agreed on and which key was given: the finished vault is held against both.
    pub fn join(
        &mut self,
        text: &str,
        key: &CosignerKey,
        moment: Moment,
    ) -> Result<JoinedView, Error> {
        let invitation = self.read_invitation(text)?;
        let join = StoredJoin {
            nonce: invitation.nonce.to_string(),
            invitation: invitation.write(),
            key: key.to_string(),
            joined_at: moment.now,
            vault: None,
        };
        self.store.write(|tx| {
            let mut joins = tx.joins()?.into_iter();
            let known = joins.find(|known| known.nonce == join.nonce);
            match known {
                Some(known) if known.vault.is_some() => Err(Error::refused(
                    "already_accepted",
                    "the vault of this invitation was accepted here already",
                )),
                Some(known) if known.key == join.key => Ok(()),
                _ => Ok(tx.put_join(&join)?),
            }
        })?;
        joined_view(&join)
    }

    /// Holds a descriptor record (sealed or not) against the invitations that this home answered, and takes
    /// the vault in if it is what was agreed on. Anything else is refused, and nothing of it kept.
    pub fn accept(
        &mut self,
        text: &str,
        name: Option<&str>,
        moment: Moment,
    ) -> Result<AcceptedView, Error> {
        let joins = self.store.read(|tx| Ok::<_, Error>(tx.joins()?))?;
        let open_joins: Vec<&StoredJoin> =
            joins.iter().filter(|join| join.vault.is_none()).collect();
        if open_joins.is_empty() {
            return Err(Error::refused(
                "no_invitation",
                "this home answered no invitation that is still open, so it isn't known what was agreed on",
            )
            .hint("answer one with `quorate setup join`, or take a vault in as it is with `quorate vault import`"));
        }
        let mut refusals = Vec::new();
        for join in open_joins {
            let invitation =
                Invitation::read(&join.invitation).map_err(|_| damaged("invitation"))?;
            let key =
                CosignerKey::parse(&join.key, invitation.network).map_err(|_| damaged("key"))?;
            match judge(text, &invitation, &key) {
                Ok(vault) => return self.keep(join, &invitation, &vault, name, moment),
                Err(refusal) => refusals.push((invitation, refusal)),
            }
        }
        // Of several, the one that it was probably meant for.
        let likely = refusals.iter().position(|(_, refusal)| {
            !matches!(
                refusal,
                Refusal::Sealed(_) | Refusal::Vault(SetupRefusal::OwnKeyMissing)
            )
        });
        let (invitation, refusal) = refusals.swap_remove(likely.unwrap_or(0));
        let about = format!(
            "the vault `{}` that {} was invited to",
            invitation.vault,
            invitation.name()
        );
        Err(match refusal {
            Refusal::Sealed(what) => Error::input("sealed", what),
            Refusal::Vault(refusal) => Error::from(refusal),
        }
        .about(&about))
    }

    fn keep(
        &mut self,
        join: &StoredJoin,
        invitation: &Invitation,
        vault: &Vault,
        name: Option<&str>,
        moment: Moment,
    ) -> Result<AcceptedView, Error> {
        let name = name.unwrap_or(&invitation.vault);
        let now = u32::try_from(join.joined_at).unwrap_or(u32::MAX);
        let own = invitation.owner == self.device.key.id();
        let join = StoredJoin {
            vault: Some(vault.id()),
            ..join.clone()
        };
        let there = self.store.read(|tx| tx.vault(vault.id()))?;
        let view = match there {
            // The coordinator is a cosigner as well: its home has the vault already.
            Some(row) => {
                self.store.write(|tx| Ok::<_, Error>(tx.put_join(&join)?))?;
                self.vault(&row.name)?
            }
            None => {
                let owner = invitation.owner;
                let bodies = match own {
                    true => Vec::new(),
                    false => vec![Body::OwnerNamed { owner }],
                };
                let founding = crate::vault::Founding {
                    birth: Birth::Time(now),
                    owner: None,
                    session: true,
                    bodies,
                    setup: None,
                };
                self.add_vault(name, vault, founding, moment)?;
                self.store.write(|tx| Ok::<_, Error>(tx.put_join(&join)?))?;
                self.vault(name)?
            }
        };
        Ok(AcceptedView {
            cosigner: invitation.name().to_owned(),
            vault: view,
        })
    }
}

enum Refusal {
    Sealed(String),
    Vault(SetupRefusal),
}

fn judge(text: &str, invitation: &Invitation, key: &CosignerKey) -> Result<Vault, Refusal> {
    let trimmed = text.trim();
    let hex = trimmed.len() > 64 && trimmed.bytes().all(|byte| byte.is_ascii_hexdigit());
    let record = match (hex, invitation.token) {
        (true, Token::None) => {
            return Err(Refusal::Sealed(
                "it is sealed, and the invitation was for files that aren't: ask for it as it is"
                    .to_owned(),
            ));
        }
        (true, token) => {
            open(&token, trimmed).map_err(|error| Refusal::Sealed(error.to_string()))?
        }
        (false, _) => trimmed.to_owned(),
    };
    let expected = Expected {
        network: invitation.network,
        template: &invitation.template,
        names: &invitation.cosigners,
        you: invitation.you,
        key,
    };
    accept(&record, &expected).map_err(Refusal::Vault)
}
