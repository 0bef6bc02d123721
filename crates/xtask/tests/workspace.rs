//! The shape of the workspace, as a test: which crate may use which, one version of what must be
//! one, and where things lie. Written after docs/architecture.md; a new edge needs a decision
//! record first.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The crates of the workspace, and those of them that each may use in what is shipped.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("quorate-core", &[]),
    ("quorate-storage", &["quorate-core"]),
    ("quorate-chain", &["quorate-core"]),
    ("quorate-signer", &["quorate-core"]),
    (
        "quorate-coordinator",
        &["quorate-core", "quorate-storage", "quorate-chain"],
    ),
    (
        "quorate",
        &[
            "quorate-core",
            "quorate-storage",
            "quorate-chain",
            "quorate-coordinator",
            "quorate-signer",
        ],
    ),
    ("quorate-testkit", &["quorate-core"]),
    ("xtask", &[]),
    // Measures the others and its peers, all as dev-dependencies.
    ("quorate-bench", &[]),
    (
        "quorate-stories",
        &["quorate-core", "quorate-chain", "quorate-testkit"],
    ),
];

/// What the pure core may use from outside: nothing that does I/O, reads a clock or makes threads.
const CORE_MAY_USE: [&str; 19] = [
    "aes",
    "bdk_coin_select",
    "bip39", // its word list
    "bitcoin",
    "bitcoinconsensus",
    "ctr",
    "data-encoding",
    "flate2",
    "hex-conservative",
    "hmac",
    "minicbor",
    "miniscript",
    "pbkdf2",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "toml",
    "ur",
];

/// Two versions of one of these would be two types with one name, or two copies of C code.
const ONE_VERSION: [&str; 8] = [
    // Not bitcoin_hashes: `ur` has a newer one inside, whose types don't come out.
    "bitcoin",
    "bitcoinconsensus",
    "libsqlite3-sys",
    "miniscript",
    "rusqlite",
    "secp256k1",
    "secp256k1-sys",
    "serde",
];

const CODE_LINES: usize = 400;

/// `cargo metadata`, read.
struct Graph {
    /// Package id to name and version.
    packages: BTreeMap<String, (String, String)>,
    /// Package id to the ids it uses in what is shipped: not for tests, not under other platforms
    /// only, but including build scripts.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// Ids of the workspace's own packages.
    members: Vec<String>,
}

