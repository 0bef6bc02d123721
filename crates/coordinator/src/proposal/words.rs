//! What cosigners say about a proposal beside signing it, and drafts opened for signing.

use super::check_note;
use crate::facts::{Known, Speakers};
use crate::find::nearest;
use crate::view::{AnswerView, ProposalView};
use crate::{Coordinator, Error, Moment};
use bitcoin::hex::DisplayHex;
use quorate_core::journal::Word;
use quorate_core::proposal::{speak, submit};
use quorate_core::text::escape;
use quorate_core::vault::Vault;

impl Coordinator {
    /// Takes down what a cosigner says. The same word again changes nothing.
    pub fn speak(
        &mut self,
        id: &str,
        cosigner: &str,
        word: Word,
        note: Option<&str>,
        moment: Moment,
    ) -> Result<ProposalView, Error> {
        check_note(note)?;
        let me = self.device.key.id();
        let author = me.to_bytes();
        self.decide(id, moment, |tx, vault, known| {
            let number = cosigner_called(vault, cosigner)?;
            if !Speakers::load(tx, vault, known.row.vault)?.may(me, number) {
                return Err(Error::refused(
                    "not_enrolled",
                    format!(
                        "this data folder isn't enrolled as a member that speaks for {}, so no other would count it",
                        escape(cosigner)
                    ),
                )
                .hint("the owner of the vault can: `quorate member add VAULT NAME MEMBER --cosigner COSIGNER`"));
            }
            let key = &vault.cosigners()[number].key;
            let note = note.map(ToOwned::to_owned);
            let said = known.words.iter().any(|(who, said)| {
                *who == number && said.author == author && said.word == word && said.note == note
            });
            let body = speak(known.row.id, &known.facts, key, word, note)?;
            Ok((!said).then_some(body))
        })
    }

    /// Opens a draft for signing.
    pub fn submit(&mut self, id: &str, moment: Moment) -> Result<ProposalView, Error> {
        self.decide(id, moment, |_, _, known| {
            Ok(Some(submit(known.row.id, &known.facts)?))
        })
    }
}

pub(crate) fn cosigner_called(vault: &Vault, name: &str) -> Result<usize, Error> {
    let names = || vault.cosigners().iter().map(|one| one.name.as_str());
    if let Some(number) = names().position(|one| one == name) {
        return Ok(number);
    }
    let error = Error::input(
        "unknown_cosigner",
        format!("the vault has no cosigner `{}`", escape(name)),
    );
    Err(match nearest(name, names()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "its cosigners are {}",
            names().collect::<Vec<_>>().join(", ")
        )),
    })
}

/// Everything that was said, oldest first.
pub(super) fn answers(vault: &Vault, known: &Known) -> Vec<AnswerView> {
    let words = known.words.iter();
    words
        .filter_map(|(cosigner, said)| {
            Some(AnswerView {
                cosigner: vault.cosigners().get(*cosigner)?.name.clone(),
                answer: said.word.text().to_owned(),
                note: said.note.clone(),
                at: said.said_at,
                author: said.author.to_lower_hex_string(),
            })
        })
        .collect()
}
