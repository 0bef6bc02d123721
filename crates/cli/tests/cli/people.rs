//! Who takes part.

use quorate_testkit::{Home, fixtures};
use serde_json::Value;
use std::path::Path;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// A person without anything yet.
pub(crate) fn nobody() -> Home {
    Home::new().with_program(Path::new(env!("CARGO_BIN_EXE_quorate")))
}

/// A person with a data folder for regtest.
pub(crate) fn person() -> Home {
    let home = nobody();
    home.json(&["init", "--network", "regtest"]);
    home
}

/// A person with a simulated chain of their own.
pub(crate) fn person_with_chain() -> Home {
    let home = person().with_node("simulated");
    assert!(!home.path().join("simulated-chain.jsonl").exists());
    home
}

/// A person with the vault `family`: any two of alice, bob and carol, whose keys are elsewhere.
pub(crate) fn watcher() -> Home {
    let home = person_with_chain();
    create_family(&home);
    home
}

pub(crate) fn create_family(home: &Home) -> Value {
    let keys = [fixtures::alice(), fixtures::bob(), fixtures::carol()].map(|key| key.argument());
    home.json(&[
        "vault", "create", "family", "--policy", "2-of-3", "--key", &keys[0], "--key", &keys[1],
        "--key", &keys[2],
    ])
}

/// Pays the vault's next address and looks at the chain.
pub(crate) fn fund(home: &Home, amount: &str) {
    let address = home.json(&["address", "new", "family"]);
    home.json(&["simulated", "fund", text(&address["address"]), amount]);
    home.json(&["sync"]);
}

/// An address outside of the vault.
pub(crate) fn outside() -> &'static str {
    "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no whole number"))
}
