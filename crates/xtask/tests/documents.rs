//! What the documents promise about the code.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust sources below these folders, as one text.
fn sources() -> String {
    let mut folders = vec![root().join("crates"), root().join("tests")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                text += &fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_check_of_the_threat_model_has_a_test_of_its_name() {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| T"));
    let ids: Vec<&str> = rows.filter_map(|row| row.split(' ').next()).collect();
    assert!(ids.len() > 25, "{ids:?}");
    let sources = sources();
    for id in ids {
        assert!(
            sources.contains(&format!("fn t{id}_")),
            "no test is called t{id}_…"
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut pages = vec![
        root().join("README.md"),
        root().join("CONTRIBUTING.md"),
        root().join("SECURITY.md"),
    ];
    for folder in ["docs", "docs/adr", "policies"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|kind| kind == "md")),
        );
    }
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let file = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}
