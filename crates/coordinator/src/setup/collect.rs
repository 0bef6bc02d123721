//! Round 1 in the coordinator's home: files with keys, each held against the invitation it answers.

use super::Session;
use crate::view::{AddedFileView, AddedView, ErrorView};
use crate::{Coordinator, Error, Incoming, Moment};
use bitcoin::bip32::Xpub;
use quorate_core::key::{CosignerKey, KeyIdentity, file};
use quorate_core::setup::{KeyRecord, Statement, Token, open};
use quorate_core::text::escape;
use quorate_storage::{ReadTx, RevokedSlot, StoredSlot, WriteTx};

/// A key out of a file.
struct Found {
    key: CosignerKey,
    /// The signed record, unsealed.
    record: Option<String>,
    token: Option<Token>,
    statement: Option<Statement>,
    /// The place whose token opened it.
    place: Option<usize>,
}

impl Coordinator {
    /// Takes keys out of files. `cosigner` says whose they are where the file doesn't; `replace` lets a key
    /// take the place of one that is there.
    pub fn add_keys(
        &mut self,
        name: &str,
        files: &[Incoming],
        cosigner: Option<&str>,
        replace: bool,
        moment: Moment,
    ) -> Result<AddedView, Error> {
        let mut views = Vec::with_capacity(files.len());
        for file in files {
            let view = match self.add_key(name, file, cosigner, replace, moment) {
                Ok((cosigner, outcome, signed)) => AddedFileView {
                    file: file.name.clone(),
                    cosigner: Some(cosigner),
                    outcome,
                    signed,
                    error: None,
                },
                Err(error) if error.kind == crate::Kind::Storage => return Err(error),
                Err(error) if files.len() == 1 => return Err(error),
                Err(error) => AddedFileView {
                    file: file.name.clone(),
                    cosigner: None,
                    outcome: "refused",
                    signed: false,
                    error: Some(ErrorView::from(&error)),
                },
            };
            views.push(view);
        }
        Ok(AddedView {
            files: views,
            setup: self.setup(name)?,
        })
    }

    fn add_key(
        &mut self,
        name: &str,
        file: &Incoming,
        cosigner: Option<&str>,
        replace: bool,
        moment: Moment,
    ) -> Result<(String, &'static str, bool), Error> {
        let network = self.network();
        let about = |error: Error| error.about(&escape(&file.name));
        let text = std::str::from_utf8(&file.bytes)
            .map_err(|_| about(Error::input("bad_key", "it isn't text")))?;
        let load = |tx: &ReadTx<'_>| {
            let session = Session::load(tx, name)?;
            session.must_be_open()?;
            Ok::<_, Error>((session, tx.setup_revoked(name)?))
        };
        // Unsealing and verifying take time, so they are done before the lock is taken.
        let (session, revoked) = self.store.read(load)?;
        let found = read(&session, &revoked, text, network).map_err(about)?;
        self.store.write(|tx| {
            let (session, revoked) = load(tx)?;
            check_revoked(&revoked, &found).map_err(about)?;
            let place = place(&session, &found, cosigner).map_err(about)?;
            check_token(&session, &found, place).map_err(about)?;
            check_distinct(&session, place, &found).map_err(about)?;
            put(tx, &session, place, &found, replace, moment).map_err(about)
        })
    }
}

fn bad(error: &dyn std::fmt::Display) -> Error {
    Error::input("bad_key", error.to_string())
}

fn revoked_error(slot: &RevokedSlot) -> Error {
    Error::refused(
        "revoked",
        format!(
            "it answers an invitation of {} that was taken back, so its key doesn't count",
            slot.cosigner
        ),
    )
    .hint("whoever is to take part needs a new invitation")
}

/// A key record, sealed or not, or any file that a signer writes.
fn read(
    session: &Session,
    revoked: &[RevokedSlot],
    text: &str,
    network: bitcoin::Network,
) -> Result<Found, Error> {
    let trimmed = text.trim();
    let hex = trimmed.len() > 64 && trimmed.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex {
        return unseal(session, revoked, trimmed, network);
    }
    if trimmed.starts_with("BSMS") {
        let record = KeyRecord::read(trimmed, network).map_err(|error| bad(&error))?;
        return Ok(of_record(record, trimmed, None));
    }
    let keys = file::read(trimmed, network).map_err(|error| bad(&error))?;
    let chosen = keys
        .choose(session.template.script)
        .map_err(|error| bad(&error))?;
    Ok(Found {
        key: chosen.key.clone(),
        record: None,
        token: None,
        statement: None,
        place: None,
    })
}

fn of_record(record: KeyRecord, text: &str, place: Option<usize>) -> Found {
    Found {
        record: record.is_signed.then(|| text.to_owned()),
        token: Some(record.token),
        // What isn't signed may name anybody.
        statement: Statement::read(&record.note).filter(|_| record.is_signed),
        key: record.key,
        place,
    }
}

