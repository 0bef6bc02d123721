//! A policy in plain words, for the people who are about to trust it.

use super::{Policy, SpendingPath, Timelock};

/// Blocks in a day, at ten minutes each.
const BLOCKS_PER_DAY: u32 = 144;

/// One sentence for each spending path, and one about what enforces them. `names[i]` is
/// cosigner i; a missing name is written as its number.
#[must_use]
pub fn explain(policy: &Policy, names: &[String]) -> Vec<String> {
    let mut sentences: Vec<String> = policy
        .paths
        .iter()
        .map(|path| match path.lock {
            None => capital(format!("{} can spend at any time.", who(path, names))),
            Some(Timelock::Older(blocks)) => format!(
                "Once a coin has not moved for {} ({}), {} can spend it.",
                count(blocks.into()),
                duration(blocks.into()),
                who(path, names)
            ),
            Some(Timelock::After(height)) => format!(
                "From block {} on, {} can spend.",
                grouped(height),
                who(path, names)
            ),
        })
        .collect();
    sentences.push(enforcement(policy));
    sentences
}

fn who(path: &SpendingPath, names: &[String]) -> String {
    let names: Vec<String> = path
        .cosigners
        .iter()
        .map(|&at| match names.get(at) {
            Some(name) => name.clone(),
            None => format!("cosigner {}", at + 1),
        })
        .collect();
    match (&names[..], path.threshold) {
        ([only], _) => format!("{only} alone"),
        ([first, second], 2) => format!("{first} and {second} together"),
        ([first @ .., last], k) if k > first.len() => {
            format!("{} and {last} all together", first.join(", "))
        }
        (all, k) => format!("any {k} of {}", all.join(", ")),
    }
}

fn enforcement(policy: &Policy) -> String {
    let clock = policy
        .paths
        .iter()
        .any(|path| matches!(path.lock, Some(Timelock::Older(_))));
    let mut sentence =
        "The script of every address enforces this; no program, server or person can change it \
         afterwards."
            .to_owned();
    if clock {
        sentence
            .push_str(" Each coin has its own clock, which starts again when the coin is moved.");
    }
    sentence
}

/// About how long so many blocks take.
fn duration(blocks: u32) -> String {
    let hours = blocks.div_ceil(6);
    match blocks / BLOCKS_PER_DAY {
        0 if hours == 1 => "about an hour or less".to_owned(),
        0 => format!("about {hours} hours"),
        1 => "about a day".to_owned(),
        days => format!("about {days} days"),
    }
}

fn count(blocks: u32) -> String {
    let noun = if blocks == 1 { "block" } else { "blocks" };
    format!("{} {noun}", grouped(blocks))
}

/// 52560 as 52,560.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Only our own words are capitalised: a name is written as its owner writes it.
fn capital(sentence: String) -> String {
    match sentence.strip_prefix("any ") {
        Some(rest) => format!("Any {rest}"),
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn sentences_read_like_sentences() {
        let names: Vec<String> = ["alice", "bob", "carol"].map(String::from).to_vec();
        let path = |threshold, cosigners: &[usize], lock| SpendingPath {
            threshold,
            cosigners: BTreeSet::from_iter(cosigners.iter().copied()),
            lock,
        };
        let policy = Policy {
            paths: vec![
                path(2, &[0, 1, 2], None),
                path(2, &[0, 1], Some(Timelock::Older(1))),
                path(1, &[0, 1, 2], Some(Timelock::Older(52_560))),
            ],
        };
        let sentences = explain(&policy, &names);
        assert_eq!(
            sentences[0],
            "Any 2 of alice, bob, carol can spend at any time."
        );
        assert_eq!(
            sentences[1],
            "Once a coin has not moved for 1 block (about an hour or less), alice and bob \
             together can spend it."
        );
        assert_eq!(
            sentences[2],
            "Once a coin has not moved for 52,560 blocks (about 365 days), any 1 of alice, bob, \
             carol can spend it."
        );
        assert!(sentences[3].contains("its own clock"), "{}", sentences[3]);

        let policy = Policy {
            paths: vec![
                path(3, &[0, 1, 2], None),
                path(1, &[3], Some(Timelock::After(1_000_000))),
            ],
        };
        let sentences = explain(&policy, &names);
        assert_eq!(
            sentences[0],
            "alice, bob and carol all together can spend at any time."
        );
        assert_eq!(
            sentences[1],
            "From block 1,000,000 on, cosigner 4 alone can spend."
        );
        assert!(!sentences[2].contains("clock"));
    }
}
