//! Every way in which a cosigner's key is refused, and what is accepted as the same key.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::{Network, base58};
use common::key_text;
use quorate_core::key::{CosignerKey, KeyError, SecretKind};

const PATH: &str = "48h/1h/0h/2h";

fn text() -> String {
    key_text(Network::Regtest, 1, PATH)
}

fn parse(text: &str) -> Result<CosignerKey, KeyError> {
    CosignerKey::parse(text, Network::Regtest)
}

fn refusal(text: &str) -> KeyError {
    parse(text).expect_err(text)
}

/// `[fp/path]` and the extended key.
fn split(text: &str) -> (&str, &str) {
    let at = text.find(']').unwrap() + 1;
    text.split_at(at)
}

fn with_version(text: &str, version: [u8; 4]) -> String {
    let (origin, xpub) = split(text);
    let mut bytes = base58::decode_check(xpub).unwrap();
    bytes[..4].copy_from_slice(&version);
    format!("{origin}{}", base58::encode_check(&bytes))
}

fn edited(text: &str, edit: impl Fn(&mut Xpub)) -> String {
    let (origin, xpub) = split(text);
    let mut xpub: Xpub = xpub.parse().unwrap();
    edit(&mut xpub);
    format!("{origin}{xpub}")
}

#[test]
fn spellings_of_one_key_are_one_key() {
    let text = text();
    let key = parse(&text).unwrap();
    assert_eq!(key.to_string(), text);
    assert_eq!(key.origin_path().to_string(), "48'/1'/0'/2'");
    for same in [
        text.replace("48h/1h/0h/2h", "48'/1'/0h/2'"),
        format!("  {text}\r\n"),
        format!("{text}/<0;1>/*"),
        format!("{text}/**"),
        format!("[{}{}", text[1..9].to_uppercase(), &text[9..]),
    ] {
        assert_eq!(parse(&same), Ok(key.clone()), "{same}");
    }
}

#[test]
fn slip132_prefixes_are_read_as_standard_ones() {
    let test = text();
    for version in [0x044a_5262_u32, 0x045f_1cf6, 0x0242_89ef, 0x0257_5483] {
        let slip132 = with_version(&test, version.to_be_bytes());
        assert_ne!(slip132, test);
        assert_eq!(parse(&slip132).unwrap().to_string(), test);
    }
    let main = key_text(Network::Bitcoin, 1, "48h/0h/0h/2h");
    let versions = [0x049d_7cb2_u32, 0x04b2_4746, 0x0295_b43f, 0x02aa_7ed3];
    for (version, prefix) in versions.into_iter().zip(["ypub", "zpub", "Ypub", "Zpub"]) {
        let slip132 = with_version(&main, version.to_be_bytes());
        assert!(slip132.contains(prefix));
        let key = CosignerKey::parse(&slip132, Network::Bitcoin).unwrap();
        assert_eq!(key.to_string(), main);
        assert!(matches!(
            refusal(&slip132),
            KeyError::WrongNetwork {
                expected: Network::Regtest,
                ..
            }
        ));
    }
    let unknown = with_version(&test, [1, 2, 3, 4]);
    assert_eq!(refusal(&unknown), KeyError::UnknownPrefix);
}

#[test]
fn t05_a_key_of_another_network_is_refused() {
    let main = key_text(Network::Bitcoin, 1, PATH);
    assert!(matches!(refusal(&main), KeyError::WrongNetwork { .. }));
    assert!(matches!(
        CosignerKey::parse(&text(), Network::Bitcoin),
        Err(KeyError::WrongNetwork { .. })
    ));
    for network in [Network::Testnet, Network::Testnet4, Network::Signet] {
        assert!(CosignerKey::parse(&text(), network).is_ok());
    }
}

