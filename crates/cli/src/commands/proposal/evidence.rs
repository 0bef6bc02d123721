//! `quorate proposal evidence` and `verify`: showing to somebody else how a spend came about.

use crate::context::Context;
use crate::output::Answer;
use crate::table::{lines, short, table};
use crate::{amount::btc, date, files};
use quorate_coordinator::{Error, verify_evidence};
use quorate_core::evidence::{Evidence, MAX_BYTES, Verdict};
use quorate_core::text::escape;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct EvidenceArgs {
    /// The proposal's id, or the beginning of it
    id: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also write it for people to read
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// The file; `-` is standard input
    file: PathBuf,
}

#[derive(Serialize)]
struct WrittenView {
    proposal: String,
    status: String,
    entries: usize,
    signatures: usize,
    file: String,
}

#[derive(Serialize)]
struct VerdictView {
    holds: bool,
    proposal: String,
    vault: String,
    words: String,
    sealed_by: String,
    faults: Vec<String>,
    proven: Vec<String>,
    unproven: Vec<String>,
}

pub(crate) fn evidence(args: &EvidenceArgs, context: &Context) -> Result<Answer, Error> {
    let evidence = context
        .coordinator()?
        .evidence(&args.id, Context::moment()?)?;
    let text = described(&evidence);
    if let Some(path) = &args.text {
        files::write(path, text.as_bytes(), args.force)?;
    }
    let Some(path) = &args.output else {
        return Answer::new(&evidence, text);
    };
    files::write(path, evidence.to_text().as_bytes(), args.force)?;
    let view = WrittenView {
        proposal: evidence.proposal.id.clone(),
        status: evidence.claims.status.clone(),
        entries: evidence.entries.len(),
        signatures: evidence.signatures.len(),
        file: path.display().to_string(),
    };
    let shown = files::shown(path);
    let text = format!(
        "wrote the evidence of proposal {} into {shown}: {} entries, {} signatures\nanybody checks it with: quorate proposal verify {shown}\n",
        short(&view.proposal),
        view.entries,
        view.signatures
    );
    Answer::new(&view, text)
}

pub(crate) fn verify(args: &VerifyArgs) -> Result<Answer, Error> {
    let name = files::name(&args.file);
    let bytes = files::read(&args.file, MAX_BYTES as u64)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::input("not_text", format!("{name} isn't text in UTF-8")))?;
    let verdict = verify_evidence(&text).map_err(|error| error.about(&name))?;
    let error = (!verdict.faults.is_empty()).then(|| {
        Error::refused(
            "evidence_faults",
            format!("{name} doesn't hold: {}", verdict.faults.join("; ")),
        )
        .hint("have it made anew by `quorate proposal evidence`, and compare who sealed it")
    });
    let shown = judged(&verdict);
    let evidence = verdict.evidence;
    let view = VerdictView {
        holds: verdict.faults.is_empty(),
        proposal: evidence.proposal.id,
        vault: evidence.vault.id,
        words: evidence.proposal.words,
        sealed_by: evidence.sealed_by.to_string(),
        faults: verdict.faults,
        proven: verdict.proven,
        unproven: verdict.unproven,
    };
    Ok(Answer::new(&view, shown)?.but(error))
}

fn judged(verdict: &Verdict) -> String {
    let mut text = described(&verdict.evidence);
    let parts = [
        ("holds", &verdict.proven),
        ("FAULT", &verdict.faults),
        ("not proven by it", &verdict.unproven),
    ];
    text.push('\n');
    for (what, sentences) in parts {
        for sentence in sentences {
            text.push_str(&format!("{what}: {}\n", escape(sentence)));
        }
    }
    text
}

fn described(evidence: &Evidence) -> String {
    let claims = &evidence.claims;
    let mut head = vec![
        (
            "vault",
            format!(
                "{} ({})",
                escape(&claims.vault_name),
                escape(&evidence.vault.id)
            ),
        ),
        ("proposal", escape(&evidence.proposal.id)),
        ("words", escape(&evidence.proposal.words)),
        ("status", escape(&claims.status)),
        ("fee", btc(evidence.proposal.fee_sat)),
        (
            "sealed by",
            format!(
                "{} on {} UTC",
                evidence.sealed_by,
                date::minute(claims.made_at)
            ),
        ),
    ];
    if let Some(txid) = &claims.txid {
        head.push(("transaction", escape(txid)));
    }
    if let (Some(block), Some(height)) = (&claims.block, claims.height) {
        head.push(("block", format!("{height} ({})", escape(block))));
    }
    let mut text = lines(&head);
    for sentence in &evidence.vault.policy {
        text.push_str(&format!("policy: {}\n", escape(sentence)));
    }
    for input in &evidence.proposal.inputs {
        text.push_str(&format!(
            "spends {} of {}\n",
            btc(input.value_sat),
            escape(&input.outpoint)
        ));
    }
    for output in &evidence.proposal.outputs {
        let to = output.address.as_ref().unwrap_or(&output.script);
        let back = if output.ours { " (comes back)" } else { "" };
        text.push_str(&format!(
            "pays {} to {}{back}\n",
            btc(output.value_sat),
            escape(to)
        ));
    }
    let name = |member: &quorate_core::journal::MemberId| {
        let known = evidence.members.iter().find(|one| one.member == *member);
        let known = known.map(|one| match (&one.name, &one.cosigner) {
            (Some(name), _) => name.clone(),
            (None, _) => one.standing.clone(),
        });
        format!(
            "{} ({})",
            short(&member.to_string()),
            escape(&known.unwrap_or_default())
        )
    };
    text.push('\n');
    text.push_str(&table(
        ["when (UTC)", "member", "entry", "what"],
        evidence.statements.iter().map(|one| {
            [
                date::minute(one.at),
                name(&one.author),
                short(&one.entry).to_owned(),
                match &one.refused {
                    Some(reason) => {
                        format!("{} (doesn't count: {})", escape(&one.what), escape(reason))
                    }
                    None => escape(&one.what),
                },
            ]
        }),
    ));
    if !evidence.signatures.is_empty() {
        text.push('\n');
        text.push_str(&table(
            ["input", "cosigner", "key", "sighash", "admitted with"],
            evidence.signatures.iter().map(|one| {
                [
                    one.input.to_string(),
                    escape(&one.cosigner),
                    escape(short(&one.public_key)),
                    escape(short(&one.sighash)),
                    escape(short(&one.entry)),
                ]
            }),
        ));
    }
    text
}
