//! The script types of the matrix: one line each.

use quorate_core::script_type::ScriptType;

/// Where a vault comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// `vault create` with this file of `policies/` as this script type, its locks shortened.
    Policy(&'static str, ScriptType),
    /// `vault import` of this descriptor, in which `@1` is the first cosigner's key.
    Descriptor(&'static str),
}

/// A kind of vault and the ways to spend from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) origin: Origin,
    pub(crate) cosigners: usize,
    /// For each spending path, in the order in which `vault show` numbers them, who signs.
    pub(crate) paths: &'static [&'static [usize]],
}

type Paths = &'static [&'static [usize]];

const fn policy(
    name: &'static str,
    file: &'static str,
    script: ScriptType,
    cosigners: usize,
    paths: Paths,
) -> Script {
    Script {
        name,
        origin: Origin::Policy(file, script),
        cosigners,
        paths,
    }
}

const fn descriptor(
    name: &'static str,
    text: &'static str,
    cosigners: usize,
    paths: Paths,
) -> Script {
    Script {
        name,
        origin: Origin::Descriptor(text),
        cosigners,
        paths,
    }
}

/// The point of BIP-0341 whose private key nobody knows, in place of an internal key.
macro_rules! nums {
    ($tree:literal) => {
        concat!(
            "tr(50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0,",
            $tree,
            ")"
        )
    };
}

const RECOVERY: Paths = &[&[1, 2], &[0]];
const DECAYING: Paths = &[&[0, 1, 2], &[2, 0], &[1]];
const INHERITANCE: Paths = &[&[0, 1], &[2, 3]];

#[rustfmt::skip]
pub(crate) const SCRIPTS: &[Script] = &[
    policy("wsh sortedmulti 2-of-3", "2-of-3", ScriptType::Wsh, 3, &[&[0, 2]]),
    policy("wsh sortedmulti 3-of-5", "3-of-5", ScriptType::Wsh, 5, &[&[1, 4, 2]]),
    policy("wsh recovery", "2-of-3-recovery", ScriptType::Wsh, 3, RECOVERY),
    policy("wsh decaying", "decaying-3-of-3", ScriptType::Wsh, 3, DECAYING),
    policy("wsh inheritance", "inheritance", ScriptType::Wsh, 4, INHERITANCE),
    descriptor("wsh multi", "wsh(multi(2,@1,@2,@3))", 3, &[&[0, 2]]),
    descriptor("sh-wsh sortedmulti", "sh(wsh(sortedmulti(2,@1,@2,@3)))", 3, &[&[1, 2]]),
    policy("sh-wsh recovery", "2-of-3-recovery", ScriptType::ShWsh, 3, RECOVERY),
    descriptor("sh sortedmulti", "sh(sortedmulti(2,@1,@2,@3))", 3, &[&[0, 1]]),
    descriptor("tr multi_a", nums!("multi_a(2,@1,@2,@3)"), 3, &[&[0, 2]]),
    descriptor("tr sortedmulti_a", nums!("sortedmulti_a(2,@1,@2,@3)"), 3, &[&[1, 0]]),
    descriptor(
        "tr key and leaves",
        "tr(@1,{and_v(v:multi_a(2,@2,@3),older(2)),and_v(v:pk(@4),older(4))})",
        4,
        &[&[0], &[1, 2], &[3]],
    ),
    descriptor(
        "wsh with a height",
        "wsh(or_d(multi(2,@1,@2),and_v(v:pk(@3),after(120))))",
        3,
        &[&[0, 1], &[2]],
    ),
    descriptor(
        "tr with a height",
        nums!("{multi_a(2,@1,@2),and_v(v:pk(@3),after(120))}"),
        3,
        &[&[0, 1], &[2]],
    ),
    policy("tr recovery", "2-of-3-recovery", ScriptType::Tr, 3, RECOVERY),
    policy("tr decaying", "decaying-3-of-3", ScriptType::Tr, 3, DECAYING),
    policy("tr inheritance", "inheritance", ScriptType::Tr, 4, INHERITANCE),
];
