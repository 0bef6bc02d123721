//! How far ahead addresses are derived, so that a payment is recognised even when others (another
//! home of the same vault, a hardware wallet) have handed out addresses we don't know of.

/// Addresses derived beyond the highest one used or handed out. Coldcard and Liana use the same, so a
/// change output they accept is one we find.
pub const LOOKAHEAD: u32 = 200;

/// Indexes are unhardened: below 2³¹.
const INDEXES: u32 = 1 << 31;

/// How many scripts of an address chain must be known, from index 0 on.
#[must_use]
pub fn scripts_needed(highest_used: Option<u32>, highest_revealed: Option<u32>) -> u32 {
    highest_used
        .max(highest_revealed)
        .map_or(0, |highest| highest.saturating_add(1))
        .saturating_add(LOOKAHEAD)
        .min(INDEXES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_beyond_the_highest() {
        assert_eq!(scripts_needed(None, None), 200);
        assert_eq!(scripts_needed(Some(0), None), 201);
        assert_eq!(scripts_needed(Some(7), Some(9)), 210);
        assert_eq!(scripts_needed(Some(9), Some(7)), 210);
        assert_eq!(scripts_needed(Some(u32::MAX), None), 1 << 31);
    }
}
