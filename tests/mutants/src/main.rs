//! The mutation check: breaks code in every place where a token or a result can be exchanged, and
//! expects a test to fail each time. All mutants are compiled at once, each behind a number that an
//! environment variable switches on; so there is one build, not one for each of a thousand mutants.
//!
//! `cargo xtask mutants` runs it: arguments are the workspace's root, the folder to work in, `--list` to
//! run nothing, and files.

mod equivalent;
mod mutate;
mod run;
mod tree;

use mutate::Mutant;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(root), Some(work)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: quorate-mutants ROOT WORK [--list] FILE...");
        return ExitCode::from(2);
    };
    let mut files: Vec<String> = arguments.collect();
    let list = files.first().is_some_and(|first| first == "--list");
    files.drain(..usize::from(list));
    match check(Path::new(&root), Path::new(&work), &files, list) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Whether no mutant survived.
fn check(root: &Path, work: &Path, files: &[String], list: bool) -> Result<bool, String> {
    let tree = tree::Tree::copy(root, work)?;
    let mut unviable = BTreeSet::new();
    let mutants = loop {
        let mutants = tree.mutate(files, &unviable)?;
        let failed = tree.check()?;
        if failed.is_empty() {
            break mutants;
        }
        unviable.extend(failed);
    };
    println!(
        "{} mutants of {} files, {} more don't compile",
        mutants.len(),
        files.len(),
        unviable.len()
    );
    if list {
        for mutant in &mutants {
            println!("{mutant}");
        }
        return Ok(true);
    }
    let survivors = run::run(&tree, &mutants)?;
    let names: Vec<String> = survivors.iter().map(Mutant::to_string).collect();
    tree.write("survivors.txt", &names.join("\n"))?;
    Ok(names.is_empty())
}
