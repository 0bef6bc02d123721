//! `quorate vault drill`: everything that recovery takes, played before it is needed. The backup is restored into
//! a folder that is thrown away; each quorum of the keys at hand signs a spend that can never happen.

mod report;

use super::backup;
use crate::context::Context;
use crate::output::Answer;
use crate::{codes, failure, files, passphrase};
use quorate_coordinator::{Coordinator, Error};
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{admit, finalize, read};
use quorate_core::setup::drill_spend;
use quorate_core::spend::FeeLimits;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_signer::Keystore;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct DrillArgs {
    /// The vault's name
    vault: String,
    /// A backup to restore into a folder that is thrown away, and to compare
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// One of the vault's extended public keys, to open the backup; keys of this data folder otherwise
    #[arg(long, value_name = "KEY|@FILE", requires = "backup")]
    key: Option<String>,
    /// A software key of this data folder that signs; once for each
    #[arg(long = "signer", value_name = "NAME")]
    signers: Vec<String>,
    /// Write the requests to be signed elsewhere into this folder, one for each way to spend
    #[arg(long, value_name = "DIR")]
    requests: Option<PathBuf>,
    /// Copies of those requests that were signed elsewhere
    #[arg(value_name = "FILE")]
    signed: Vec<PathBuf>,
    /// Where the report goes; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the report if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

#[derive(Serialize)]
struct DrillView {
    vault: String,
    id: String,
    /// Seconds since 1970.
    at: u64,
    /// Whether everything that was tried went well.
    passed: bool,
    backup: Option<BackupDrill>,
    /// The cosigners whose keys signed.
    signed_by: Vec<String>,
    /// Those whose keys weren't at hand.
    not_tried: Vec<String>,
    /// For each way to spend.
    paths: Vec<PathDrill>,
    requests: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
}

#[derive(Serialize)]
struct BackupDrill {
    file: String,
    made_at: u64,
    same_id: bool,
    same_addresses: bool,
    same_next_index: bool,
    differences: Vec<String>,
}

impl BackupDrill {
    fn passed(&self) -> bool {
        self.same_id && self.same_addresses && self.same_next_index && self.differences.is_empty()
    }
}

#[derive(Serialize)]
struct PathDrill {
    /// The way to spend in plain words.
    path: String,
    /// Quorums of the keys at hand that completed a valid transaction.
    passed: Vec<Vec<String>>,
    /// Quorums whose signatures didn't.
    failed: Vec<String>,
    /// Why none was tried.
    not_tried: Option<String>,
}

pub(super) fn drill(args: &DrillArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let vault = coordinator.vault_facts(&args.vault)?;
    let view = coordinator.vault(&args.vault)?;
    let at = Context::now()?;
    let backup = args
        .backup
        .as_deref()
        .map(|path| restored(path, args, &mut coordinator, context))
        .transpose()?;
    let spends = (0..vault.policy().paths.len()).map(|path| drill_spend(&vault, path));
    let spends: Vec<Proposal> = spends.collect::<Result<_, _>>()?;
    let mut requests = Vec::new();
    if let Some(folder) = &args.requests {
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::input(
                "unwritable_file",
                format!("{} can't be made: {error}", files::shown(folder)),
            )
        })?;
        for (number, spend) in (1..).zip(&spends) {
            let path = folder.join(format!("drill-{number}.psbt"));
            files::write(
                &path,
                quorate_core::psbt::to_base64(spend.psbt()).as_bytes(),
                args.force,
            )?;
            requests.push(path.display().to_string());
        }
    }
    let mut collected: Vec<SignatureSet> = vec![SignatureSet::new(); spends.len()];
    sign(args, &vault, &spends, &mut collected, context)?;
    take(args, &spends, &mut collected)?;
    let name = |at: &usize| vault.cosigners()[*at].name.clone();
    let mut who = BTreeSet::new();
    let mut paths = Vec::new();
    for (number, (spend, signatures)) in spends.iter().zip(&collected).enumerate() {
        let signed = SignedInputs::of(spend, signatures).signed;
        let signers: BTreeSet<usize> = signed.first().cloned().unwrap_or_default();
        who.extend(&signers);
        paths.push(path(
            &vault,
            number,
            spend,
            signatures,
            &signers,
            &view.paths,
        ));
    }
    let all: BTreeSet<usize> = (0..vault.cosigners().len()).collect();
    let tried = paths
        .iter()
        .any(|path| !path.passed.is_empty() || !path.failed.is_empty());
    let mut drilled = DrillView {
        vault: view.name.clone(),
        id: view.id.clone(),
        at,
        passed: backup.as_ref().is_none_or(BackupDrill::passed)
            && paths.iter().all(|path| path.failed.is_empty())
            && (tried || (backup.is_some() && who.is_empty())),
        backup,
        signed_by: who.iter().map(name).collect(),
        not_tried: all.difference(&who).map(name).collect(),
        paths,
        requests,
        report: None,
    };
    let text = report::text(&drilled);
    let shown = match &args.output {
        Some(path) => {
            files::write(path, text.as_bytes(), args.force)?;
            drilled.report = Some(path.display().to_string());
            format!("{text}\nwrote {}\n", files::shown(path))
        }
        None => text,
    };
    let error = (!drilled.passed && drilled.requests.is_empty()).then(|| {
        Error::refused(
            "drill_failed",
            "the drill didn't pass; the report says what",
        )
        .hint("mend it while the money can still be moved in the usual way")
    });
    Ok(Answer::new(&drilled, shown)?.but(error))
}

