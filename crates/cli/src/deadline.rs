//! Deadlines as people write them: a day, or so many days or hours from now.

use crate::date;
use quorate_coordinator::{Deadline, Error};
use quorate_core::text::escape;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Ten years: a longer time is a typing error.
const LONGEST: u64 = 3_653 * DAY;

/// Reads `2026-12-31` (to the end of that day, UTC), `7d`, `12h` or `never`.
pub(crate) fn deadline(text: &str, now: u64) -> Result<Deadline, Error> {
    if text == "never" {
        return Ok(Deadline::Never);
    }
    let bad = || {
        Error::input(
            "bad_deadline",
            format!("`{}` is not a deadline", escape(text)),
        )
        .hint("write a day like 2026-12-31, or a time from now like 7d or 12h")
    };
    if text.contains('-') {
        let day = date::day(text).map_err(|_| bad())?;
        return Ok(Deadline::At(u64::from(day) + DAY));
    }
    let (number, unit) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(number), _) => (number, DAY),
        (None, Some(number)) => (number, HOUR),
        (None, None) => return Err(bad()),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if plain { number.parse().ok() } else { None }.ok_or_else(bad)?;
    let time = number.checked_mul(unit).filter(|time| *time <= LONGEST);
    Ok(Deadline::At(now + time.ok_or_else(bad)?))
}

/// Blocks of a day, one each ten minutes.
const DAILY: u32 = 144;

/// Reads a number of blocks, or days (`30d`) as the blocks that are expected in them.
pub(crate) fn blocks(text: &str) -> Result<u32, Error> {
    let (number, each) = match text.strip_suffix('d') {
        Some(days) => (days, DAILY),
        None => (text, 1),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u32> = if plain { number.parse().ok() } else { None };
    let blocks = number.and_then(|number| number.checked_mul(each));
    blocks
        .filter(|blocks| *blocks <= 3_653 * DAILY)
        .ok_or_else(|| {
            Error::input("bad_time", format!("`{}` is no time", escape(text)))
                .hint("write a number of blocks like 1000, or days like 30d")
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_days_and_times_from_now() {
        for (text, seconds) in [
            ("1970-01-01", DAY),
            ("2009-01-03", 1_230_940_800 + DAY),
            ("7d", 1_000 + 7 * 86_400),
            ("12h", 1_000 + 12 * 3_600),
            ("3653d", 1_000 + LONGEST),
        ] {
            assert_eq!(deadline(text, 1_000).unwrap(), Deadline::At(seconds));
        }
        assert_eq!(deadline("never", 1_000).unwrap(), Deadline::Never);
    }

    #[test]
    fn times_are_blocks_or_days() {
        assert_eq!(blocks("1000").unwrap(), 1_000);
        assert_eq!(blocks("30d").unwrap(), 4_320);
        for text in ["", "d", "-1", "+1", "1w", "1.5d", "3654d", "99999999999"] {
            assert!(blocks(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_deadline_is_refused() {
        for text in [
            "",
            "7",
            "d",
            "-7d",
            "+7d",
            "7 d",
            "7w",
            "3654d",
            "1.5d",
            "99999999999999999999d",
            "2025-02-30",
            "31.12.2026",
        ] {
            assert!(deadline(text, 0).is_err(), "{text}");
        }
    }
}
