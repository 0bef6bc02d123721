//! `quorate vault recovery`: what each spending path can do, and when.

use crate::amount::btc;
use crate::context::Context;
use crate::date;
use crate::output::Answer;
use crate::table::table;
use quorate_coordinator::Error;
use quorate_core::text::escape;

pub(super) fn recovery(vault: &str, context: &Context) -> Result<Answer, Error> {
    let now = Context::now()?;
    let view = context.coordinator()?.recovery(vault, now)?;
    let when = |height: Option<u32>, at: Option<u64>| match (height, at) {
        (Some(height), Some(at)) => format!(
            "block {height}, about {}",
            date::minute(at).split(' ').next().unwrap_or_default()
        ),
        _ => "-".to_owned(),
    };
    let rows = view.paths.iter().map(|path| {
        [
            path.path.to_string(),
            path.coins.to_string(),
            btc(path.amount_sat),
            when(path.next_height, path.next_at),
            when(path.all_height, path.all_at),
        ]
    });
    let mut text = table(
        ["path", "coins now", "amount now", "more from", "all from"],
        rows,
    );
    for path in &view.paths {
        text.push_str(&format!("{}\n", escape(&path.words)));
    }
    text.push_str(&format!("as of block {}\n", view.height));
    if let Some(alert) = &view.alert {
        text.push_str(&format!("alert: {}\n", escape(alert)));
    }
    Answer::new(&view, text)
}
