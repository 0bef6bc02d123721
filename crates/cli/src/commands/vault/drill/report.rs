//! A drill's report for people, to be kept.

use super::DrillView;
use crate::date;
use quorate_core::text::escape;

pub(super) fn text(view: &DrillView) -> String {
    let yes = |good: bool| if good { "yes" } else { "NO" };
    let mut text = format!(
        "DRILL OF THE VAULT {}\n\nid: {}\nday: {} UTC\nresult: {}\n",
        escape(&view.vault),
        view.id,
        date::minute(view.at),
        if view.passed { "passed" } else { "NOT passed" }
    );
    if let Some(backup) = &view.backup {
        text.push_str(&format!(
            "\nbackup {} of {} UTC, restored into an empty folder\n  same id: {}\n  same addresses: {}\n  next addresses as it says: {}\n",
            backup.file,
            date::minute(backup.made_at),
            yes(backup.same_id),
            yes(backup.same_addresses),
            yes(backup.same_next_index)
        ));
        for difference in &backup.differences {
            text.push_str(&format!("  {}\n", escape(difference)));
        }
    }
    text.push_str("\nspends that can never happen, because their coin can't exist\n");
    for path in &view.paths {
        text.push_str(&format!("  {}\n", escape(&path.path)));
        for quorum in &path.passed {
            text.push_str(&format!(
                "    signed and valid: {}\n",
                escape(&quorum.join(" and "))
            ));
        }
        for failed in &path.failed {
            text.push_str(&format!("    FAILED: {}\n", escape(failed)));
        }
        if let Some(reason) = &path.not_tried {
            text.push_str(&format!("    not tried: {}\n", escape(reason)));
        }
    }
    if !view.not_tried.is_empty() {
        text.push_str(&format!(
            "\nkeys that weren't at hand: {}\n",
            escape(&view.not_tried.join(", "))
        ));
    }
    for request in &view.requests {
        text.push_str(&format!("to be signed elsewhere: {}\n", escape(request)));
    }
    text
}
