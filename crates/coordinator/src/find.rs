//! From what a person typed to what is meant, with a suggestion when nothing fits.

use crate::Error;
use quorate_core::proposal::ProposalId;
use quorate_core::text::escape;
use quorate_core::vault::VaultId;
use quorate_storage::{ReadTx, StoredVault};

/// Of `candidates`, the one most like `given`, when it is like it at all.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&given, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The vault that is called so, or whose id begins so: 6 digits or more, as long as only one does.
pub(crate) fn vault(tx: &ReadTx<'_>, given: &str) -> Result<StoredVault, Error> {
    match tx.vault_named(given)? {
        Some(row) => Ok(row),
        None => vault_like(tx.vaults()?, given),
    }
}

fn vault_like(mut rows: Vec<StoredVault>, given: &str) -> Result<StoredVault, Error> {
    let by_id = |row: &StoredVault| {
        given.len() >= 6 && row.id.to_string().starts_with(&given.to_lowercase())
    };
    let matches: Vec<usize> = (0..rows.len())
        .filter(|&place| by_id(&rows[place]))
        .collect();
    match matches[..] {
        [] => {}
        [place] => return Ok(rows.swap_remove(place)),
        _ => {
            let names: Vec<&str> = matches
                .iter()
                .map(|&place| rows[place].name.as_str())
                .collect();
            let message = format!(
                "several vaults have ids that begin with `{given}`: {}",
                names.join(", ")
            );
            return Err(
                Error::input("ambiguous_vault", message).hint("type more digits, or the name")
            );
        }
    }
    let error = Error::input(
        "unknown_vault",
        format!("there is no vault `{}` in this home", escape(given)),
    );
    Err(
        match nearest(given, rows.iter().map(|row| row.name.as_str())) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None if rows.is_empty() => error.hint(
                "make one with `quorate vault create`, or take one in with `quorate vault import`",
            ),
            None => error.hint("`quorate vault list` shows them all"),
        },
    )
}

/// The vault with this id.
pub(crate) fn vault_by_id(tx: &ReadTx<'_>, id: VaultId) -> Result<StoredVault, Error> {
    tx.vault(id)?.ok_or_else(|| {
        Error::refused("unknown_vault", format!("vault {id} isn't in this home"))
            .hint("take it in first: quorate vault import NAME FILE")
    })
}

/// The proposal whose id begins with `given`: 4 digits or more, as long as only one does.
pub(crate) fn proposal(tx: &ReadTx<'_>, given: &str) -> Result<ProposalId, Error> {
    let unknown = || {
        Error::input(
            "unknown_proposal",
            format!("there is no proposal `{}` in this home", escape(given)),
        )
    };
    let is_hex = !given.is_empty()
        && given.len() <= 64
        && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && given.len() >= 4 {
        match tx.proposals_like(given)?.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            several => {
                let shown: Vec<String> = several
                    .iter()
                    .map(|id| id.to_string()[..12].to_owned())
                    .collect();
                return Err(Error::input(
                    "ambiguous_proposal",
                    format!(
                        "several proposals begin with `{given}`: {}",
                        shown.join(", ")
                    ),
                )
                .hint("type more digits"));
            }
        }
    }
    let all: Vec<String> = tx
        .proposal_heads(None)?
        .iter()
        .map(|(id, _)| id.to_string())
        .collect();
    let short = given.len().clamp(4, 64);
    Err(match nearest(given, all.iter().map(|id| &id[..short])) {
        Some(near) if is_hex => unknown().hint(format!("did you mean `{near}`?")),
        _ => unknown().hint("`quorate proposal list` shows them all"),
    })
}
