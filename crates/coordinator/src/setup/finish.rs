//! The end of round 1, and round 2 in the coordinator's home.

use super::{Session, damaged};
use crate::view::{RecordView, VaultView};
use crate::{Coordinator, Error, Moment};
use quorate_core::journal::{Birth, Body};
use quorate_core::key::CosignerKey;
use quorate_core::setup::seal;
use quorate_core::vault::Vault;
use quorate_core::wallet;

impl Coordinator {
    /// Makes the vault of the keys that were collected. The cosigners' members are enrolled, as their
    /// signed records name them; nothing is handed out before all of them stand for the vault.
    pub fn finish_setup(
        &mut self,
        name: &str,
        birth: Option<Birth>,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        let (network, me) = (self.network(), self.device.key.id());
        let session = self.store.read(|tx| Session::load(tx, name))?;
        session.must_be_open()?;
        let missing: Vec<&str> = session
            .slots
            .iter()
            .filter(|slot| slot.key.is_none())
            .map(|slot| slot.cosigner.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(Error::refused(
                "keys_missing",
                format!("the key of {} is missing", missing.join(" and of ")),
            )
            .hint(format!("quorate setup add {name} FILE")));
        }
        let keys = session.slots.iter().map(|slot| {
            let key = slot.key.as_deref().unwrap_or_default();
            let key = CosignerKey::parse(key, network).map_err(|_| damaged("key"))?;
            Ok((slot.cosigner.clone(), key))
        });
        let keys: Vec<(String, CosignerKey)> = keys.collect::<Result<_, Error>>()?;
        let vault = Vault::create(network, &session.template, keys.clone())?;
        let mut bodies = Vec::new();
        for (slot, (_, key)) in session.slots.iter().zip(&keys) {
            if let Some(member) = slot.member.filter(|member| *member != me) {
                bodies.push(Body::MemberAdded {
                    member,
                    name: slot.cosigner.clone(),
                    cosigner: Some(key.xpub().to_string()),
                });
            }
            if let Some(record) = &slot.record {
                bodies.push(Body::KeyProven {
                    cosigner: *key.xpub(),
                    record: Some(record.clone()),
                    signatures: Vec::new(),
                });
            }
        }
        let now = u32::try_from(moment.now).unwrap_or(u32::MAX);
        let founding = crate::vault::Founding {
            birth: birth.unwrap_or(Birth::Time(now)),
            owner: Some(me),
            session: true,
            bodies,
            setup: Some((name, &session.slots)),
        };
        self.add_vault(name, &vault, founding, moment)
    }

    /// The descriptor record for the cosigners: sealed for one of them, or as it is.
    pub fn setup_record(
        &mut self,
        name: &str,
        cosigner: Option<&str>,
    ) -> Result<RecordView, Error> {
        self.store.read(|tx| {
            let session = Session::load(tx, name)?;
            let Some(row) = session.vault(tx)? else {
                return Err(Error::refused(
                    "setup_open",
                    format!("the vault `{name}` isn't finished yet"),
                )
                .hint(format!("quorate setup finish {name}")));
            };
            let vault = Self::open_vault(&row)?;
            let record = wallet::write(wallet::Format::Bsms, &vault, &row.name)
                .map_err(|error| Error::refused("no_record", error.to_string()))?;
            let token = cosigner
                .map(|name| session.place(name).and_then(|place| session.token(place)))
                .transpose()?;
            Ok(RecordView {
                vault: row.id.to_string(),
                cosigner: cosigner.map(ToOwned::to_owned),
                text: match token {
                    Some(token) => seal(&token, record.trim_end()),
                    None => record,
                },
            })
        })
    }
}
