//! What a cosigner is invited to: the text that round 1 begins with. It says all that was agreed on, so
//! that round 2 can be held against it.

use super::error::InvitationError;
use super::token::Token;
use crate::journal::MemberId;
use crate::key::find_secret;
use crate::policy::{Template, explain};
use crate::text::check_name;
use bitcoin::Network;
use bitcoin::hashes::{Hash, sha256};
use hex::{DisplayHex, FromHex};
use std::fmt::{self, Write as _};
use std::str::FromStr;

const HEAD: &str = "Quorate invitation 1";
const POLICY: &str = "policy:";
/// What a policy's lines are set in by.
const INDENT: &str = "    ";

/// Which invitation: eight random bytes, new for each and whenever one is revoked. No secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; 8]);

impl Nonce {
    /// Out of fresh random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}
impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_lower_hex_string())
    }
}
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}
impl FromStr for Nonce {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        FromHex::from_hex(text).map(Self).map_err(|_| ())
    }
}

/// An invitation to guard a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which one.
    pub nonce: Nonce,
    /// What the vault will be called in the coordinator's home.
    pub vault: String,
    /// Its network.
    pub network: Network,
    /// The coordinator's member: the vault's owner.
    pub owner: MemberId,
    /// All cosigners, in the order of the template's roles.
    pub cosigners: Vec<String>,
    /// Which of them is invited by this.
    pub you: usize,
    /// What the answer is sealed with.
    pub token: Token,
    /// The policy, with the kind of script that was chosen.
    pub template: Template,
}

impl Invitation {
    /// The invited cosigner's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cosigners[self.you]
    }

    /// The text to hand over. Lines that begin with `#` are for people.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = format!("{HEAD}\n");
        let name = self.name();
        let all = self.cosigners.join(", ");
        let _ = writeln!(
            text,
            "# {name}, you are asked to guard the vault `{}` with a key of yours.",
            self.vault
        );
        for line in explain(&self.template.policy, &self.cosigners) {
            let _ = writeln!(text, "# {line}");
        }
        for line in [
            "#",
            "# With Quorate: quorate setup join THIS_FILE --signer NAME",
            "# With a signing device: export its multi-signature key (BSMS, or what it calls its xpub for",
            "# multisig) and send that file back. Never send seed words to anybody.",
            "# Keep this text: the finished vault is held against it.",
        ] {
            let _ = writeln!(text, "{line}");
        }
        if self.token != Token::None {
            let _ = writeln!(
                text,
                "# The token is a secret between you and who invites you; as a number: {}",
                self.token.decimal()
            );
        }
        let _ = write!(
            text,
            "invitation {}\nvault {}\nnetwork {}\nowner {}\ncosigners {all}\nyou {name}\ntoken {}\n{POLICY}\n",
            self.nonce,
            self.vault,
            self.network,
            self.owner,
            self.token.hex(),
        );
        for line in self.template.write().lines() {
            let _ = writeln!(text, "{}", format!("{INDENT}{line}").trim_end());
        }
        let _ = writeln!(text, "check {}", check(&text));
        text
    }

    /// Reads an invitation. The last line guards against damage, not against who forwards it: what was
    /// agreed on is confirmed by talking.
    pub fn read(text: &str) -> Result<Self, InvitationError> {
        if let Some(secret) = find_secret(text) {
            return Err(InvitationError::Secret(secret));
        }
        let text = text
            .trim_start_matches('\u{feff}')
            .trim()
            .replace("\r\n", "\n");
        match text.lines().next() {
            Some(HEAD) => {}
            Some(head) if head.starts_with("Quorate invitation ") => {
                return Err(InvitationError::Newer);
            }
            _ => return Err(InvitationError::Head),
        }
        let (body, last) = text.rsplit_once('\n').ok_or(InvitationError::Damaged)?;
        if last.strip_prefix("check ") != Some(&check(&format!("{body}\n"))) {
            return Err(InvitationError::Damaged);
        }
        let (facts, policy) = body
            .split_once(&format!("\n{POLICY}\n"))
            .ok_or(InvitationError::Line("policy"))?;
        let field = |name: &'static str| {
            let mut lines = facts.lines().skip(1);
            let mut found = lines
                .by_ref()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(InvitationError::Line(name)),
            }
        };
        let cosigners: Vec<String> = field("cosigners")?
            .split(", ")
            .map(ToOwned::to_owned)
            .collect();
        for name in &cosigners {
            check_name("a cosigner's name", name)?;
        }
        let vault = field("vault")?.to_owned();
        check_name("the vault's name", &vault)?;
        let policy: Vec<&str> = policy
            .lines()
            .map(|line| line.strip_prefix(INDENT).unwrap_or(line))
            .collect();
        let template = Template::parse(&policy.join("\n"), "the invitation")?;
        if cosigners.len() != template.roles.len() {
            return Err(InvitationError::Count {
                names: cosigners.len(),
                roles: template.roles.len(),
            });
        }
        let you = field("you")?;
        let places: Vec<usize> = (0..cosigners.len())
            .filter(|&at| cosigners[at] == you)
            .collect();
        let [you] = places[..] else {
            return Err(InvitationError::Line("you"));
        };
        let bad = |name| move |_| InvitationError::Line(name);
        Ok(Self {
            nonce: field("invitation")?.parse().map_err(bad("invitation"))?,
            vault,
            network: field("network")?
                .parse()
                .map_err(|_| InvitationError::Line("network"))?,
            owner: field("owner")?
                .parse()
                .map_err(|_| InvitationError::Line("owner"))?,
            cosigners,
            you,
            token: field("token")?.parse().map_err(bad("token"))?,
            template,
        })
    }
}

/// Of all lines before: eight hexadecimal digits.
fn check(text: &str) -> String {
    sha256::Hash::hash(text.as_bytes()).to_byte_array()[..4].to_lower_hex_string()
}
