//! Sessions: begun, looked at, handed out, taken back.

use super::{Session, damaged};
use crate::view::{InvitationView, JoinedView, SetupView, SetupsView, SlotView};
use crate::{Coordinator, Error, Moment};
use bitcoin::hashes::{Hash, HashEngine, sha256};
use quorate_core::policy::{Template, explain};
use quorate_core::setup::{Encryption, Invitation, Nonce, SetupStage};
use quorate_core::text::check_name;
use quorate_storage::{ReadTx, StoredJoin, StoredSetup, StoredSlot};
use std::collections::BTreeSet;

/// What a session begins with.
#[derive(Debug)]
pub struct NewSetup<'a> {
    /// What the vault will be called.
    pub name: &'a str,
    /// The policy, with the kind of script that was chosen.
    pub template: &'a Template,
    /// What the cosigners are called, in the order of the template's roles.
    pub cosigners: &'a [String],
    /// How files are sealed.
    pub encryption: Encryption,
}

/// Random bytes for one invitation: all of them come out of one moment's.
fn invitation(moment: &Moment, round: u64, encryption: Encryption, shared: u64) -> (Nonce, String) {
    let bytes = |number: u64, what: &[u8]| {
        let mut engine = sha256::Hash::engine();
        engine.input(&moment.entropy);
        engine.input(what);
        engine.input(&number.to_le_bytes());
        sha256::Hash::from_engine(engine).to_byte_array()
    };
    let (nonce, token) = (bytes(round, b"nonce"), bytes(shared, b"token"));
    let nonce = Nonce::new(std::array::from_fn(|at| nonce[at]));
    let token = encryption.token(&std::array::from_fn(|at| token[at]));
    (nonce, token.hex())
}

impl Coordinator {
    /// Begins a session.
    pub fn create_setup(&mut self, new: &NewSetup<'_>, moment: Moment) -> Result<SetupView, Error> {
        let bad_name =
            |error: quorate_core::text::TextError| Error::input("bad_name", error.to_string());
        check_name("the vault's name", new.name).map_err(bad_name)?;
        let roles = new.template.roles.len();
        if new.cosigners.len() != roles {
            return Err(Error::input(
                "cosigner_count",
                format!(
                    "the policy {} has {roles} cosigners, and {} were named",
                    new.template.name,
                    new.cosigners.len()
                ),
            )
            .hint(format!(
                "name one for each role: {}",
                new.template.roles.join(", ")
            )));
        }
        let mut seen = BTreeSet::new();
        for name in new.cosigners {
            check_name("a cosigner's name", name).map_err(bad_name)?;
            if !seen.insert(name.to_lowercase()) {
                return Err(Error::input(
                    "same_name",
                    format!("two cosigners are called `{name}`"),
                )
                .hint("give each a name of its own"));
            }
        }
        let slots: Vec<StoredSlot> = (0u64..)
            .zip(new.cosigners)
            .map(|(place, name)| {
                // BIP-0129's standard mode has one token for all.
                let shared = match new.encryption {
                    Encryption::Extended => place,
                    Encryption::None | Encryption::Standard => 0,
                };
                let (nonce, token) = invitation(&moment, place, new.encryption, shared);
                StoredSlot {
                    cosigner: name.clone(),
                    nonce: nonce.to_string(),
                    token,
                    invited_at: None,
                    key: None,
                    record: None,
                    member: None,
                }
            })
            .collect();
        let row = StoredSetup {
            name: new.name.to_owned(),
            template: new.template.write(),
            encryption: new.encryption.word().to_owned(),
            created_at: moment.now,
            vault: None,
        };
        self.store.write(|tx| {
            let taken = tx.setup(new.name)?.is_some() || tx.vault_named(new.name)?.is_some();
            if taken {
                return Err(Error::refused(
                    "name_taken",
                    format!("a vault or setup is called `{}` here already", new.name),
                )
                .hint("choose another name"));
            }
            Ok::<_, Error>(tx.create_setup(&row, &slots)?)
        })?;
        self.setup(new.name)
    }

    /// One session.
    pub fn setup(&mut self, name: &str) -> Result<SetupView, Error> {
        let network = self.network().to_string();
        self.store
            .read(|tx| view(tx, &Session::load(tx, name)?, &network))
    }

    /// All sessions, and the invitations that this home answered.
    pub fn setups(&mut self) -> Result<SetupsView, Error> {
        let network = self.network().to_string();
        self.store.read(|tx| {
            let setups = tx.setups()?.into_iter();
            let setups = setups.map(|row| view(tx, &Session::load(tx, &row.name)?, &network));
            let joined = tx.joins()?;
            Ok(SetupsView {
                setups: setups.collect::<Result<_, Error>>()?,
                joined: joined
                    .iter()
                    .map(joined_view)
                    .collect::<Result<_, Error>>()?,
            })
        })
    }

