//! A template as text that [`Template::parse`] reads back, for handing it on.

use super::Template;
use crate::policy::{SpendingPath, Timelock};
use std::fmt::Write as _;

impl Template {
    /// Its text, without anybody's comments.
    #[must_use]
    pub fn write(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = String::new();
        for (field, value) in [
            ("name", &self.name),
            ("title", &self.title),
            ("summary", &self.summary),
            ("script", &self.script.to_string()),
        ] {
            let _ = writeln!(text, "{field} = {}", quoted(value));
        }
        let roles = |roles: Vec<&String>| {
            let quoted: Vec<String> = roles.iter().map(|role| quoted(role)).collect();
            quoted.join(", ")
        };
        let _ = writeln!(text, "cosigners = [{}]", roles(self.roles.iter().collect()));
        for SpendingPath {
            threshold,
            cosigners,
            lock,
        } in &self.policy.paths
        {
            let _ = writeln!(text, "\n[[path]]\nthreshold = {threshold}");
            let members = cosigners.iter().filter_map(|&at| self.roles.get(at));
            let _ = writeln!(text, "cosigners = [{}]", roles(members.collect()));
            let _ = match lock {
                None => Ok(()),
                Some(Timelock::Older(blocks)) => writeln!(text, "after_blocks = {blocks}"),
                Some(Timelock::After(height)) => writeln!(text, "at_height = {height}"),
            };
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_read_back_as_it_was() {
        for template in Template::builtins().unwrap() {
            let text = template.write();
            assert_eq!(
                Template::parse(&text, "invitation").unwrap(),
                template,
                "{text}"
            );
        }
        let mut odd = Template::builtin("inheritance").unwrap();
        odd.title = "a \"quoted\" title \\ with it all".to_owned();
        odd.policy.paths[1].lock = Some(Timelock::After(900_000));
        assert_eq!(Template::parse(&odd.write(), "invitation").unwrap(), odd);
    }
}
