//! From words to typed input: addresses, recipients, coins, networks, births. Each refusal says what
//! is wrong and how it is written.

use crate::{amount, date};
use bitcoin::address::{NetworkUnchecked, ParseError};
use bitcoin::{Address, Network, OutPoint};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use quorate_coordinator::Error;
use quorate_coordinator::view::CoinsView;
use quorate_core::journal::Birth;
use quorate_core::spend::Recipient;
use quorate_core::text::escape;

const NETWORKS: [(&str, Network); 5] = [
    ("bitcoin", Network::Bitcoin),
    ("testnet4", Network::Testnet4),
    ("signet", Network::Signet),
    ("regtest", Network::Regtest),
    ("testnet", Network::Testnet),
];

/// How the arguments name networks.
pub(crate) fn networks() -> impl TypedValueParser<Value = Network> {
    let names = NETWORKS.map(|(name, network)| {
        let value = PossibleValue::new(name);
        if network == Network::Bitcoin {
            value.alias("mainnet")
        } else {
            value
        }
    });
    PossibleValuesParser::new(names).try_map(|name| match name.as_str() {
        "mainnet" => Ok(Network::Bitcoin),
        name => name.parse(),
    })
}

/// Reads an address and checks that it is one of `network`.
pub(crate) fn address(text: &str, network: Network) -> Result<Address, Error> {
    let bad = |code, what: String| {
        Error::input(
            code,
            format!("`{}` is not an address to pay: {what}", escape(text)),
        )
    };
    let address: Address<NetworkUnchecked> = text.parse().map_err(|error: ParseError| {
        bad("bad_address", unreadable(text, &error)).hint("copy it again, all of it")
    })?;
    let its: Vec<&str> = NETWORKS
        .into_iter()
        .filter(|&(_, network)| address.is_valid_for_network(network))
        .map(|(name, _)| name)
        .collect();
    address.require_network(network).map_err(|_| {
        bad(
            "wrong_network",
            format!(
                "it is one of {}, this home is for {network}",
                its.join(" or ")
            ),
        )
        .hint("ask the recipient for an address of the right network")
    })
}

/// Why a text can't be read as an address. The library tries the older kind of address last and
/// would complain about that.
fn unreadable(text: &str, error: &ParseError) -> String {
    let lower = text.to_ascii_lowercase();
    let is_segwit = ["bc1", "tb1", "bcrt1"]
        .iter()
        .any(|start| lower.starts_with(start));
    let said = match bitcoin::bech32::segwit::decode(text) {
        Err(error) if is_segwit => error_chain(&error),
        _ => error_chain(error),
    };
    let sentence = if text.is_empty() {
        "it is empty"
    } else if text.len() < 26 {
        "it is too short"
    } else if said.contains("checksum") {
        "its checksum doesn't match, so a character is wrong or missing"
    } else {
        "it can't be read as one"
    };
    sentence.to_owned()
}

fn error_chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", error_chain(source)),
        None => error.to_string(),
    }
}

/// Reads `ADDRESS=AMOUNT`.
pub(crate) fn recipient(text: &str, network: Network) -> Result<Recipient, Error> {
    let Some((to, how_much)) = text.rsplit_once('=') else {
        return Err(Error::input(
            "bad_recipient",
            format!("`{}` doesn't say how much to pay", escape(text)),
        )
        .hint("write --to ADDRESS=AMOUNT, for example --to bc1q...=0.5btc or --to bc1q...=all"));
    };
    Ok(Recipient {
        address: address(to, network)?,
        send: amount::send(how_much)?,
    })
}

/// Reads `TXID:VOUT`, or the beginning of a coin's transaction id as tables show it.
pub(crate) fn coin(text: &str, coins: &CoinsView, vault: &str) -> Result<OutPoint, Error> {
    if let Ok(outpoint) = text.parse() {
        return Ok(outpoint);
    }
    let list = format!("`quorate coin list {vault}` shows the coins");
    let bad = || {
        Error::input(
            "bad_coin",
            format!("`{}` doesn't name a coin", escape(text)),
        )
        .hint(format!("write TXID:OUTPUT; {list}"))
    };
    let (start, output) = text.split_once(':').ok_or_else(bad)?;
    let is_hex = start.bytes().all(|byte| byte.is_ascii_hexdigit());
    if start.len() < 4 || !is_hex || !output.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let start = start.to_ascii_lowercase();
    let mut found = coins.coins.iter().filter(|coin| {
        let parts = coin.outpoint.split_once(':');
        parts.is_some_and(|(txid, vout)| txid.starts_with(&start) && vout == output)
    });
    match (found.next(), found.next()) {
        (Some(coin), None) => coin.outpoint.parse().map_err(|_| bad()),
        (Some(_), Some(_)) => Err(Error::input(
            "ambiguous_coin",
            format!("several coins begin with `{}`", escape(text)),
        )
        .hint("type more digits")),
        (None, _) => Err(Error::refused(
            "no_such_coin",
            format!("vault `{vault}` has no unspent coin `{}`", escape(text)),
        )
        .hint(list)),
    }
}

/// Reads `NAME=KEY`.
pub(crate) fn key(text: &str) -> Result<(String, String), Error> {
    match text.split_once('=') {
        Some((name, key)) if !name.is_empty() && !name.starts_with('[') => {
            Ok((name.to_owned(), key.to_owned()))
        }
        _ => Err(Error::input(
            "bad_key",
            format!("`{}` has no name in front", escape(text)),
        )
        .hint("write --key NAME=KEY, for example --key 'alice=[f00df00d/48h/0h/0h/2h]xpub...'")),
    }
}