    /// The invitation of one cosigner, to be handed over.
    pub fn invite(
        &mut self,
        name: &str,
        cosigner: &str,
        moment: Moment,
    ) -> Result<InvitationView, Error> {
        let (network, owner) = (self.network(), self.device.key.id());
        self.store.write(|tx| {
            let session = Session::load(tx, name)?;
            session.must_be_open()?;
            let place = session.place(cosigner)?;
            let mut slot = session.slots[place].clone();
            if slot.invited_at.is_none() {
                slot.invited_at = Some(moment.now);
                tx.put_slot(name, place, &slot)?;
            }
            let invitation = session.invitation(place, network, owner)?;
            Ok(InvitationView {
                setup: name.to_owned(),
                cosigner: cosigner.to_owned(),
                invitation: invitation.nonce.to_string(),
                text: invitation.write(),
            })
        })
    }

    /// Takes an invitation back, and the key that came with it. The place gets a new invitation; what
    /// answers the old one is refused from now on.
    pub fn revoke(
        &mut self,
        name: &str,
        cosigner: &str,
        moment: Moment,
    ) -> Result<SetupView, Error> {
        self.store.write(|tx| {
            let session = Session::load(tx, name)?;
            session.must_be_open()?;
            let place = session.place(cosigner)?;
            let encryption =
                Encryption::from_word(&session.row.encryption).ok_or_else(|| damaged("setup"))?;
            tx.revoke_slot(name, &session.slots[place], moment.now)?;
            let round = moment.now ^ place as u64;
            let (nonce, token) = invitation(&moment, round, encryption, round);
            let slot = StoredSlot {
                cosigner: cosigner.to_owned(),
                nonce: nonce.to_string(),
                token,
                invited_at: None,
                key: None,
                record: None,
                member: None,
            };
            Ok::<_, Error>(tx.put_slot(name, place, &slot)?)
        })?;
        self.setup(name)
    }

    /// Gives a session up that isn't finished.
    pub fn drop_setup(&mut self, name: &str) -> Result<(), Error> {
        self.store.write(|tx| {
            Session::load(tx, name)?.must_be_open()?;
            Ok(tx.drop_setup(name)?)
        })
    }
}

pub(super) fn joined_view(join: &StoredJoin) -> Result<JoinedView, Error> {
    let invitation = Invitation::read(&join.invitation).map_err(|_| damaged("invitation"))?;
    Ok(JoinedView {
        invitation: join.nonce.clone(),
        vault: invitation.vault.clone(),
        cosigner: invitation.name().to_owned(),
        key: join.key.clone(),
        paths: explain(&invitation.template.policy, &invitation.cosigners),
        cosigners: invitation.cosigners,
        accepted: join.vault.is_some(),
    })
}

pub(super) fn view(tx: &ReadTx<'_>, session: &Session, network: &str) -> Result<SetupView, Error> {
    let name = &session.row.name;
    let vault = session.vault(tx)?;
    let stage = match &vault {
        Some(row) => {
            let opened = Coordinator::open_vault(row)?;
            super::stage(tx, row, &opened)?.word()
        }
        None => session.stage().word(),
    };
    let open = session.slots.iter().find(|slot| slot.key.is_none());
    let next = match (&vault, session.stage(), open) {
        (Some(row), _, _) => format!("quorate vault show {}", row.name),
        (None, SetupStage::Draft, _) => format!("quorate setup invite {name}"),
        (None, SetupStage::Collecting, Some(slot)) => {
            format!("quorate setup add {name} {}.bsms", slot.cosigner)
        }
        (None, _, _) => format!("quorate setup finish {name}"),
    };
    let revoked = tx.setup_revoked(name)?.into_iter();
    Ok(SetupView {
        name: name.clone(),
        network: network.to_owned(),
        stage: stage.to_owned(),
        policy: session.template.name.clone(),
        script: session.template.script.to_string(),
        encryption: session.row.encryption.clone(),
        cosigners: session
            .slots
            .iter()
            .map(|slot| SlotView {
                name: slot.cosigner.clone(),
                invited: slot.invited_at.is_some(),
                key: slot.key.clone(),
                signed: slot.record.is_some(),
                member: slot.member.map(|member| member.to_string()),
            })
            .collect(),
        paths: explain(&session.template.policy, &session.names()),
        revoked: revoked
            .map(|slot| format!("{} ({})", slot.cosigner, slot.nonce))
            .collect(),
        vault: session.row.vault.map(|id| id.to_string()),
        next,
    })
}