#[test]
fn a_key_broken_by_copying_is_refused_and_the_place_is_named() {
    let text = text();
    let at = 60;
    for (broken, word) in [
        (" ", "a space"),
        ("\n", "a line break"),
        ("\r\n", "a line break"),
        ("\t", "a tab"),
        ("\u{feff}", "a byte order mark"),
        ("\u{a0}", "an invisible character"),
        ("\u{200b}", "an invisible character"),
    ] {
        let broken = format!("{}{broken}{}", &text[..at], &text[at..]);
        let KeyError::InnerSpace { found, position } = refusal(&broken) else {
            panic!("{broken:?}");
        };
        assert!(found.starts_with(word), "{found}");
        assert_eq!(position, at + 1);
    }
    assert!(matches!(
        refusal(&format!("\u{feff}{text}")),
        KeyError::InnerSpace { position: 1, .. }
    ));
    assert!(matches!(
        refusal(&text.replacen('4', "\u{451}", 1)),
        KeyError::ForeignCharacter { .. }
    ));
    let (origin, xpub) = split(&text);
    let swapped = format!("{origin}{}{}", &xpub[..xpub.len() - 1], "1");
    assert_eq!(refusal(&swapped), KeyError::Checksum);
    assert!(matches!(
        refusal(&text[..text.len() - 1]),
        KeyError::Checksum | KeyError::NotAnXpub
    ));
    assert_eq!(refusal(origin), KeyError::NotAnXpub);
    assert_eq!(refusal(&format!("{origin}tpub0OIl")), KeyError::NotAnXpub);
    let of_length = |bytes: usize| format!("{origin}{}", "1".repeat(bytes - origin.len()));
    assert_eq!(refusal(&of_length(2_000)), KeyError::NotAnXpub);
    let refused = refusal(&of_length(2_001));
    assert_eq!(refused, KeyError::TooLong { bytes: 2_001 });
    assert_eq!(refusal(" "), KeyError::Empty);
}

#[test]
fn origins_are_complete_and_belong_to_the_key() {
    let text = text();
    let (origin, xpub) = split(&text);
    let fp = &origin[1..9];
    let with = |origin: &str| refusal(&format!("{origin}{xpub}"));
    assert_eq!(with(""), KeyError::MissingOrigin);
    assert_eq!(refusal("hello"), KeyError::MissingOrigin);
    assert_eq!(
        with(&format!("[{fp}/48h/1h/0h/2h")),
        KeyError::OriginBrackets
    );
    assert_eq!(
        with(&format!("{fp}/48h/1h/0h/2h]")),
        KeyError::OriginBrackets
    );
    assert_eq!(with(&format!("{origin}{origin}")), KeyError::OriginBrackets);
    assert_eq!(with("[1234567/48h/1h/0h/2h]"), KeyError::Fingerprint);
    assert_eq!(with("[+2345678/48h/1h/0h/2h]"), KeyError::Fingerprint);
    assert_eq!(with("[/48h/1h/0h/2h]"), KeyError::Fingerprint);
    assert_eq!(with("[00000000/48h/1h/0h/2h]"), KeyError::ZeroFingerprint);
    assert_eq!(
        with(&format!("[{fp}/48H/1H/0H/2H]")),
        KeyError::HardenedMarker
    );
    for (path, position) in [
        ("m/48h/1h/0h/2h", 1),
        ("48h//0h/2h", 2),
        ("48h/1h/2147483648/2h", 3),
        ("48h/1h/0hh/2h", 3),
        ("48h/1h/0h/", 4),
        ("48h/1h/0h/+2h", 4),
        ("48h/1h/0h/*", 4),
    ] {
        let found = with(&format!("[{fp}/{path}]"));
        assert_eq!(found, KeyError::OriginStep { position }, "{path}");
    }
    // liana#897: keys at a truncated path.
    assert_eq!(
        with(&format!("[{fp}/48h/1h]")),
        KeyError::DepthMismatch { depth: 4, steps: 2 }
    );
    assert_eq!(
        with(&format!("[{fp}]")),
        KeyError::DepthMismatch { depth: 4, steps: 0 }
    );
    assert!(matches!(
        with(&format!("[{fp}/48h/1h/0h/1h]")),
        KeyError::StepMismatch { .. }
    ));
    assert!(matches!(
        with(&format!("[{fp}/48h/1h/0h/2]")),
        KeyError::StepMismatch { .. }
    ));
}