impl Graph {
    fn read() -> Self {
        let cargo = env::var("CARGO").expect("cargo runs the tests");
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root())
            .output()
            .expect("cargo can be started");
        assert!(output.status.success(), "{output:?}");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let packages = list(&metadata["packages"])
            .map(|package| {
                let name_and_version = (text(&package["name"]), text(&package["version"]));
                (text(&package["id"]), name_and_version)
            })
            .collect();
        let uses = list(&metadata["resolve"]["nodes"])
            .map(|node| {
                let shipped = list(&node["deps"])
                    .filter(|used| list(&used["dep_kinds"]).any(|kind| kind["kind"] != "dev"))
                    .map(|used| text(&used["pkg"]));
                (text(&node["id"]), shipped.collect())
            })
            .collect();
        let members = list(&metadata["workspace_members"]).map(text).collect();
        Self {
            packages,
            uses,
            members,
        }
    }

    fn name(&self, id: &str) -> &str {
        &self.packages[id].0
    }

    fn member(&self, name: &str) -> &str {
        let found = self.members.iter().find(|id| self.name(id) == name);
        found.unwrap_or_else(|| panic!("there is no crate {name}"))
    }

    /// Everything that `name` is built from, by id; itself included.
    fn reach(&self, name: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![self.member(name)];
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(self.uses[id].iter().map(String::as_str));
            }
        }
        reached
    }

    fn reaches(&self, name: &str, other: &str) -> bool {
        self.reach(name).iter().any(|id| self.name(id) == other)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn root() -> PathBuf {
    let own = env::var("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&own)
        .join("../..")
        .canonicalize()
        .expect("the root")
}

#[test]
fn crates_use_only_what_they_may() {
    let graph = Graph::read();
    let table: BTreeMap<&str, &[&str]> = MAY_USE.into();
    let own: BTreeSet<&str> = graph.members.iter().map(|id| graph.name(id)).collect();
    assert_eq!(
        own,
        table.keys().copied().collect(),
        "MAY_USE lists the crates"
    );
    for id in &graph.members {
        let name = graph.name(id);
        for used in graph.uses[id].iter().map(|id| graph.name(id)) {
            assert!(
                !own.contains(used) || table[name].contains(&used),
                "{name} must not use {used}"
            );
        }
    }
}

#[test]
fn only_the_command_line_program_reaches_private_keys() {
    let graph = Graph::read();
    let reaching = |to: &str| -> Vec<&str> {
        let own = graph.members.iter().map(|id| graph.name(id));
        own.filter(|name| *name != to && graph.reaches(name, to))
            .collect()
    };
    assert_eq!(reaching("quorate-signer"), ["quorate"]);
    assert_eq!(reaching("quorate-testkit"), ["quorate-stories"]);
}

#[test]
fn the_core_uses_nothing_impure() {
    let graph = Graph::read();
    for id in &graph.uses[graph.member("quorate-core")] {
        let used = graph.name(id);
        assert!(
            CORE_MAY_USE.contains(&used),
            "quorate-core must not use {used}"
        );
    }
}

#[test]
fn nobody_talks_the_lints_of_the_core_away() {
    let core = root().join("crates/core");
    let rules = read(&core.join("clippy.toml"));
    for door in ["std::fs::read", "std::time::SystemTime", "rand::thread_rng"] {
        assert!(rules.contains(door), "crates/core/clippy.toml lacks {door}");
    }
    // Clippy reads one file only.
    for rule in read(&root().join("clippy.toml"))
        .lines()
        .filter(|line| line.contains("path ="))
    {
        assert!(rules.contains(rule), "crates/core/clippy.toml lacks {rule}");
    }
    for file in files(&core.join("src"), ".rs") {
        let excused = read(&file).contains("clippy::disallowed_");
        assert!(
            !excused || is_test(&file),
            "{} must stay pure",
            file.display()
        );
    }
}

#[test]
fn xtask_is_there_within_seconds() {
    let graph = Graph::read();
    let used = &graph.uses[graph.member("xtask")];
    let used: Vec<&str> = used.iter().map(|id| graph.name(id)).collect();
    // The second is never compiled: its condition is never true.
    assert_eq!(used, ["libbitcoinkernel-sys", "serde_json"]);
}

#[test]
fn the_product_has_one_version_of_each_bitcoin_and_database_library() {
    let graph = Graph::read();
    let reached = graph.reach("quorate");
    for name in ONE_VERSION {
        let versions: Vec<&str> = reached
            .iter()
            .filter(|id| graph.name(id) == name)
            .map(|id| graph.packages[*id].1.as_str())
            .collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

/// bdk_wallet is what benchmarks compare with; with it comes another miniscript.
#[test]
fn peers_of_benchmarks_stay_out_of_the_product() {
    let graph = Graph::read();
    let known = graph
        .packages
        .values()
        .any(|(name, _)| name == "bdk_wallet");
    assert!(known, "the peer has another name now");
    for id in &graph.members {
        let name = graph.name(id);
        assert!(!graph.reaches(name, "bdk_wallet"), "{name} ships a peer");
    }
}

#[test]
fn the_node_is_built_from_the_version_in_the_lock_file() {
    let manifest = read(&root().join("crates/xtask/Cargo.toml"));
    let locate = read(&root().join("crates/xtask/src/locate.rs"));
    let (_, version) = manifest
        .split_once("libbitcoinkernel-sys = \"=")
        .expect("an exact version");
    let (version, _) = version.split_once('"').expect("a quote");
    let constant = format!("const VERSION: &str = \"{version}\";");
    assert!(locate.contains(&constant), "locate.rs lacks {constant}");
}

#[test]
fn versions_and_lints_stand_in_one_place() {
    for manifest in files(&root(), "Cargo.toml") {
        let content = read(&manifest);
        let shown = manifest.display();
        if content.contains("[workspace]") {
            continue;
        }
        for inherited in ["[lints]\nworkspace = true", "version.workspace = true"] {
            assert!(content.contains(inherited), "{shown} lacks {inherited}");
        }
        let mut section = "";
        for line in content.lines().filter(|line| !line.is_empty()) {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]") && !line.starts_with('#') {
                let allowed = line.contains("workspace = true") || section.contains("any()");
                assert!(
                    allowed,
                    "{shown}: `{line}` belongs into the workspace's Cargo.toml"
                );
            }
        }
    }
}

#[test]
fn only_the_places_for_it_print() {
    let allowed = ["crates/cli/src/output.rs", "crates/testkit/src/lib.rs"];
    for file in files(&root(), ".rs") {
        let path = file.strip_prefix(root()).expect("below the root");
        // The lints forbid printing; so whoever prints must allow it to himself.
        let tools = [
            "crates/xtask",
            "crates/bench/benches",
            "crates/bench/examples",
        ];
        let tool = tools.iter().any(|tool| path.starts_with(tool));
        let own = tool || is_test(&file);
        if !own && read(&file).contains("clippy::print_") {
            let path = path.to_str().expect("UTF-8");
            assert!(allowed.contains(&path), "{path} must not print");
        }
    }
}

#[test]
fn files_stay_short() {
    for file in files(&root(), ".rs") {
        let content = read(&file);
        let tests = content.find("\nmod tests {");
        let lines = content[..tests.unwrap_or(content.len())].lines().count();
        let most = if is_test(&file) {
            2 * CODE_LINES
        } else {
            CODE_LINES
        };
        assert!(
            lines <= most,
            "{}: {lines} lines, split it by noun",
            file.display()
        );
    }
}

#[test]
fn policies_and_documents_lie_where_they_are_looked_for() {
    for (folder, endings) in [("policies", &["toml", "md"][..]), ("docs", &["md"])] {
        for file in files(&root().join(folder), "") {
            let ending = file.extension().and_then(|ending| ending.to_str());
            let fits = ending.is_some_and(|ending| endings.contains(&ending));
            assert!(fits, "{} doesn't belong into {folder}/", file.display());
        }
    }
}

/// Whether `file` holds nothing but tests: by its name, or by its folder.
fn is_test(file: &Path) -> bool {
    let path = file.strip_prefix(root()).expect("below the root");
    let name = path.file_name().expect("a name").to_string_lossy();
    name.ends_with("tests.rs") || path.iter().any(|part| part == "tests")
}

/// The files below `folder` whose names end with `ending`, without what cargo and git make.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}
