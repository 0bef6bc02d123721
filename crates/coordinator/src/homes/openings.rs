//! A proposal that several members opened: its transaction is one, their words may differ.

use crate::Error;
use quorate_core::proposal::ProposalId;
use quorate_storage::ReadTx;

/// What to look at when a proposal was opened more than once: nobody can tell who came first, since
/// each member has a clock of its own.
pub(crate) fn said_twice(tx: &ReadTx<'_>, id: ProposalId) -> Result<Option<String>, Error> {
    let openings = tx.openings(id)?;
    if openings.len() < 2 {
        return Ok(None);
    }
    let said = openings.iter().map(|(author, memo)| {
        let author = author.to_string();
        let memo = memo.as_deref().map_or_else(
            || "without a memo".to_owned(),
            |memo| format!("\"{}\"", quorate_core::text::escape(memo)),
        );
        format!("{} {memo}", &author[..12])
    });
    let said: Vec<String> = said.collect();
    Ok(Some(format!(
        "it was opened {} times, ask what is true: {}",
        openings.len(),
        said.join(", ")
    )))
}