#[test]
fn near_the_master_the_fingerprint_is_checked() {
    for path in ["", "48h"] {
        let text = key_text(Network::Regtest, 1, path);
        assert_eq!(parse(&text).unwrap().to_string(), text);
        let forged = format!("[deadbeef{}", &text[9..]);
        assert!(matches!(
            refusal(&forged),
            KeyError::FingerprintMismatch { .. }
        ));
    }
    let master = key_text(Network::Regtest, 1, "");
    let forged = edited(&master, |xpub| {
        xpub.child_number = ChildNumber::Normal { index: 1 }
    });
    assert_eq!(refusal(&forged), KeyError::Malformed);
}

#[test]
fn derivations_after_the_key_are_standard() {
    let text = text();
    let with = |suffix: &str| refusal(&format!("{text}{suffix}"));
    for suffix in ["/0/*", "/1/*", "/<2;3>/*", "/<1;0>/*", "/0/<0;1>/*", "/*"] {
        assert_eq!(with(suffix), KeyError::UnusualBranches, "{suffix}");
    }
    for suffix in [
        "/0h/*",
        "/0'/<0;1>/*",
        "/<0h;1>/*",
        "/<0;1>/*h",
        "/*'",
        "/0H/*",
    ] {
        assert_eq!(with(suffix), KeyError::HardenedAfterXpub, "{suffix}");
    }
    for suffix in ["/0/1", "/5", "/<0;1>"] {
        assert_eq!(with(suffix), KeyError::NoWildcard, "{suffix}");
    }
    for suffix in [
        "/",
        "//*",
        "/x/*",
        "/<0;1/*",
        "/<0;1>/<0;1>/*",
        "/***",
        "/2147483648/*",
        "/-1/*",
    ] {
        assert_eq!(with(suffix), KeyError::Branches, "{suffix}");
    }
    assert_eq!(with(&format!("{}/*", "/0".repeat(9))), KeyError::Branches);
    assert_eq!(with("/<0;1;2>/*"), KeyError::MultipathCount { found: 3 });
    assert_eq!(with("/<0>/*"), KeyError::MultipathCount { found: 1 });
    assert_eq!(with("/<0;0>/*"), KeyError::SameBranches);
}

#[test]
fn t21_secrets_are_refused_without_repeating_them() {
    let text = text();
    let (origin, _) = split(&text);
    let master = Xpriv::new_master(Network::Regtest, &[1; 32]).unwrap();
    let tprv = master.to_string();
    let wif = master.to_priv().to_wif();
    let hex = "1f".repeat(32);
    let words = "abandon ".repeat(11) + "about";
    let vprv = {
        let mut bytes = base58::decode_check(&tprv).unwrap();
        bytes[..4].copy_from_slice(&[0x02, 0x57, 0x50, 0x48]);
        base58::encode_check(&bytes)
    };
    assert!(vprv.starts_with("Vprv"));
    let mut mistyped = tprv.clone();
    mistyped.replace_range(50..51, if &tprv[50..51] == "x" { "y" } else { "x" });
    use SecretKind::{ExtendedPrivateKey, PrivateKey, SeedWords};
    for (secret, kind) in [
        (tprv.as_str(), ExtendedPrivateKey),
        (&vprv, ExtendedPrivateKey),
        (&mistyped, ExtendedPrivateKey),
        (&wif, PrivateKey),
        (&hex, PrivateKey),
        (&words, SeedWords),
    ] {
        for text in [secret.to_owned(), format!("{origin}{secret}")] {
            let error = refusal(&text);
            assert_eq!(error, KeyError::Secret(kind), "{secret}");
            let said = format!("{error} {error:?}");
            assert!(!said.contains(&secret[..8]), "{said}");
        }
    }
    let public = "02".to_owned() + &"79".repeat(32);
    assert_eq!(refusal(&public), KeyError::SinglePublicKey);
    assert_eq!(
        refusal(&format!("{origin}{public}")),
        KeyError::SinglePublicKey
    );
}

#[test]
fn no_refusal_repeats_what_was_typed() {
    let text = text();
    let xpub = split(&text).1;
    for broken in [
        xpub.to_owned(),
        format!("[00000000/48h/1h/0h/2h]{xpub}"),
        format!("[deadbeef/48h]{xpub}"),
        format!("[deadbeef/48h/1h/0h/2h]{}", &xpub[..xpub.len() - 1]),
    ] {
        let said = refusal(&broken).to_string();
        assert!(!said.contains(&xpub[4..20]), "{said}");
    }
}
