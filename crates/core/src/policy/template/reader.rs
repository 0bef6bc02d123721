//! Reading TOML with the line of everything at hand, for messages that say where to look.

use super::TemplateError;
use crate::text::{escape, excerpt};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text and what messages call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a str,
}

/// A table and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
}

impl<'a> Located<'a> {
    pub(super) fn document(document: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            table: document.get_ref(),
            span: 0..0,
        }
    }
}

/// One table whose field names have been checked.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    reader: Reader<'a>,
    table: &'a DeTable<'a>,
    line: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn document(&self) -> Result<Spanned<DeTable<'a>>, TemplateError> {
        DeTable::parse(self.text).map_err(|error| TemplateError::Syntax {
            file: escape(self.file),
            line: self.line(&error.span().unwrap_or_default()),
            message: excerpt(&error.message()),
        })
    }

    pub(super) fn fields(
        self,
        located: &Located<'a>,
        known: &[&str],
    ) -> Result<Fields<'a>, TemplateError> {
        // The map is sorted by name; the first mistake in the file is the one to report.
        let unknown = located
            .table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        if let Some(key) = unknown {
            return Err(TemplateError::UnknownField {
                file: escape(self.file),
                line: self.line(&key.span()),
                field: excerpt(key.get_ref()),
                near: nearest(key.get_ref(), known.iter().copied()),
                known: known.iter().map(ToString::to_string).collect(),
            });
        }
        Ok(Fields {
            reader: self,
            table: located.table,
            line: self.line(&located.span),
        })
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|&&b| b == b'\n').count()
    }
}

impl<'a> Fields<'a> {
    fn get(&self, field: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let found = self
            .table
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == field);
        found.map(|(_, value)| value)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// A whole number that isn't negative; `None` for anything else.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        let number = self.get(field)?.get_ref().as_integer()?;
        u64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// One line of text.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<String>, TemplateError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match value.get_ref().as_str() {
            Some(text) if crate::text::check_line(field, text, MAX_TEXT).is_ok() => {
                Ok(Some(text.to_owned()))
            }
            _ => Err(self.wrong(
                field,
                &format!("one line of text in quotes, at most {MAX_TEXT} characters"),
            )),
        }
    }

    pub(super) fn required_text(
        &self,
        field: &'static str,
        remedy: &'static str,
    ) -> Result<String, TemplateError> {
        self.text(field)?.ok_or_else(|| self.missing(field, remedy))
    }

    /// A list of texts, each with its line.
    pub(super) fn texts(
        &self,
        field: &'static str,
    ) -> Result<Option<Vec<(String, usize)>>, TemplateError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let expected = "a list of names in quotes, as in [\"first\", \"second\"]";
        let wrong = || self.wrong(field, expected);
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter()
            .map(|item| {
                let text = item.get_ref().as_str().ok_or_else(wrong)?;
                Ok((text.to_owned(), self.reader.line(&item.span())))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The tables of `[[field]]`.
    pub(super) fn tables(
        &self,
        field: &'static str,
        remedy: &'static str,
    ) -> Result<Vec<Located<'a>>, TemplateError> {
        let value = self.get(field).ok_or_else(|| self.missing(field, remedy))?;
        let wrong = || self.wrong(field, "written as [[path]] tables");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter()
            .map(|item| {
                Ok(Located {
                    table: item.get_ref().as_table().ok_or_else(wrong)?,
                    span: item.span(),
                })
            })
            .collect()
    }

    pub(super) fn missing(&self, field: &'static str, remedy: &'static str) -> TemplateError {
        TemplateError::MissingField {
            file: escape(self.reader.file),
            line: self.line,
            field,
            remedy,
        }
    }

    pub(super) fn wrong(&self, field: &'static str, expected: &str) -> TemplateError {
        TemplateError::Value {
            file: escape(self.reader.file),
            line: self.line_of(field),
            field,
            expected: expected.to_owned(),
        }
    }

    pub(super) fn two_locks(&self) -> TemplateError {
        TemplateError::TwoLocks {
            file: escape(self.reader.file),
            line: self.line_of("at_height").max(self.line_of("after_blocks")),
        }
    }

    pub(super) fn unknown_role(&self, role: &str, line: usize, known: &[String]) -> TemplateError {
        TemplateError::UnknownRole {
            file: escape(self.reader.file),
            line,
            role: excerpt(&role),
            near: nearest(role, known.iter().map(String::as_str)),
            known: known.to_vec(),
        }
    }

    fn line_of(&self, field: &str) -> usize {
        self.get(field)
            .map_or(self.line, |value| self.reader.line(&value.span()))
    }
}

const MAX_TEXT: usize = 200;

/// The known word that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Letters to insert, delete or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
