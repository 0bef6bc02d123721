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
];

pub(crate) fn is_equivalent(file: &str, what: &str, function: &str, line: &str) -> bool {
    EQUIVALENT
        .iter()
        .any(|(a, b, c, d, _)| (*a, *b, *c) == (file, what, function) && line.starts_with(d))
}
