//! Mutants that change nothing anybody could see.

/// File, what is exchanged, the function, the line's beginning, and why no test can notice.
const EQUIVALENT: &[(&str, &str, &str, &str, &str)] = &[
    (
        "psbt/judge.rs",
        "delete arm `[]`",
        "parse_schnorr",
        "[] =>",
        "such a field is refused when the file is read",
    ),
    (
        "psbt/judge.rs",
        "guard -> true",
        "parse_schnorr",
        "[bytes @ .., last]",
        "other lengths are refused when the file is read",
    ),
    (
        "psbt/wire.rs",
        "`+` -> `*`",
        "read",
        "for map in &mut maps.0[1 + inputs..]",
        "an input that has such a field was refused before",
    ),
    (
        "consensus.rs",
        "`<=` -> `<`",
        "verify_finished_with",
        "let chosen = if prevouts.len() <= EVERY",
        "which way is taken decides on the cost, not on the verdict",
    ),
    (
        "consensus.rs",
        "`<=` -> `>`",
        "verify_finished_with",
        "let chosen = if prevouts.len() <= EVERY",
        "which way is taken decides on the cost, not on the verdict",
    ),
    (
        "consensus.rs",
        "`|` -> `^`",
        "run_interpreter",
        "(Some(&*utxos), VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT)",
        "the two have no bit in common",
    ),
    (
        "proposal/places.rs",
        "`==` -> `!=`",
        "hints",
        "if number % 2 == 0",
        "both keychains are tried; which one first decides on the cost",
    ),
    (
        "proposal/places.rs",
        "`%` -> `/`",
        "hints",
        "if number % 2 == 0",
        "both keychains are tried; which one first decides on the cost",
    ),
    (
        "proposal/places.rs",
        "`%` -> `+`",
        "hints",
        "if number % 2 == 0",
        "both keychains are tried; which one first decides on the cost",
    ),
    (
        "proposal/quorum.rs",
        "guard -> true",
        "counting",
        "Policy::Thresh(parts) if holds",
        "every vault has a path without a lock, and parts that don't hold are left out one level up",
    ),
    (
        "consensus/linear.rs",
        "`&&` -> `||`",
        "schnorr_type",
        "let says_all",
        "a wrong guess leaves the input to Bitcoin Core: it decides on the cost, not on the verdict",
    ),
    (
        "spend/review.rs",
        "`|` -> `^`",
        "words_of",
        "index << 1 | usize::from(",
        "the lowest bit was just made 0",
    ),
];

pub(crate) fn is_equivalent(file: &str, what: &str, function: &str, line: &str) -> bool {
    EQUIVALENT
        .iter()
        .any(|(a, b, c, d, _)| (*a, *b, *c) == (file, what, function) && line.starts_with(d))
}