fn unseal(
    session: &Session,
    revoked: &[RevokedSlot],
    text: &str,
    network: bitcoin::Network,
) -> Result<Found, Error> {
    let mut last = None;
    for place in 0..session.slots.len() {
        match open(&session.token(place)?, text) {
            Ok(plain) => {
                let record = KeyRecord::read(&plain, network).map_err(|error| bad(&error))?;
                // In standard mode one token opens for all: then the record must say whose it is.
                let shared = session
                    .slots
                    .iter()
                    .filter(|slot| slot.token == session.slots[place].token);
                let place = (shared.count() == 1).then_some(place);
                return Ok(of_record(record, &plain, place));
            }
            Err(error) => last = Some(error),
        }
    }
    for slot in revoked {
        if let Ok(token) = slot.token.parse::<Token>()
            && open(&token, text).is_ok()
        {
            return Err(revoked_error(slot));
        }
    }
    Err(last.map_or_else(|| bad(&"it can't be read"), |error| bad(&error)))
}

/// Whose key it is: by the invitation that it answers, by the token that opened it, or as said.
fn place(session: &Session, found: &Found, cosigner: Option<&str>) -> Result<usize, Error> {
    let said = cosigner.map(|name| session.place(name)).transpose()?;
    let answered = found.statement.and_then(|statement| {
        let nonce = statement.nonce.to_string();
        session.slots.iter().position(|slot| slot.nonce == nonce)
    });
    let known = answered.or(found.place);
    match (known, said) {
        (Some(known), Some(said)) if known != said => Err(Error::refused(
            "other_cosigner",
            format!(
                "it answers the invitation of {}, not of {}",
                session.slots[known].cosigner, session.slots[said].cosigner
            ),
        )),
        (Some(place), _) | (None, Some(place)) => Ok(place),
        (None, None) if found.statement.is_some() => Err(Error::refused(
            "other_setup",
            "it answers an invitation that isn't one of this setup: it may be of an earlier one",
        )
        .hint("ask the cosigner to join with the invitation that is valid now")),
        (None, None) => Err(Error::input(
            "whose_key",
            "it doesn't say which invitation it answers",
        )
        .hint(format!(
            "say whose key it is with --cosigner NAME: {}",
            session.names().join(", ")
        ))),
    }
}

/// What answers an invitation that was taken back doesn't count, nor a key that came with one.
fn check_revoked(revoked: &[RevokedSlot], found: &Found) -> Result<(), Error> {
    let nonce = found.statement.map(|statement| statement.nonce.to_string());
    let is_its = |slot: &&RevokedSlot| {
        nonce.as_ref() == Some(&slot.nonce)
            || slot
                .key
                .as_deref()
                .is_some_and(|key| is_same(key, &found.key))
    };
    revoked
        .iter()
        .find(is_its)
        .map_or(Ok(()), |slot| Err(revoked_error(slot)))
}

fn check_token(session: &Session, found: &Found, place: usize) -> Result<(), Error> {
    let expected = session.token(place)?;
    match found.token {
        Some(token) if token != expected && token != Token::None => Err(Error::refused(
            "other_token",
            "its token is that of another session: it was written for another setup",
        )
        .hint("ask the signer to export the key anew, with this setup's token")),
        // Unsealed in a session that is sealed: whoever carried it could read it, no more.
        _ => Ok(()),
    }
}

fn put(
    tx: &WriteTx<'_>,
    session: &Session,
    place: usize,
    found: &Found,
    replace: bool,
    moment: Moment,
) -> Result<(String, &'static str, bool), Error> {
    let slot = &session.slots[place];
    let key = found.key.to_string();
    let signed = found.record.is_some();
    let new = StoredSlot {
        invited_at: slot.invited_at.or(Some(moment.now)),
        key: Some(key.clone()),
        record: found.record.clone(),
        member: found.statement.map(|statement| statement.member),
        ..slot.clone()
    };
    match &slot.key {
        Some(known) if *known == key => {
            // The same key with a signature is worth more than without.
            if signed && slot.record.is_none() {
                tx.put_slot(&session.row.name, place, &new)?;
                return Ok((slot.cosigner.clone(), "taken", signed));
            }
            return Ok((slot.cosigner.clone(), "known", slot.record.is_some()));
        }
        Some(_) if !replace => {
            return Err(Error::refused(
                "slot_filled",
                format!("another key of {} is here already", slot.cosigner),
            )
            .hint("ask which one is right; --replace takes the new one"));
        }
        Some(_) | None => tx.put_slot(&session.row.name, place, &new)?,
    }
    Ok((slot.cosigner.clone(), "taken", signed))
}

/// By key material: texts of one key differ.
fn is_same(stored: &str, key: &CosignerKey) -> bool {
    let xpub = stored.rsplit_once(']').map_or(stored, |(_, xpub)| xpub);
    xpub.parse::<Xpub>()
        .is_ok_and(|xpub| KeyIdentity::from(&xpub) == key.identity())
}

/// One key for two cosigners.
fn check_distinct(session: &Session, place: usize, found: &Found) -> Result<(), Error> {
    let others = session
        .slots
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != place);
    for (_, slot) in others {
        if slot
            .key
            .as_deref()
            .is_some_and(|key| is_same(key, &found.key))
        {
            return Err(Error::refused(
                "key_twice",
                format!(
                    "{} gave the same key: one person would sign for two",
                    slot.cosigner
                ),
            ));
        }
    }
    Ok(())
}
