//! Labels: written here, taken in from other programs, handed on (BIP-0329).

use crate::view::{LabelView, LabelsImportView, LabelsView};
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::bip32::Xpub;
use bitcoin::{Address, OutPoint, PublicKey, Txid};
use quorate_core::journal::Body;
use quorate_core::label::{Label, LabelError, MAX_SHARED, TYPES};
use quorate_core::text::{check_line, escape};
use quorate_core::vault::VaultId;
use quorate_storage::ReadTx;
use std::collections::BTreeMap;

/// Lines of one entry: an import of many labels is few entries.
const LINES: usize = 500;
/// The most lines of a file.
const MAX_LINES: usize = 1_000_000;
/// The longest label that is written here, in characters.
const MAX_LABEL: usize = 255;

impl From<LabelError> for Error {
    fn from(error: LabelError) -> Self {
        Self::input("bad_label", error.to_string())
    }
}

/// What a reference is, by its form.
fn kind_of(reference: &str, network: bitcoin::Network) -> Option<&'static str> {
    if reference.parse::<OutPoint>().is_ok() {
        Some("output")
    } else if reference.parse::<Txid>().is_ok() {
        Some("tx")
    } else if reference.parse::<Xpub>().is_ok() {
        Some("xpub")
    } else if reference.parse::<PublicKey>().is_ok() {
        Some("pubkey")
    } else {
        let address = reference.parse::<Address<_>>().ok()?;
        address.is_valid_for_network(network).then_some("addr")
    }
}

impl Coordinator {
    /// Writes a label; without words it is taken away. What it is about is told by its form.
    pub fn set_label(
        &mut self,
        vault: &str,
        kind: Option<&str>,
        reference: &str,
        label: &str,
        moment: Moment,
    ) -> Result<LabelView, Error> {
        if !label.is_empty() {
            check_line("the label", label, MAX_LABEL)
                .map_err(|error| Error::input("bad_label", error.to_string()))?;
        }
        let network = self.network();
        let kind = match kind {
            Some(kind) if TYPES.contains(&kind) => kind,
            Some(kind) => {
                return Err(Error::input(
                    "bad_label",
                    format!("`{}` is no type of label", escape(kind)),
                )
                .hint(format!("the types are {}", TYPES.join(", "))));
            }
            None => kind_of(reference, network).ok_or_else(|| {
                Error::input(
                    "bad_reference",
                    format!(
                        "`{}` is no address of {network}, transaction, coin (TXID:OUTPUT) or key",
                        escape(reference)
                    ),
                )
                .hint("say with --type what it is")
            })?,
        };
        let label = Label::new(kind, reference, label)?;
        self.write_labels(vault, std::slice::from_ref(&label), moment)?;
        Ok(view(&label))
    }

    /// The labels of a vault, those of addresses that were handed out with words included.
    pub fn labels(&mut self, vault: &str) -> Result<LabelsView, Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, vault)?;
            let opened = Self::open_vault(&row)?;
            let mut all: BTreeMap<(String, String), Label> = BTreeMap::new();
            for address in tx.addresses(row.id)? {
                let Some(words) = address.label else { continue };
                let script = opened.derive(address.keychain, address.index)?;
                let text = script.address(row.network).to_string();
                let label = Label::new("addr", &text, &words)?;
                all.entry(("addr".to_owned(), text)).or_insert(label);
            }
            for label in tx.labels(row.id)? {
                all.insert(
                    (label.kind().to_owned(), label.reference().to_owned()),
                    label,
                );
            }
            let labels = all.values().filter(|label| {
                // Words that were taken away aren't handed on; other fields are.
                !label.label().is_empty()
                    || label.line().contains("\"spendable\"")
                    || !TYPES.contains(&label.kind())
            });
            Ok(LabelsView {
                labels: labels.map(view).collect(),
            })
        })
    }

    /// Takes labels in, a line each (BIP-0329): all of them or none.
    pub fn import_labels(
        &mut self,
        vault: &str,
        text: &str,
        moment: Moment,
    ) -> Result<LabelsImportView, Error> {
        let mut labels = Vec::new();
        let mut warnings = Vec::new();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            if line.trim().is_empty() {
                continue;
            }
            if labels.len() == MAX_LINES {
                return Err(Error::input(
                    "bad_label",
                    format!("it has more than {MAX_LINES} labels"),
                ));
            }
            let label = Label::read(line.trim()).map_err(|error| {
                Error::input("bad_label", format!("line {number}: {error}"))
                    .hint("nothing was taken in")
            })?;
            if label.label().chars().count() > MAX_SHARED {
                warnings.push(format!("line {number}: other programs may cut a label of more than {MAX_SHARED} characters"));
            }
            labels.push(label);
        }
        if labels.is_empty() {
            return Err(Error::input(
                "bad_label",
                "there is no label in it: BIP-0329 has one JSON object on each line",
            ));
        }
        let unknown = labels
            .iter()
            .filter(|label| !TYPES.contains(&label.kind()))
            .count();
        let read = labels.len();
        let new = self.write_labels(vault, &labels, moment)?;
        Ok(LabelsImportView {
            read,
            new,
            unknown,
            warnings,
        })
    }

    fn write_labels(
        &mut self,
        vault: &str,
        labels: &[Label],
        moment: Moment,
    ) -> Result<usize, Error> {
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, vault)?;
            // Of several about one thing in a file the last.
            let mut wanted: BTreeMap<(&str, &str), &Label> = BTreeMap::new();
            for label in labels {
                wanted.insert((label.kind(), label.reference()), label);
            }
            let known: BTreeMap<(String, String), String> = tx
                .labels(row.id)?
                .into_iter()
                .map(|label| {
                    (
                        (label.kind().to_owned(), label.reference().to_owned()),
                        label.line().to_owned(),
                    )
                })
                .collect();
            let lines: Vec<String> = wanted
                .into_values()
                .filter(|label| {
                    let key = (label.kind().to_owned(), label.reference().to_owned());
                    known.get(&key).map(String::as_str) != Some(label.line())
                })
                .map(|label| label.line().to_owned())
                .collect();
            for lines in lines.chunks(LINES) {
                let body = Body::LabelsSet {
                    lines: lines.to_vec(),
                };
                crate::append(&device, tx, row.id, moment.now, body)?;
            }
            Ok(lines.len())
        })
    }
}

fn view(label: &Label) -> LabelView {
    LabelView {
        kind: label.kind().to_owned(),
        reference: label.reference().to_owned(),
        label: label.label().to_owned(),
        line: label.line().to_owned(),
    }
}

/// The words for one thing, `or` where no label was written.
pub(crate) fn words(
    tx: &ReadTx<'_>,
    vault: VaultId,
    kind: &str,
    reference: &str,
    or: Option<String>,
) -> Result<Option<String>, Error> {
    Ok(tx
        .label(vault, kind, reference)?
        .map_or(or, |words| (!words.is_empty()).then_some(words)))
}
