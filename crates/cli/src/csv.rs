//! Tables for spreadsheets: RFC 4180, and no field of foreign text that a spreadsheet takes for a formula.

use quorate_core::text::escape;

/// What stands in a field.
pub(crate) enum Field {
    /// Numbers, times, hashes: made here.
    Own(String),
    /// Words of a person, perhaps of a stranger.
    Foreign(String),
}

impl Field {
    pub(crate) fn own(text: &str) -> Self {
        Self::Own(text.to_owned())
    }
}

/// Signs with which a spreadsheet lets a formula begin, wide forms included.
const FORMULA: [char; 8] = [
    '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// A table with these columns.
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut writer = Self {
            text: String::new(),
        };
        writer.line(head.iter().map(|name| (*name).to_owned()));
        writer
    }

    pub(crate) fn row(&mut self, fields: &[Field]) {
        self.line(fields.iter().map(|field| match field {
            Field::Own(text) => text.clone(),
            Field::Foreign(text) => harmless(text),
        }));
    }

    fn line(&mut self, fields: impl Iterator<Item = String>) {
        let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
        self.text.push_str(&fields.join(","));
        self.text.push_str("\r\n");
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Without control characters, and with an apostrophe in front of what could be a formula: the sign
/// by which spreadsheets know text.
fn harmless(text: &str) -> String {
    let text = escape(text);
    match text.trim_start().starts_with(FORMULA) {
        true => format!("'{text}"),
        false => text,
    }
}

/// In quotes where the form asks for it.
fn quoted(field: &str) -> String {
    match field.contains(['"', ',', '\r', '\n', ';', '\'']) || field != field.trim() {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_quoted_and_never_a_formula() {
        let mut table = Writer::new(&["a", "b"]);
        for text in [
            "plain",
            "with, comma",
            "say \"no\"",
            "=HYPERLINK(\"http://x\")",
            " +1",
            "-2+3",
            "@SUM(A1)",
            "\u{ff1d}1",
            "a\r\nb",
            "\t=1",
        ] {
            table.row(&[Field::Foreign(text.to_owned()), Field::Own("-5".to_owned())]);
        }
        let text = table.finish();
        let expected = [
            "a,b",
            "plain,-5",
            "\"with, comma\",-5",
            "\"say \"\"no\"\"\",-5",
            "\"'=HYPERLINK(\"\"http://x\"\")\",-5",
            "\"' +1\",-5",
            "\"'-2+3\",-5",
            "\"'@SUM(A1)\",-5",
            "\"'\u{ff1d}1\",-5",
        ];
        let rows: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(rows[..expected.len()], expected);
        assert_eq!(rows.len(), 12, "{text:?}");
        // Control characters don't get through, so no field has a line of its own.
        assert!(
            !rows.iter().any(|row| row.contains(['\n', '\r', '\t'])),
            "{text:?}"
        );
    }
}