/// The backup in a folder of its own, compared with this home.
fn restored(
    path: &Path,
    args: &DrillArgs,
    coordinator: &mut Coordinator,
    context: &Context,
) -> Result<BackupDrill, Error> {
    let text = backup::opened(path, args.key.as_deref(), &args.passphrase, context)?;
    let about = |error: Error| error.about(&files::name(path));
    let said = backup::read(&text).map_err(about)?;
    let folder = tempfile::tempdir().map_err(|error| {
        Error::storage(
            "no_folder",
            format!("no temporary folder can be made: {error}"),
        )
    })?;
    Coordinator::init(folder.path(), coordinator.network(), Context::moment()?)?;
    let mut other = Coordinator::open(folder.path())?;
    let restored = backup::restored(&mut other, &text, None).map_err(about)?;
    let ours = coordinator.vault(&args.vault)?;
    Ok(BackupDrill {
        file: files::shown(path),
        made_at: said.created_at,
        same_id: restored.vault.id == ours.id,
        same_addresses: restored.vault.first_addresses == ours.first_addresses
            && restored.vault.first_change == ours.first_change,
        same_next_index: restored.next_index == said.next_index,
        differences: restored.differences,
    })
}

/// The keys of this data folder sign through the ordinary signer.
fn sign(
    args: &DrillArgs,
    vault: &Vault,
    spends: &[Proposal],
    collected: &mut [SignatureSet],
    context: &Context,
) -> Result<(), Error> {
    let store = Keystore::at(&context.home()?);
    for name in &args.signers {
        let passphrase = args.passphrase.of(name)?;
        let key = store
            .unlock(name, &passphrase)
            .map_err(|error| failure::keystore(&error))?;
        for (spend, signatures) in spends.iter().zip(&mut *collected) {
            let signed = key
                .sign(vault, spend, spend.psbt(), &FeeLimits::default())
                .map_err(|error| failure::sign(&error))?;
            admit_into(spend, &signed.psbt.serialize(), signatures)?;
        }
    }
    Ok(())
}

fn admit_into(
    spend: &Proposal,
    bytes: &[u8],
    signatures: &mut SignatureSet,
) -> Result<usize, Error> {
    let foreign = read(bytes)?;
    let admission = admit(spend, &foreign, signatures)?;
    let new = admission.new.len();
    signatures.extend(admission.new.iter().map(|one| (one.slot, one.signature)));
    Ok(new)
}

