//! Payment requests as links and QR codes carry them: `bitcoin:ADDRESS?amount=0.5&label=...`
//! (BIP-0021, BIP-0321).

use crate::key::find_secret;
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, Denomination, Network};

/// The longest that is read.
const MAX: usize = 8_192;

/// A payment somebody asks for. Its texts are foreign: they say what the sender of the link likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentUri {
    /// To whom.
    pub address: Address,
    /// How much, if that is said.
    pub amount: Option<Amount>,
    /// Who asks.
    pub label: Option<String>,
    /// What for.
    pub message: Option<String>,
}

/// Why a link can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It begins otherwise.
    #[error("it doesn't begin with `bitcoin:`")]
    Scheme,
    /// Longer than any.
    #[error("it has {0} characters, the limit is {MAX}")]
    TooLong(usize),
    /// T21.
    #[error("it contains a secret, which must be shown to nobody")]
    Secret,
    /// No address of ours.
    #[error("it has no address of the network {0} to pay to")]
    NoAddress(Network),
    /// More than one way to pay on the chain, and they differ.
    #[error("it names two addresses that could be paid: ask which one is meant")]
    TwoAddresses,
    /// `amount=50,000`.
    #[error("its amount isn't a number of bitcoin written like 0.5")]
    Amount,
    /// The same field again.
    #[error("its field `{0}` is there twice")]
    Twice(&'static str),
    /// Escapes that aren't.
    #[error("its field `{0}` isn't escaped as links are")]
    Escape(&'static str),
    /// Something that must be understood and isn't (BIP-0021).
    #[error("it asks for `{0}`, which isn't known here, so it can't be paid from here")]
    Required(String),
}

impl PaymentUri {
    /// Whether a text means to be one.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        let scheme = text.trim_start().get(..8);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bitcoin:"))
    }

    /// Reads a link for `network`.
    ///
    /// # Errors
    /// A sentence about the first thing that is wrong.
    pub fn parse(text: &str, network: Network) -> Result<Self, UriError> {
        let text = text.trim();
        if !Self::is_one(text) {
            return Err(UriError::Scheme);
        }
        if text.len() > MAX {
            return Err(UriError::TooLong(text.len()));
        }
        if find_secret(text).is_some() {
            return Err(UriError::Secret);
        }
        let (body, query) = match text[8..].split_once('?') {
            Some((body, query)) => (body, query),
            None => (&text[8..], ""),
        };
        let mut addresses = vec![body];
        let (mut amount, mut label, mut message) = (None, None, None);
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            // In codes of capitals only the keys are capitals too.
            match key.to_ascii_lowercase().as_str() {
                "amount" => once("amount", &mut amount, bitcoins(value)?)?,
                "label" => once("label", &mut label, unescaped("label", value)?)?,
                "message" => once("message", &mut message, unescaped("message", value)?)?,
                // Segwit addresses by network, as many as the recipient likes (BIP-0321).
                "bc" | "tb" | "bcrt" => addresses.push(value),
                required if required.starts_with("req-") => {
                    return Err(UriError::Required(key.chars().take(60).collect()));
                }
                _ => {}
            }
        }
        let ours = addresses.into_iter().filter_map(|text| {
            let address: Address<NetworkUnchecked> = text.parse().ok()?;
            address.require_network(network).ok()
        });
        let mut ours: Vec<Address> = ours.collect();
        ours.dedup();
        match ours.as_slice() {
            [] => Err(UriError::NoAddress(network)),
            [address] => Ok(Self {
                address: address.clone(),
                amount,
                label,
                message,
            }),
            _ => Err(UriError::TwoAddresses),
        }
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), UriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UriError::Twice(name)),
    }
}

/// Decimal digits and one point; the library would take signs and exponents' letters too.
fn bitcoins(text: &str) -> Result<Amount, UriError> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount = Amount::from_str_in(text, Denomination::Bitcoin);
    amount
        .ok()
        .filter(|amount| plain && *amount > Amount::ZERO && *amount <= Amount::MAX_MONEY)
        .ok_or(UriError::Amount)
}

