//! Setting a vault up between several people (BIP-0129): sessions in the coordinator's home, answers and
//! acceptance in the cosigners', and who stands for the vault that comes of it.

mod answer;
mod collect;
mod finish;
mod session;
mod stand;

pub use session::NewSetup;
pub(crate) use stand::{check_deposit, stage, standing};

use crate::Error;
use bitcoin::Network;
use quorate_core::journal::MemberId;
use quorate_core::policy::Template;
use quorate_core::setup::{Invitation, SetupStage, Token};
use quorate_core::text::escape;
use quorate_storage::{ReadTx, StoredSetup, StoredSlot, StoredVault};

/// A session with everything that is known about it.
struct Session {
    row: StoredSetup,
    template: Template,
    slots: Vec<StoredSlot>,
}

fn damaged(what: &str) -> Error {
    Error::storage("damaged", format!("a stored {what} can't be read"))
}

impl Session {
    fn load(tx: &ReadTx<'_>, name: &str) -> Result<Self, Error> {
        let Some(row) = tx.setup(name)? else {
            let error = Error::input(
                "unknown_setup",
                format!("no vault called `{}` is being set up here", escape(name)),
            );
            let known: Vec<String> = tx.setups()?.into_iter().map(|row| row.name).collect();
            return Err(
                match crate::nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error
                        .hint("`quorate setup list` shows them, `quorate setup new` begins one"),
                },
            );
        };
        let template =
            Template::parse(&row.template, "the setup").map_err(|_| damaged("policy"))?;
        let slots = tx.setup_slots(name)?;
        Ok(Self {
            row,
            template,
            slots,
        })
    }

    /// Refuses what is only possible as long as keys are collected.
    fn must_be_open(&self) -> Result<(), Error> {
        match self.row.vault {
            None => Ok(()),
            Some(_) => Err(Error::refused(
                "setup_finished",
                format!(
                    "the vault `{0}` is set up already, so its keys can't change any more",
                    self.row.name
                ),
            )
            .hint(format!("quorate vault show {}", self.row.name))),
        }
    }

    fn stage(&self) -> SetupStage {
        let invited = self.slots.iter().any(|slot| slot.invited_at.is_some());
        let keys = self.slots.iter().filter(|slot| slot.key.is_some()).count();
        SetupStage::of(invited, keys, self.slots.len())
    }

    fn names(&self) -> Vec<String> {
        self.slots
            .iter()
            .map(|slot| slot.cosigner.clone())
            .collect()
    }

    /// The vault that it ended in, once it has.
    fn vault(&self, tx: &ReadTx<'_>) -> Result<Option<StoredVault>, Error> {
        Ok(match self.row.vault {
            Some(id) => tx.vault(id)?,
            None => None,
        })
    }

    fn place(&self, cosigner: &str) -> Result<usize, Error> {
        let names = self.names();
        if let Some(place) = names.iter().position(|name| name == cosigner) {
            return Ok(place);
        }
        let error = Error::input(
            "unknown_cosigner",
            format!(
                "`{}` isn't one of the cosigners of this setup",
                escape(cosigner)
            ),
        );
        Err(
            match crate::nearest(cosigner, names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("they are {}", names.join(", "))),
            },
        )
    }

    fn token(&self, place: usize) -> Result<Token, Error> {
        self.slots[place]
            .token
            .parse()
            .map_err(|()| damaged("token"))
    }

    fn invitation(
        &self,
        place: usize,
        network: Network,
        owner: MemberId,
    ) -> Result<Invitation, Error> {
        Ok(Invitation {
            nonce: self.slots[place]
                .nonce
                .parse()
                .map_err(|()| damaged("invitation"))?,
            vault: self.row.name.clone(),
            network,
            owner,
            cosigners: self.names(),
            you: place,
            token: self.token(place)?,
            template: self.template.clone(),
        })
    }
}
