//! Amounts and fee rates as people write them. Integers throughout; nothing is rounded silently.

use bitcoin::{Amount, FeeRate};
use quorate_coordinator::Error;
use quorate_core::spend::Send;
use quorate_core::text::escape;

/// The one form of amounts in text: eight decimals, with the unit.
pub(crate) fn btc(sat: u64) -> String {
    format!("{}.{:08} BTC", sat / 100_000_000, sat % 100_000_000)
}

/// The same with a sign where it is less than nothing.
pub(crate) fn signed_btc(sat: i64) -> String {
    let sign = if sat < 0 { "-" } else { "" };
    format!("{sign}{}", btc(sat.unsigned_abs()))
}

fn bad(given: &str, what: &str) -> Error {
    Error::input(
        "bad_amount",
        format!("`{}` is not an amount: {what}", escape(given)),
    )
    .hint("write for example 0.5btc or 20000sat")
}

/// Reads `0.5btc`, `20000sat` or `all`.
pub(crate) fn send(text: &str) -> Result<Send, Error> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Send::All);
    }
    amount(text).map(Send::Exactly)
}

/// Reads `0.5btc` or `20000sat`. A unit must be there: nobody should pay 20000 bitcoin for having
/// thought of satoshi.
pub(crate) fn amount(text: &str) -> Result<Amount, Error> {
    let lower = text.to_ascii_lowercase();
    let start = lower
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(start);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let decimals = match unit {
        "btc" => 8,
        "sat" | "sats" => 0,
        "" => return Err(bad(text, "the unit is missing, `btc` or `sat`")),
        _ => return Err(bad(text, "the unit must be `btc` or `sat`")),
    };
    let sat = scaled(number, decimals).map_err(|what| bad(text, &what))?;
    let amount = Amount::from_sat(sat);
    if amount > Amount::MAX_MONEY {
        return Err(bad(text, "there are only 21 million bitcoin"));
    }
    if amount == Amount::ZERO {
        return Err(bad(text, "it is nothing"));
    }
    Ok(amount)
}

/// Reads a fee rate in sat/vB with up to three decimals.
pub(crate) fn fee_rate(text: &str) -> Result<FeeRate, Error> {
    let bad = |what: &str| {
        Error::input(
            "bad_feerate",
            format!("`{}` is not a fee rate: {what}", escape(text)),
        )
        .hint("write satoshi per virtual byte, for example 2 or 1.5")
    };
    let thousandths = scaled(text, 3).map_err(|what| bad(&what))?;
    if thousandths == 0 {
        return Err(bad("nodes relay nothing for free"));
    }
    // 1 sat/vB are 250 sat/kwu. Rounded up: at least the rate asked for is paid.
    Ok(FeeRate::from_sat_per_kwu(thousandths.div_ceil(4)))
}

/// A decimal number times ten to the power of `decimals`, exactly.
fn scaled(text: &str, decimals: usize) -> Result<u64, String> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err("digits are missing after the point".to_owned()),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err("only digits and one point are allowed".to_owned());
    }
    if fraction.len() > decimals {
        return Err(match decimals {
            0 => "a satoshi has no fractions".to_owned(),
            _ => format!("it has more than {decimals} decimals"),
        });
    }
    let padded = format!("{whole}{fraction:0<decimals$}");
    padded.parse().map_err(|_| "it is too large".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, sat) in [
            ("0.5btc", 50_000_000),
            ("1 BTC", 100_000_000),
            ("0.00000001btc", 1),
            ("20000sat", 20_000),
            ("7sats", 7),
            ("21000000btc", 2_100_000_000_000_000),
            ("8.20413071btc", 820_413_071),
        ] {
            assert_eq!(amount(text).unwrap().to_sat(), sat, "{text}");
        }
        assert_eq!(send("all").unwrap(), Send::All);
        assert_eq!(btc(820_413_071), "8.20413071 BTC");
        assert_eq!(btc(1), "0.00000001 BTC");
    }

    #[test]
    fn anything_else_is_refused_with_the_remedy() {
        for (text, word) in [
            ("20000", "unit is missing"),
            ("0.5", "unit is missing"),
            ("", "unit is missing"),
            ("0.5mbtc", "must be `btc` or `sat`"),
            ("5 bitcoins", "must be"),
            ("0.000000001btc", "more than 8 decimals"),
            ("0.5sat", "no fractions"),
            ("1.btc", "after the point"),
            (".5btc", "only digits"),
            ("-1btc", "only digits"),
            ("+1btc", "only digits"),
            ("1,000sat", "only digits"),
            ("1e3sat", "must be"),
            ("1.2.3btc", "only digits"),
            ("٣sat", "only digits"),
            ("0x10sat", "must be"),
            ("1  btc", "only digits"),
            ("21000000.00000001btc", "21 million"),
            ("99999999999999999999sat", "too large"),
            ("184467440737.09551616btc", "too large"),
            ("0sat", "nothing"),
            ("0.00btc", "nothing"),
        ] {
            let error = amount(text).unwrap_err();
            assert!(error.message.contains(word), "{text}: {}", error.message);
            assert!(error.hint.unwrap().contains("0.5btc"));
        }
    }

    #[test]
    fn fee_rates_are_never_below_what_was_asked() {
        for (text, kwu) in [
            ("2", 500),
            ("1.5", 375),
            ("0.1", 25),
            ("0.001", 1),
            ("2.005", 502),
        ] {
            assert_eq!(fee_rate(text).unwrap().to_sat_per_kwu(), kwu, "{text}");
        }
        for text in [
            "0",
            "0.000",
            "",
            "-1",
            "2sat",
            "1.0001",
            "1e3",
            "99999999999999999999",
        ] {
            assert!(fee_rate(text).is_err(), "{text}");
        }
    }
}
