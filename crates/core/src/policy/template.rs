//! Policy templates: small TOML files that name roles instead of keys. Five are built in; anybody
//! can write another. A typo is answered with the file, the line and the nearest right word,
//! because a field silently ignored would be another policy than the one meant.

mod reader;
mod writer;

use super::{Policy, PolicyError, SpendingPath, Timelock};
use crate::script_type::ScriptType;
use reader::{Fields, Located, Reader};
use std::collections::BTreeSet;

/// The largest of those that come with the program has less than 1 kB.
const MAX_TEXT: usize = 64 * 1024;

/// The templates that come with the program, by file name.
const BUILTIN: [(&str, &str); 5] = [
    (
        "2-of-3.toml",
        include_str!("../../../../policies/2-of-3.toml"),
    ),
    (
        "3-of-5.toml",
        include_str!("../../../../policies/3-of-5.toml"),
    ),
    (
        "2-of-3-recovery.toml",
        include_str!("../../../../policies/2-of-3-recovery.toml"),
    ),
    (
        "decaying-3-of-3.toml",
        include_str!("../../../../policies/decaying-3-of-3.toml"),
    ),
    (
        "inheritance.toml",
        include_str!("../../../../policies/inheritance.toml"),
    ),
];

/// A policy without keys yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The short name that is typed.
    pub name: String,
    /// A heading for people.
    pub title: String,
    /// One sentence about what it is for.
    pub summary: String,
    /// The kind of output its vaults use, unless another is asked for.
    pub script: ScriptType,
    /// What each cosigner is called in the template, in the order in which keys are given.
    pub roles: Vec<String>,
    /// The policy over them.
    pub policy: Policy,
}

/// Why a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// No built-in template of that name.
    #[error("there is no policy `{name}`{}: choose one of {}", near_hint(.near), .known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name, if one is near.
        near: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// Longer than any policy.
    #[error("{file}: a policy has at most {MAX_TEXT} bytes, this file has {bytes}")]
    TooLong {
        /// The file.
        file: String,
        /// Bytes found.
        bytes: usize,
    },
    /// Not TOML.
    #[error(
        "{file}, line {line}: this isn't TOML ({message}); compare with the policies that come with Quorate"
    )]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// A field that doesn't exist.
    #[error("{file}, line {line}: there is no field `{field}`{}; fields here are {}", near_hint(.near), .known.join(", "))]
    UnknownField {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: String,
        /// The nearest field, if one is near.
        near: Option<String>,
        /// All fields there.
        known: Vec<String>,
    },
    /// A field that must be there.
    #[error("{file}, line {line}: the field `{field}` is missing; {remedy}")]
    MissingField {
        /// The file.
        file: String,
        /// The line, from 1, where the table starts.
        line: usize,
        /// The field.
        field: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A value of the wrong kind or out of range.
    #[error("{file}, line {line}: `{field}` must be {expected}")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: String,
    },
    /// A role that isn't declared.
    #[error("{file}, line {line}: there is no cosigner `{role}`{}; cosigners are {}", near_hint(.near), .known.join(", "))]
    UnknownRole {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The role.
        role: String,
        /// The nearest role, if one is near.
        near: Option<String>,
        /// All roles.
        known: Vec<String>,
    },
    /// Two locks on one path.
    #[error(
        "{file}, line {line}: a path has both after_blocks and at_height; keep one of them (all \
         paths of a policy use the same kind)"
    )]
    TwoLocks {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// Readable, but makes no sense as a policy.
    #[error("{file}: {error}")]
    Policy {
        /// The file.
        file: String,
        /// Why.
        error: PolicyError,
    },
}

fn near_hint(near: &Option<String>) -> String {
    match near {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    }
}

impl Template {
    /// The built-in template of that name.
    pub fn builtin(name: &str) -> Result<Self, TemplateError> {
        let all = Self::builtins()?;
        let known: Vec<String> = all.iter().map(|template| template.name.clone()).collect();
        match all.into_iter().find(|template| template.name == name) {
            Some(template) => Ok(template),
            None => Err(TemplateError::Unknown {
                name: crate::text::escape(name),
                near: reader::nearest(name, known.iter().map(String::as_str)),
                known,
            }),
        }
    }

    /// All built-in templates, the simplest first.
    pub fn builtins() -> Result<Vec<Self>, TemplateError> {
        BUILTIN
            .iter()
            .map(|(file, text)| Self::parse(text, file))
            .collect()
    }

