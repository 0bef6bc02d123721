//! `quorate vault create`.

use super::super::policy;
use super::{key, show};
use crate::context::Context;
use crate::input;
use crate::output::Answer;
use quorate_coordinator::{Coordinator, Error, NewVault};
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// What to call it
    name: String,
    /// A name out of `quorate policy list`, or a file of your own (FILE.toml)
    #[arg(long)]
    policy: String,
    /// The kind of output: wsh, sh-wsh, sh or tr; the policy's own otherwise
    #[arg(long, value_name = "TYPE")]
    script: Option<ScriptType>,
    /// A cosigner's name and key: NAME=[fingerprint/path]xpub, or NAME=@FILE with a file that the
    /// signer wrote (see `quorate vault key import`); once for each
    #[arg(long = "key", value_name = "NAME=KEY", required = true)]
    keys: Vec<String>,
    /// From where to look for coins, if the same vault existed before: a block height or a day
    #[arg(long, value_name = "HEIGHT|YYYY-MM-DD")]
    birthday: Option<String>,
}

pub(super) fn create(args: &CreateArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let mut template = policy::load(&args.policy)?;
    template.script = args.script.unwrap_or(template.script);
    let mut carriers = BTreeMap::new();
    let keys = args
        .keys
        .iter()
        .map(|key| {
            let (name, key) = input::key(key)?;
            let (key, carrier) = out_of_file(key, &coordinator, template.script)?;
            carriers.insert(key.clone(), carrier);
            Ok((name, key))
        })
        .collect::<Result<_, Error>>()?;
    let keys = in_order(&template, keys)?;
    let carriers: Vec<String> = keys
        .iter()
        .filter_map(|(_, key)| carriers.get(key).cloned())
        .collect();
    let birth = args.birthday.as_deref().map(input::birthday).transpose()?;
    let new = NewVault {
        name: &args.name,
        template: &template,
        keys: &keys,
        birth,
        carriers: &carriers,
    };
    let view = coordinator.create_vault(&new, Context::moment()?)?;
    let text = show::described(&view)
        + &format!(
            "next: quorate vault export {0} -o {0}.txt, for the other cosigners to import\n",
            view.name
        );
    Answer::new(&view, text)
}

/// A key as it is typed, or as it stands in the file that is named after an @; and how it came.
fn out_of_file(
    key: String,
    coordinator: &Coordinator,
    script: ScriptType,
) -> Result<(String, String), Error> {
    let Some(file) = key.strip_prefix('@') else {
        return Ok((key, "paste".to_owned()));
    };
    let file = Path::new(file);
    let found = key::load(file, coordinator.network())?;
    let key = key::choose(&found, file, script)?.key.to_string();
    Ok((key, format!("{} file", found.format.word())))
}

/// Keys go to roles by their order. Where the names given are the roles' own, a different order
/// would give owners' rights to heirs: then the names decide.
fn in_order(
    template: &Template,
    mut keys: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Error> {
    let place = |name: &String| template.roles.iter().position(|role| role == name);
    let named: BTreeSet<Option<usize>> = keys.iter().map(|(name, _)| place(name)).collect();
    let all_named = !named.contains(&None) && named.len() == template.roles.len();
    if all_named && keys.len() == template.roles.len() {
        keys.sort_by_key(|(name, _)| place(name));
        return Ok(keys);
    }
    let misplaced = keys
        .iter()
        .enumerate()
        .find(|(at, (name, _))| place(name).is_some_and(|role| role != *at));
    match misplaced {
        Some((at, (name, _))) => Err(Error::input(
            "keys_out_of_order",
            format!(
                "`{name}` is a role of this policy, but its key is given as number {}",
                at + 1
            ),
        )
        .hint(format!(
            "give the keys in the order of the roles: {}",
            template.roles.join(", ")
        ))),
        None => Ok(keys),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(policy: &str, names: &[&str]) -> Result<Vec<String>, Error> {
        let template = Template::builtin(policy).unwrap();
        let keys = names
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect();
        Ok(in_order(&template, keys)?
            .into_iter()
            .map(|(name, _)| name)
            .collect())
    }

    #[test]
    fn keys_named_like_roles_never_get_another_role() {
        let roles = ["owner-1", "owner-2", "heir-1", "heir-2"];
        let mixed = names("inheritance", &["heir-1", "owner-2", "owner-1", "heir-2"]);
        assert_eq!(mixed.unwrap(), roles);
        let error = names("inheritance", &["heir-1", "bob", "carol", "dave"]).unwrap_err();
        assert_eq!(error.code, "keys_out_of_order");
        let own = ["alice", "bob", "carol", "dave"];
        assert_eq!(names("inheritance", &own).unwrap(), own);
    }
}
