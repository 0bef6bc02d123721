//! `quorate explain`: what the words mean, and what they mean for a vault.

mod topics;

use super::policy;
use crate::context::Context;
use crate::date;
use crate::output::Answer;
use crate::table::table;
use quorate_coordinator::{Error, nearest};
use quorate_core::policy::{Policy, SpendingPath, Timelock, explain, mishaps};
use quorate_core::text::escape;
use serde::Serialize;
use topics::TOPICS;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate explain timelock
  quorate explain --vault family
  quorate explain --policy 2-of-3-recovery")]
pub(crate) struct Args {
    /// A word: vault, descriptor, quorum, psbt, change, timelock, fee, recovery, backup, source
    word: Option<String>,
    /// What this vault means
    #[arg(long, value_name = "NAME", conflicts_with = "word")]
    vault: Option<String>,
    /// What this policy means: a built-in one or a file
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["word", "vault"])]
    policy: Option<String>,
}

#[derive(Serialize)]
struct WordView {
    word: &'static str,
    text: String,
}

#[derive(Serialize)]
struct WordsView {
    words: Vec<WordView>,
}

#[derive(Serialize)]
struct MeaningView {
    /// The vault's or policy's name.
    name: String,
    /// Who can spend when.
    paths: Vec<String>,
    /// What happens if a key is lost or stolen.
    keys: Vec<KeyView>,
}

#[derive(Serialize)]
struct KeyView {
    cosigner: String,
    lost: String,
    stolen: String,
}

/// Where the chain is: height and seconds since 1970, if a home knows.
type Now = Option<(u32, u64)>;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    if let Some(name) = &args.vault {
        let mut coordinator = context.coordinator()?;
        let vault = coordinator.vault_facts(name)?;
        let view = coordinator.vault(name)?;
        let names: Vec<String> = vault
            .cosigners()
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let now = view.balance.height.map(|height| (height, Context::now()));
        let now = now
            .map(|(height, now)| now.map(|now| (height, now)))
            .transpose()?;
        return meaning(view.name, vault.policy(), &names, now);
    }
    if let Some(name) = &args.policy {
        let template = policy::load(name)?;
        return meaning(template.name, &template.policy, &template.roles, None);
    }
    let Some(word) = &args.word else {
        let words = TOPICS.map(|(word, text)| WordView {
            word,
            text: text.to_owned(),
        });
        let list = TOPICS.map(|(word, text)| {
            let first = text.split_once(". ").map_or(text, |(first, _)| first);
            [word.to_owned(), first.to_owned()]
        });
        let list = table(["word", "in short"], list);
        let view = WordsView {
            words: words.into(),
        };
        return Answer::new(&view, list + "next: quorate explain WORD\n");
    };
    let asked = word.to_lowercase();
    match TOPICS.iter().find(|(known, _)| *known == asked) {
        Some((word, text)) => {
            let view = WordView {
                word,
                text: (*text).to_owned(),
            };
            Answer::new(&view, wrapped(text))
        }
        None => {
            let words = TOPICS.map(|(word, _)| word);
            let error = Error::input(
                "unknown_word",
                format!("`{}` isn't explained here", escape(word)),
            );
            Err(match nearest(&asked, words) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("the words are {}", words.join(", "))),
            })
        }
    }
}

fn meaning(name: String, policy: &Policy, names: &[String], now: Now) -> Result<Answer, Error> {
    let keys = mishaps(policy).into_iter().map(|mishap| {
        let cosigner = names.get(mishap.cosigner).cloned().unwrap_or_default();
        let paths = |chosen: &[usize]| {
            chosen
                .iter()
                .filter_map(|at| policy.paths.get(*at))
                .collect::<Vec<_>>()
        };
        KeyView {
            lost: lost(&paths(&mishap.left), mishap.cosigner, names, now),
            stolen: stolen(&paths(&mishap.thief), now),
            cosigner,
        }
    });
    let view = MeaningView {
        name,
        paths: explain(policy, names),
        keys: keys.collect(),
    };
    let mut text = String::from("who can spend:\n");
    for path in &view.paths {
        text.push_str(&format!("  {path}\n"));
    }
    for key in &view.keys {
        text.push_str(&format!(
            "if the key of {} is lost: {}\nif it is stolen: {}\n",
            escape(&key.cosigner),
            key.lost,
            key.stolen
        ));
    }
    Answer::new(&view, text)
}

