//! Days of the calendar and seconds since 1970, in UTC. The program needs just these two ways, so it
//! carries no library for them.

use quorate_coordinator::Error;
use quorate_core::text::escape;

const DAY: u64 = 86_400;

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-01-31 17:05` of seconds since 1970.
pub(crate) fn minute(seconds: u64) -> String {
    let (mut days, rest) = (seconds / DAY, seconds % DAY);
    // Past the year 9999 it is no date but a wrong number.
    if days > 2_932_896 {
        return format!("{seconds} s");
    }
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let (hour, minute) = (rest / 3600, rest / 60 % 60);
    format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02}", days + 1)
}

/// The same with seconds.
pub(crate) fn second(seconds: u64) -> String {
    format!("{}:{:02}", minute(seconds), seconds % 60)
}

/// The first second of `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Result<u32, Error> {
    let bad = || {
        Error::input("bad_date", format!("`{}` is not a date", escape(text)))
            .hint("write a day as YYYY-MM-DD, for example 2025-01-31, from 1970 to 2105")
    };
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return Err(bad());
    };
    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| text.parse::<u64>().ok())
            .flatten()
            .ok_or_else(bad)
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    if !(1970..=2105).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_of_month(year, month)).contains(&day)
    {
        return Err(bad());
    }
    let years: u64 = (1970..year).map(days_of_year).sum();
    let months: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    u32::try_from((years + months + day - 1) * DAY).map_err(|_| bad())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2009-01-03", 1_230_940_800),
            ("2024-12-31", 1_735_603_200),
            ("2100-03-01", 4_107_542_400),
        ] {
            assert_eq!(u64::from(day(text).unwrap()), seconds, "{text}");
            assert_eq!(minute(seconds), format!("{text} 00:00"));
        }
        assert_eq!(minute(1_735_689_599), "2024-12-31 23:59");
        assert_eq!(second(1_735_689_599), "2024-12-31 23:59:59");
        assert_eq!(minute(u64::MAX), format!("{} s", u64::MAX));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2025",
            "2025-1-1",
            "2025-13-01",
            "2025-02-29",
            "2025-00-10",
            "2025-04-31",
            "1969-12-31",
            "2106-01-01",
            "2025-01-01-",
            "2025-01-0a",
            "+025-01-01",
            "31.1.2025",
        ] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}
