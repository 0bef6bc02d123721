//! How far a vault's setting up has come: facts in, stage out.

/// Before the vault exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetupStage {
    /// Nobody was invited yet.
    Draft,
    /// Keys are missing.
    Collecting,
    /// All keys are here: to be looked at and finished.
    Review,
}

impl SetupStage {
    /// From what happened so far.
    #[must_use]
    pub const fn of(invited: bool, keys: usize, cosigners: usize) -> Self {
        match (keys >= cosigners, invited || keys > 0) {
            (true, _) => Self::Review,
            (false, true) => Self::Collecting,
            (false, false) => Self::Draft,
        }
    }

    /// As it stands in JSON and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Collecting => "collecting",
            Self::Review => "review",
        }
    }
}

/// What is known of a vault that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultFacts {
    /// It was made in a session: no address is handed out before everybody attested it.
    pub in_session: bool,
    /// All cosigners attested it.
    pub attested: bool,
    /// Of all keys it was shown that somebody holds them.
    pub proven: bool,
    /// An address was handed out, or a coin came.
    pub in_use: bool,
    /// The owner retired it.
    pub retired: bool,
}

/// How far a vault has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VaultStage {
    /// Waits for attestations or proofs.
    Review,
    /// Everybody attested it, and every key is proven.
    Attested,
    /// In use.
    Active,
    /// No address is handed out any more.
    Retired,
}

impl VaultStage {
    /// From the facts. A vault that was made in one go is active at once.
    #[must_use]
    pub const fn of(facts: &VaultFacts) -> Self {
        match facts {
            VaultFacts { retired: true, .. } => Self::Retired,
            VaultFacts {
                in_session: false, ..
            } => Self::Active,
            VaultFacts {
                attested: true,
                proven: true,
                in_use,
                ..
            } => match in_use {
                true => Self::Active,
                false => Self::Attested,
            },
            _ => Self::Review,
        }
    }

    /// As it stands in JSON and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Attested => "attested",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_facts_has_its_stage() {
        for bits in 0..32u8 {
            let bit = |at: u8| bits >> at & 1 == 1;
            let facts = VaultFacts {
                in_session: bit(0),
                attested: bit(1),
                proven: bit(2),
                in_use: bit(3),
                retired: bit(4),
            };
            let expected = if bit(4) {
                "retired"
            } else if !bit(0) {
                "active"
            } else if !(bit(1) && bit(2)) {
                "review"
            } else if bit(3) {
                "active"
            } else {
                "attested"
            };
            assert_eq!(VaultStage::of(&facts).word(), expected, "{facts:?}");
        }
        let stages = [(false, 0), (true, 0), (false, 1), (true, 3)];
        let words = stages.map(|(invited, keys)| SetupStage::of(invited, keys, 3).word());
        assert_eq!(words, ["draft", "collecting", "collecting", "review"]);
    }
}