fn lost(left: &[&SpendingPath], cosigner: usize, names: &[String], now: Now) -> String {
    let Some(first) = left.iter().min_by_key(|path| waits(path.lock)) else {
        return "nobody can spend any more, the money is lost: keep a copy of the key, or take a policy that \
                gets along without it"
            .to_owned();
    };
    let others = first.cosigners.iter().filter(|other| **other != cosigner);
    let others: Vec<String> = others
        .filter_map(|at| names.get(*at))
        .map(|name| escape(name))
        .collect();
    let many = others.len() > first.threshold;
    let who = match (first.threshold, others.as_slice()) {
        (_, [one]) => format!("{one} alone"),
        (count, all) if many => format!("any {count} of {}", all.join(", ")),
        (_, all) => format!("{} together", all.join(" and ")),
    };
    format!(
        "{who} can spend {}; move the money to a vault with a new key",
        when(first.lock, now)
    )
}

fn stolen(thief: &[&SpendingPath], now: Now) -> String {
    match thief.iter().min_by_key(|path| waits(path.lock)) {
        None => "the thief can't spend alone; move the money to a vault with a new key before \
                 another is stolen"
            .to_owned(),
        Some(path) => format!(
            "the thief can spend alone {}: move the money before",
            when(path.lock, now)
        ),
    }
}

/// For ordering: what opens first.
const fn waits(lock: Option<Timelock>) -> (u8, u32) {
    match lock {
        None => (0, 0),
        Some(lock @ Timelock::Older(_)) => (1, lock.value()),
        Some(lock @ Timelock::After(_)) => (2, lock.value()),
    }
}

fn when(lock: Option<Timelock>, now: Now) -> String {
    const MINUTES: u64 = 10;
    match lock {
        None => "at any time".to_owned(),
        Some(Timelock::Older(blocks)) => format!(
            "once a coin hasn't moved for {blocks} blocks (about {} days)",
            (u64::from(blocks) * MINUTES).div_ceil(24 * 60)
        ),
        Some(Timelock::After(height)) => {
            let date = now.map(|(tip, now)| {
                let blocks = u64::from(height.saturating_sub(tip));
                let at = now.saturating_add(blocks * MINUTES * 60);
                format!(" (about {} UTC)", date::minute(at))
            });
            format!("from block {height} on{}", date.unwrap_or_default())
        }
    }
}

/// At most 80 columns.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.chars().count() > 80 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_explained_in_a_few_lines_of_80_columns() {
        for (word, text) in TOPICS {
            let shown = wrapped(text);
            assert!(
                shown.lines().all(|line| line.chars().count() <= 80),
                "{word}"
            );
            assert!((3..=12).contains(&shown.lines().count()), "{word}: {shown}");
            assert_eq!(
                shown.split_whitespace().count(),
                text.split_whitespace().count()
            );
        }
    }

    #[test]
    fn dates_are_counted_from_the_chain() {
        let now = Some((100, 1_700_000_000));
        assert_eq!(when(None, now), "at any time");
        let older = when(Some(Timelock::Older(52_560)), now);
        assert_eq!(
            older,
            "once a coin hasn't moved for 52560 blocks (about 365 days)"
        );
        let after = when(Some(Timelock::After(244)), now);
        assert_eq!(after, "from block 244 on (about 2023-11-15 22:13 UTC)");
        assert_eq!(when(Some(Timelock::After(244)), None), "from block 244 on");
    }
}