fn unescaped(name: &'static str, text: &str) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
        let pair = digit(rest.next()).zip(digit(rest.next()));
        let value = pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(value.ok_or(UriError::Escape(name))?);
    }
    String::from_utf8(bytes).map_err(|_| UriError::Escape(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const A: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    const W: &str = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";

    fn parse(text: &str) -> Result<PaymentUri, UriError> {
        PaymentUri::parse(text, Network::Bitcoin)
    }

    /// The examples of BIP-0021 and BIP-0321, with an address whose checksum is right: theirs isn't.
    #[test]
    fn the_examples_of_the_bips_are_read() {
        let plain = parse(&format!("bitcoin:{A}")).unwrap();
        assert_eq!(
            (plain.address.to_string().as_str(), plain.amount),
            (A, None)
        );
        let named = parse(&format!("bitcoin:{A}?label=Luke-Jr")).unwrap();
        assert_eq!(named.label.as_deref(), Some("Luke-Jr"));
        let some = parse(&format!("bitcoin:{A}?amount=20.3&label=Luke-Jr")).unwrap();
        assert_eq!(some.amount, Some(Amount::from_sat(2_030_000_000)));
        let told =
            format!("bitcoin:{A}?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz");
        let told = parse(&told).unwrap();
        assert_eq!(told.message.as_deref(), Some("Donation for project xyz"));
        let required = format!(
            "bitcoin:{A}?req-somethingyoudontunderstand=50&req-somethingelseyoudontget=999"
        );
        assert!(matches!(parse(&required), Err(UriError::Required(_))));
        let optional =
            format!("bitcoin:{A}?somethingyoudontunderstand=50&somethingelseyoudontget=999");
        assert!(parse(&optional).is_ok());
    }

    #[test]
    fn segwit_addresses_stand_among_the_fields_too() {
        for text in [
            format!("bitcoin:?bc={W}"),
            format!("BITCOIN:?BC={}&AMOUNT=0.5", W.to_uppercase()),
            format!("bitcoin:{W}?bc={W}&lightning=lnbc1"),
            format!("bitcoin:?tb=tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx&bc={W}"),
        ] {
            assert_eq!(parse(&text).unwrap().address.to_string(), W, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            (A.to_owned(), UriError::Scheme),
            ("bitcoin:".to_owned(), UriError::NoAddress(Network::Bitcoin)),
            (
                "bitcoin:?lightning=lnbc1".to_owned(),
                UriError::NoAddress(Network::Bitcoin),
            ),
            (
                "bitcoin:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx".to_owned(),
                UriError::NoAddress(Network::Bitcoin),
            ),
            (format!("bitcoin:{A}?bc={W}"), UriError::TwoAddresses),
            (format!("bitcoin:{A}?amount=50,000.00"), UriError::Amount),
            (format!("bitcoin:{A}?amount=-1"), UriError::Amount),
            (format!("bitcoin:{A}?amount=1e3"), UriError::Amount),
            (format!("bitcoin:{A}?amount=0"), UriError::Amount),
            (format!("bitcoin:{A}?amount="), UriError::Amount),
            (format!("bitcoin:{A}?amount=21000001"), UriError::Amount),
            (format!("bitcoin:{A}?amount=0.123456789"), UriError::Amount),
            (
                format!("bitcoin:{A}?amount=1&amount=2"),
                UriError::Twice("amount"),
            ),
            (format!("bitcoin:{A}?label=%zz"), UriError::Escape("label")),
            (format!("bitcoin:{A}?label=%ff"), UriError::Escape("label")),
            (format!("bitcoin:{A}?label=%2"), UriError::Escape("label")),
            (
                format!("bitcoin:{A}?x={}", "y".repeat(MAX)),
                UriError::TooLong(MAX + 45),
            ),
        ] {
            assert_eq!(parse(&text), Err(error), "{text}");
        }
    }
}
