//! Plain tables. At a terminal their free text is wrapped to its width; ids, amounts and addresses are
//! never broken. In a pipe nothing is wrapped, so that each row stays one line.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// How many hex digits of an id are shown; they are accepted wherever an id is asked for.
const SHORT: usize = 12;
/// A column of free text doesn't get narrower than this.
const NARROW: u16 = 20;

/// A table with this head and these rows. Its last column is free text, the others are kept whole.
pub(crate) fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    wrapping(head, rows).trim_fmt() + "\n"
}

fn wrapping<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Table {
    let rows = rows.into_iter().map(Vec::from).collect();
    let mut table = plain(head.into_iter().map(str::to_owned).collect(), rows);
    for column in table.column_iter_mut() {
        column.set_constraint(if column.index + 1 == COLUMNS {
            ColumnConstraint::LowerBoundary(Width::Fixed(NARROW))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    table
}

/// A table whose columns are known only at run time. All are kept whole.
pub(crate) fn grid(head: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let mut table = plain(head, rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.trim_fmt() + "\n"
}

fn plain(head: Vec<String>, rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Lines of a name and what it is, aligned.
pub(crate) fn lines(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

/// The beginning of an id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// The beginning of an outpoint's transaction id, and its output number.
pub(crate) fn short_outpoint(outpoint: &str) -> String {
    match outpoint.split_once(':') {
        Some((txid, vout)) => format!("{}:{vout}", short(txid)),
        None => outpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_end_where_their_text_ends() {
        let text = table(
            ["name", "n"],
            [["a".into(), "1".into()], ["longer".into(), "22".into()]],
        );
        assert_eq!(text, "name    n\na       1\nlonger  22\n");
        assert_eq!(
            lines(&[("a", "1".into()), ("long", "2".into())]),
            "a     1\nlong  2\n"
        );
    }

    #[test]
    fn long_rows_stay_one_line_in_a_pipe() {
        let cell = "word ".repeat(60);
        assert_eq!(table(["a"], [[cell]]).lines().count(), 2);
    }

    #[test]
    fn at_a_terminal_free_text_is_wrapped_and_nothing_else() {
        let id = "0123456789ab".to_owned();
        let amount = "1.00000000 BTC".to_owned();
        let mut table = wrapping(["id", "amount", "memo"], [[id, amount, "word ".repeat(20)]]);
        let text = table.set_width(60).trim_fmt();
        assert!(text.lines().count() > 3, "{text}");
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        let text = table.set_width(10).trim_fmt();
        assert!(
            text.contains("0123456789ab  1.00000000 BTC  word"),
            "{text}"
        );
    }

    #[test]
    fn ids_are_shortened() {
        assert_eq!(short("0123456789abcdef"), "0123456789ab");
        assert_eq!(short("abc"), "abc");
        assert_eq!(short_outpoint("0123456789abcdef:7"), "0123456789ab:7");
    }
}
