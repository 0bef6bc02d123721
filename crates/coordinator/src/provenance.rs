//! Where cosigners' keys come from, and what else is known of them.

use crate::view::{AttestedView, StandingView, VaultView};
use crate::{Coordinator, Error, Moment, vault_row};
use quorate_core::journal::{Body, KeyFacts};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};

impl Coordinator {
    /// Writes down where a cosigner's key comes from; what isn't said stays as it was.
    pub fn note_key(
        &mut self,
        name: &str,
        cosigner: &str,
        facts: KeyFacts,
        moment: Moment,
    ) -> Result<VaultView, Error> {
        for (what, text) in facts.texts() {
            check_line(what, text, 255)
                .map_err(|error| Error::input("bad_note", error.to_string()))?;
        }
        if !facts.has_sound_registration() {
            return Err(
                Error::input("bad_registration", "the registration isn't 32 bytes in hex")
                    .hint("a Ledger answers with an HMAC of 64 hexadecimal digits"),
            );
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let number = crate::proposal::cosigner_called(&vault, cosigner)?;
            let key = &vault.cosigners()[number].key;
            let known = tx.key_facts(row.id, &key.identity().to_bytes())?;
            let facts = facts.over(known.clone());
            if facts != known {
                let cosigner = *key.xpub();
                crate::append(
                    &device,
                    tx,
                    row.id,
                    moment.now,
                    Body::KeyNoted { cosigner, facts },
                )?;
            }
            Ok::<_, Error>(())
        })?;
        self.vault(name)
    }
}

/// What is known of the cosigners' keys.
pub(crate) fn standing(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    vault: &Vault,
) -> Result<Vec<StandingView>, Error> {
    let standing = crate::setup::standing(tx, row, vault)?.into_iter();
    let all = vault.cosigners().iter().zip(standing);
    all.map(|(cosigner, stand)| {
        let xpub = cosigner.key.xpub().to_string();
        Ok(StandingView {
            name: cosigner.name.clone(),
            label: crate::labels::words(tx, row.id, "xpub", &xpub, None)?,
            provenance: tx.key_facts(row.id, &cosigner.key.identity().to_bytes())?,
            proven: stand.proven,
            attested: stand.attested.map(|attested| AttestedView {
                at: attested.at,
                by: if attested.own { "cosigner" } else { "owner" },
                note: attested.note,
            }),
        })
    })
    .collect()
}