/// What was signed elsewhere; each file belongs to one of the ways.
fn take(
    args: &DrillArgs,
    spends: &[Proposal],
    collected: &mut [SignatureSet],
) -> Result<(), Error> {
    for file in codes::read_all(&args.signed, files::PSBT_LIMIT)? {
        let about = |error: Error| error.about(&escape(&file.name));
        let foreign = read(&file.bytes).map_err(|error| about(error.into()))?;
        let txid = foreign.psbt.unsigned_tx.compute_txid();
        let place = spends
            .iter()
            .position(|spend| spend.transaction().compute_txid() == txid);
        let Some(place) = place else {
            return Err(about(Error::refused(
                "other_transaction",
                "it isn't one of this vault's drills",
            ))
            .hint("write the requests with --requests FOLDER, and have those signed"));
        };
        if admit_into(&spends[place], &file.bytes, &mut collected[place]).map_err(about)? == 0 {
            return Err(about(Error::refused(
                "no_signatures",
                "no new signature in it is valid",
            )));
        }
    }
    Ok(())
}

/// Each quorum of those who signed, finished and held against the rules of consensus.
fn path(
    vault: &Vault,
    number: usize,
    spend: &Proposal,
    signatures: &SignatureSet,
    signers: &BTreeSet<usize>,
    words: &[String],
) -> PathDrill {
    let path = &vault.policy().paths[number];
    let able: Vec<usize> = path.cosigners.intersection(signers).copied().collect();
    let mut drill = PathDrill {
        path: words.get(number).cloned().unwrap_or_default(),
        passed: Vec::new(),
        failed: Vec::new(),
        not_tried: None,
    };
    if able.len() < path.threshold {
        drill.not_tried = Some(format!(
            "it takes {} keys, and {} signed",
            path.threshold,
            able.len()
        ));
        return drill;
    }
    // Without the byte that says odd or even, which taproot leaves out.
    let x_only = |key: &bitcoin::PublicKey| key.inner.x_only_public_key().0;
    let owner: BTreeMap<_, usize> = spend.inputs()[0]
        .derived
        .keys
        .iter()
        .map(|key| (x_only(&key.public_key), key.cosigner))
        .collect();
    for quorum in quorums(&able, path.threshold) {
        let kept: SignatureSet = signatures
            .iter()
            .filter(|(slot, _)| {
                let cosigner = owner.get(&x_only(&slot.public_key));
                cosigner.is_some_and(|cosigner| quorum.contains(cosigner))
            })
            .map(|(slot, signature)| (*slot, *signature))
            .collect();
        let names: Vec<String> = quorum
            .iter()
            .map(|&at| vault.cosigners()[at].name.clone())
            .collect();
        match finalize(spend, &kept) {
            Ok(_) => drill.passed.push(names),
            Err(error) => drill
                .failed
                .push(format!("{}: {error}", names.join(" and "))),
        }
    }
    drill
}

/// The most quorums tried for one way: 8 of 15 are 6,435.
const MOST: usize = 10_000;

fn quorums(able: &[usize], threshold: usize) -> Vec<BTreeSet<usize>> {
    let mut found = vec![BTreeSet::new()];
    for (at, &one) in able.iter().enumerate() {
        let left = able.len() - at;
        let mut next = Vec::new();
        for quorum in found {
            if quorum.len() < threshold {
                let mut with = quorum.clone();
                with.insert(one);
                next.push(with);
            }
            if quorum.len() == threshold || quorum.len() + left > threshold {
                next.push(quorum);
            }
        }
        next.truncate(MOST);
        found = next;
    }
    found.retain(|quorum| quorum.len() == threshold);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_are_all_choices_of_the_threshold() {
        for (n, k, count) in [(3, 2, 3), (5, 3, 10), (4, 4, 1), (3, 1, 3), (15, 8, 6_435)] {
            let able: Vec<usize> = (0..n).collect();
            let found = quorums(&able, k);
            let distinct: BTreeSet<_> = found.iter().collect();
            assert_eq!((found.len(), distinct.len()), (count, count), "{k} of {n}");
        }
    }
}
