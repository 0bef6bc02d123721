//! The script types of the matrix: one line each.

/// Where a vault comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// `vault create` with this file of `policies/`, its locks shortened.
    Policy(&'static str),
}

/// A kind of vault and the ways to spend from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) origin: Origin,
    pub(crate) cosigners: usize,
    /// Whether it is plain multisig, which more programs can finalize than miniscript.
    pub(crate) plain: bool,
    /// For each spending path, in the order in which `vault show` numbers them, who signs.
    pub(crate) paths: &'static [&'static [usize]],
}

const fn policy(
    name: &'static str,
    cosigners: usize,
    plain: bool,
    paths: &'static [&'static [usize]],
) -> Script {
    Script {
        name,
        origin: Origin::Policy(name),
        cosigners,
        plain,
        paths,
    }
}

pub(crate) const SCRIPTS: &[Script] = &[
    policy("2-of-3", 3, true, &[&[0, 2]]),
    policy("3-of-5", 5, true, &[&[1, 4, 2]]),
    policy("2-of-3-recovery", 3, false, &[&[1, 2], &[0]]),
    policy("decaying-3-of-3", 3, false, &[&[0, 1, 2], &[2, 0], &[1]]),
    policy("inheritance", 4, false, &[&[0, 1], &[2, 3]]),
];