    /// Reads a template; `file` is what messages call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEXT {
            return Err(TemplateError::TooLong {
                file: crate::text::escape(file),
                bytes: text.len(),
            });
        }
        let reader = Reader { text, file };
        let document = reader.document()?;
        let fields = reader.fields(
            &Located::document(&document),
            &["name", "title", "summary", "script", "cosigners", "path"],
        )?;
        let name = fields.required_text("name", "give the policy a short name")?;
        crate::text::check_name("name", &name).map_err(|_| {
            fields.wrong(
                "name",
                "a short name of letters, digits, `-`, `_` and `.`, at most 40",
            )
        })?;
        let script = fields
            .required_text("script", "write script = \"wsh\"")?
            .parse()
            .map_err(|_| fields.wrong("script", "\"wsh\", \"sh-wsh\", \"sh\" or \"tr\""))?;
        let roles = read_roles(&fields)?;
        let paths = fields
            .tables("path", "write one [[path]] table for each way to spend")?
            .into_iter()
            .map(|table| {
                let known = ["threshold", "cosigners", "after_blocks", "at_height"];
                read_path(&reader.fields(&table, &known)?, &roles)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let policy = Policy::new(paths, roles.len()).map_err(|error| TemplateError::Policy {
            file: crate::text::escape(file),
            error,
        })?;
        Ok(Self {
            title: fields.text("title")?.unwrap_or_else(|| name.clone()),
            summary: fields.text("summary")?.unwrap_or_default(),
            name,
            script,
            roles,
            policy,
        })
    }
}

/// `cosigners = 3` or `cosigners = ["owner", "heir"]`.
fn read_roles(fields: &Fields<'_>) -> Result<Vec<String>, TemplateError> {
    let expected = "a number from 1 to 20, or a list of up to 20 different role names";
    if let Some(count) = fields.number("cosigners") {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        return match count {
            1..=super::MAX_COSIGNERS => Ok((1..=count).map(|i| format!("cosigner-{i}")).collect()),
            _ => Err(fields.wrong("cosigners", expected)),
        };
    }
    let Some(roles) = fields.texts("cosigners")? else {
        return Err(fields.missing("cosigners", "say how many there are, or list their roles"));
    };
    let roles: Vec<String> = roles.into_iter().map(|(role, _)| role).collect();
    let different = BTreeSet::from_iter(&roles).len() == roles.len();
    let named = roles
        .iter()
        .all(|role| crate::text::check_name("role", role).is_ok());
    if !different || !named || roles.is_empty() || roles.len() > super::MAX_COSIGNERS {
        return Err(fields.wrong("cosigners", expected));
    }
    Ok(roles)
}

fn read_path(fields: &Fields<'_>, roles: &[String]) -> Result<SpendingPath, TemplateError> {
    let Some(threshold) = fields.number("threshold") else {
        return Err(match fields.has("threshold") {
            true => fields.wrong("threshold", "a number of signatures, as in threshold = 2"),
            false => fields.missing("threshold", "say how many signatures this path needs"),
        });
    };
    let threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
    let cosigners = match fields.texts("cosigners")? {
        None => (0..roles.len()).collect(),
        Some(names) => read_cosigners(fields, &names, roles)?,
    };
    if threshold == 0 || threshold > cosigners.len() {
        let expected = format!("from 1 to {}, the cosigners of this path", cosigners.len());
        return Err(fields.wrong("threshold", &expected));
    }
    let older = lock(fields, "after_blocks", u64::from(u16::MAX))?;
    let after = lock(fields, "at_height", u64::from(LAST_HEIGHT))?;
    let lock = match (older, after) {
        (None, None) => None,
        (Some(blocks), None) => u16::try_from(blocks).ok().map(Timelock::Older),
        (None, Some(height)) => Some(Timelock::After(height)),
        (Some(_), Some(_)) => return Err(fields.two_locks()),
    };
    Ok(SpendingPath {
        threshold,
        cosigners,
        lock,
    })
}

const LAST_HEIGHT: u32 = bitcoin::absolute::LOCK_TIME_THRESHOLD - 1;

fn lock(fields: &Fields<'_>, field: &'static str, max: u64) -> Result<Option<u32>, TemplateError> {
    if !fields.has(field) {
        return Ok(None);
    }
    match fields.number(field) {
        Some(value) if (1..=max).contains(&value) => Ok(u32::try_from(value).ok()),
        _ => Err(fields.wrong(field, &format!("a number of blocks from 1 to {max}"))),
    }
}

fn read_cosigners(
    fields: &Fields<'_>,
    names: &[(String, usize)],
    roles: &[String],
) -> Result<BTreeSet<usize>, TemplateError> {
    let mut cosigners = BTreeSet::new();
    for (name, line) in names {
        match roles.iter().position(|role| role == name) {
            None => return Err(fields.unknown_role(name, *line, roles)),
            Some(at) if cosigners.insert(at) => {}
            Some(_) => {
                return Err(fields.wrong("cosigners", "a list that names each cosigner once"));
            }
        }
    }
    if cosigners.is_empty() {
        return Err(fields.wrong("cosigners", "a list of roles; leave it out to mean all"));
    }
    Ok(cosigners)
}