/// Reads a block height or a day.
pub(crate) fn birthday(text: &str) -> Result<Birth, Error> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Above this, consensus reads a number as a time.
        let height = text.parse().ok().filter(|height| *height < 500_000_000);
        return height.map(Birth::Height).ok_or_else(|| {
            Error::input(
                "bad_birthday",
                format!("`{text}` is no block height: it is too large"),
            )
        });
    }
    date::day(text).map(Birth::Time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use quorate_coordinator::view::CoinView;
    use quorate_core::spend::Send;

    const MAIN: &str = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
    const TEST: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    const LEGACY: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

    #[test]
    fn addresses_of_the_network_are_taken() {
        assert!(address(MAIN, Network::Bitcoin).is_ok());
        assert!(address(&MAIN.to_uppercase(), Network::Bitcoin).is_ok());
        assert!(address(LEGACY, Network::Bitcoin).is_ok());
        assert!(address(TEST, Network::Signet).is_ok());
    }

    #[test]
    fn another_network_is_named_with_ours() {
        let error = address(MAIN, Network::Regtest).unwrap_err();
        assert_eq!(error.code, "wrong_network");
        assert!(
            error
                .message
                .contains("one of bitcoin, this home is for regtest"),
            "{error}"
        );
        let error = address(TEST, Network::Bitcoin).unwrap_err();
        assert!(error.message.contains("testnet4 or signet"), "{error}");
    }

    #[test]
    fn a_wrong_character_is_told_from_another_kind_of_text() {
        for (text, words) in [
            (MAIN.replace("mdq", "mdp"), "checksum"),
            (MAIN[..40].to_owned(), "checksum"),
            (LEGACY.replace("fNa", "fNb"), "checksum"),
            (String::new(), "empty"),
            ("bc1q".to_owned(), "too short"),
            ("https://example.org/pay/me/now".to_owned(), "can't be read"),
            (format!("{MAIN}\x1b[2J"), "can't be read"),
        ] {
            let error = address(&text, Network::Bitcoin).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
            assert!(!error.message.contains('\x1b'));
        }
    }

    #[test]
    fn a_recipient_is_an_address_and_an_amount() {
        let recipient = |text: String| recipient(&text, Network::Bitcoin);
        let good = recipient(format!("{MAIN}=20000sat")).unwrap();
        assert_eq!(good.send, Send::Exactly(bitcoin::Amount::from_sat(20_000)));
        assert_eq!(recipient(format!("{MAIN}=all")).unwrap().send, Send::All);
        assert_eq!(
            recipient(MAIN.to_owned()).unwrap_err().code,
            "bad_recipient"
        );
        assert_eq!(
            recipient(format!("{MAIN}=5")).unwrap_err().code,
            "bad_amount"
        );
        assert_eq!(
            recipient("=5sat".to_owned()).unwrap_err().code,
            "bad_address"
        );
    }

    #[test]
    fn coins_are_named_by_the_beginning_of_their_txid() {
        let coin_of = |outpoint: String| CoinView {
            label: None,
            outpoint,
            value_sat: 1,
            height: None,
            reserved_by: None,
            frozen: None,
            reused: false,
            address: String::new(),
            keychain: String::new(),
            index: 0,
        };
        let (one, two) = ("ab".repeat(32), format!("abab{}", "cd".repeat(30)));
        let coins = CoinsView {
            coins: [format!("{one}:0"), format!("{one}:1"), format!("{two}:0")]
                .into_iter()
                .map(coin_of)
                .collect(),
        };
        let coin = |text: &str| coin(text, &coins, "family");
        assert_eq!(coin("ababab:1").unwrap().to_string(), format!("{one}:1"));
        assert_eq!(coin("ABABCD:0").unwrap().to_string(), format!("{two}:0"));
        assert_eq!(coin("abab:0").unwrap_err().code, "ambiguous_coin");
        assert_eq!(coin("abab:7").unwrap_err().code, "no_such_coin");
        for text in ["", "abab", "aba:0", "abab:", "abab:x", "xyzw:0"] {
            assert!(coin(text).is_err(), "{text}");
        }
        // A whole outpoint is looked for later, in the vault.
        let whole = format!("{}:4", "00".repeat(32));
        assert_eq!(coin(&whole).unwrap().to_string(), whole);
    }

    #[test]
    fn names_come_before_keys() {
        let (name, text) = key("alice=[f00df00d/48h]tpub").unwrap();
        assert_eq!(
            (name.as_str(), text.as_str()),
            ("alice", "[f00df00d/48h]tpub")
        );
        for text in ["tpubxyz", "=tpub", "[f00d/48h]tpub=x", ""] {
            assert_eq!(key(text).unwrap_err().code, "bad_key", "{text}");
        }
    }

    #[test]
    fn births_are_heights_or_days() {
        assert_eq!(birthday("800000").unwrap(), Birth::Height(800_000));
        assert_eq!(birthday("2025-01-01").unwrap(), Birth::Time(1_735_689_600));
        for text in ["", "-1", "500000000", "99999999999", "yesterday"] {
            assert!(birthday(text).is_err(), "{text}");
        }
    }
}
