//! How SQLite answers: every statement of the ledger, read out of the sources, must find its rows by
//! an index. A statement that reads through a table would be fast in every test and slow in every
//! vault with a history.

use crate::Store;
use rusqlite::Connection;

const SOURCES: [(&str, &str); 17] = [
    ("apply.rs", include_str!("apply.rs")),
    ("books.rs", include_str!("books.rs")),
    ("chain.rs", include_str!("chain.rs")),
    ("events.rs", include_str!("../events.rs")),
    ("first_look.rs", include_str!("first_look.rs")),
    ("histories.rs", include_str!("histories.rs")),
    ("history.rs", include_str!("history.rs")),
    ("known.rs", include_str!("../journal/known.rs")),
    ("mempool.rs", include_str!("mempool.rs")),
    ("origin.rs", include_str!("origin.rs")),
    ("payees.rs", include_str!("payees.rs")),
    ("query.rs", include_str!("query.rs")),
    ("recall.rs", include_str!("recall.rs")),
    ("scan.rs", include_str!("scan.rs")),
    ("scripts.rs", include_str!("scripts.rs")),
    ("state.rs", include_str!("state.rs")),
    ("vaults.rs", include_str!("vaults.rs")),
];

/// Read whole on purpose: the vaults and the consumers of events are few, doubts are gone once they are settled, repeated nonces are none where nothing is broken, and what is seen of or waits in the mempool is as much
/// as the mempool, not as the history.
const READ_WHOLE: [&str; 11] = [
    // What lies above a place that was disturbed.
    "SCAN (subquery",
    "SCAN running",
    "SCAN event_doubts",
    // No more coins than twice the inputs that are looked for among them.
    "SCAN coins USING COVERING INDEX sqlite_autoindex_coins_1",
    "SCAN event_consumers",
    "SCAN repeated_nonces",
    "SCAN ledger_vault",
    "SCAN mempool_seen",
    "SCAN transactions USING INDEX transactions_unconfirmed",
    "SCAN transactions USING COVERING INDEX transactions_unconfirmed",
    "SCAN v USING COVERING INDEX sqlite_autoindex_ledger_vault_1",
];

fn statements(source: &str) -> Vec<String> {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let literals = source.split('"').skip(1).step_by(2);
    literals
        .filter(|text| verbs.iter().any(|verb| text.starts_with(verb)))
        .filter(|text| !text.contains("{columns}"))
        .map(|text| text.replace("\\\n", "\n"))
        // Rows that `Bulk` writes: it adds their values.
        .map(|text| {
            match text.ends_with(')') && text.starts_with("INSERT ") && !text.contains("VALUES") {
                true => {
                    let columns = text.split(',').count();
                    format!("{text} VALUES ({})", vec!["?"; columns].join(", "))
                }
                false => text,
            }
        })
        .collect()
}

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let count = statement.parameter_count();
    let nulls = vec![rusqlite::types::Null; count];
    let rows = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn no_statement_reads_through_a_table() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join("q.db")).unwrap();
    let mut all: Vec<(&str, String)> = vec![("query.rs", super::query::coin_sql())];
    for order in [
        super::CoinOrder::LargestFirst,
        super::CoinOrder::SmallestFirst,
        super::CoinOrder::OldestFirst,
    ] {
        for confirmed_only in [false, true] {
            let filter = super::CoinFilter {
                order,
                confirmed_only,
            };
            let lists = super::query::coins_sql(filter);
            all.extend(lists.into_iter().map(|sql| ("query.rs", sql)));
        }
    }
    for (file, source) in SOURCES {
        assert!(
            !source.contains("r#"),
            "{file} hides strings from this test"
        );
        all.extend(statements(source).into_iter().map(|sql| (file, sql)));
    }
    assert!(all.len() > 50, "only {} statements were found", all.len());
    for (file, sql) in all {
        for step in plan(&store.conn, &sql) {
            let whole = step.starts_with("SCAN ") && step != "SCAN CONSTANT ROW";
            let sorted = step.contains("TEMP B-TREE") && !sql.contains("DISTINCT");
            let allowed = READ_WHOLE.iter().any(|begin| step.starts_with(begin));
            assert!(!sorted && (!whole || allowed), "{file}: {step}\n{sql}");
        }
    }
}
