//! Keys and wallets in CBOR: `crypto-hdkey`, `crypto-output`, `crypto-account` (BCR-2020-007, 010, 015), which
//! devices speak, and what came after them (BCR-2023-007, 010, 019). What the first can't say (miniscript) is
//! written as the second. Both are read.

use super::hdkey::{HDKEY, NEWER, Place, Result, Writer, Written, cbor, hd_key, write_key, wrong};
use crate::key::CosignerKey;
use crate::script_type::ScriptType;
use crate::vault::Vault;
use bitcoin::Network;
use bitcoin::bip32::Fingerprint;
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

/// Nested expressions: `sh(wsh(sortedmulti(…)))` has four, with the key.
const MAX_DEPTH: usize = 8;
const MAX_KEYS: usize = 20;
const OUTPUT: u64 = 308;

/// A key as a device gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdKey {
    /// What it is for, where that is said.
    pub script: Option<ScriptType>,
    /// The key.
    pub key: CosignerKey,
}

/// Keys of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its keys for vaults of several people. Those for single signatures are passed over.
    pub keys: Vec<HdKey>,
}

/// The type under which an output goes out.
pub(super) fn type_of(bytes: &[u8]) -> &'static str {
    match Decoder::new(bytes).datatype() {
        Ok(Type::Map) => "output-descriptor",
        _ => "crypto-output",
    }
}

/// A vault in CBOR: `crypto-output` where that can say it, or `output-descriptor`.
#[must_use]
pub fn write_output(vault: &Vault) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    // Writing into memory doesn't fail.
    if first_kind(&mut out, vault).unwrap_or(false) {
        return out.into_writer();
    }
    let mut out = Encoder::new(Vec::new());
    let _ = second_kind(&mut out, vault);
    out.into_writer()
}

fn first_kind(out: &mut Writer, vault: &Vault) -> Written<bool> {
    let descriptor = vault.descriptor();
    let body = descriptor.split('#').next().unwrap_or(descriptor);
    let keys: Vec<String> = vault
        .cosigners()
        .iter()
        .map(|cosigner| format!("{}/<0;1>/*", cosigner.key))
        .collect();
    let inner = |sorted: &str| format!("{sorted}({},{})", vault.threshold(), keys.join(","));
    let sorted = match (
        body.contains(&inner("sortedmulti")),
        body.contains(&inner("multi")),
    ) {
        (true, _) => "sortedmulti",
        (false, true) => "multi",
        (false, false) => return Ok(false),
    };
    let inner = inner(sorted);
    let tags: &[u64] = match vault.script_type() {
        ScriptType::Wsh if body == format!("wsh({inner})") => &[401],
        ScriptType::ShWsh if body == format!("sh(wsh({inner}))") => &[400, 401],
        ScriptType::Sh if body == format!("sh({inner})") => &[400],
        _ => return Ok(false),
    };
    for tag in tags {
        out.tag(Tag::new(*tag))?;
    }
    out.tag(Tag::new(if sorted == "multi" { 406 } else { 407 }))?;
    out.map(2)?.u8(1)?.u64(vault.threshold() as u64)?;
    out.u8(2)?.array(keys.len() as u64)?;
    for cosigner in vault.cosigners() {
        write_key(out, &cosigner.key, 0)?;
    }
    Ok(true)
}

fn second_kind(out: &mut Writer, vault: &Vault) -> Written<()> {
    let descriptor = vault.descriptor();
    let mut source = descriptor
        .split('#')
        .next()
        .unwrap_or(descriptor)
        .to_owned();
    for (at, cosigner) in vault.cosigners().iter().enumerate() {
        source = source.replace(&cosigner.key.to_string(), &format!("@{at}"));
    }
    out.map(2)?.u8(1)?.str(&source)?;
    out.u8(2)?.array(vault.cosigners().len() as u64)?;
    for cosigner in vault.cosigners() {
        write_key(out, &cosigner.key, NEWER)?;
    }
    Ok(())
}

/// The descriptor that an output says, for the vault's own reader to judge.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn read_output(bytes: &[u8], network: Network) -> Result<String> {
    let mut input = Decoder::new(bytes);
    let text = match input.datatype().map_err(cbor)? {
        Type::Map => described(&mut input, network.into())?.0,
        _ => expression(&mut input, network.into(), 0)?.text,
    };
    match input.position() == bytes.len() {
        true => Ok(text),
        false => Err(wrong("bytes follow after its end")),
    }
}

/// The keys of a device, or the one key.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn read_account(bytes: &[u8], network: Network) -> Result<Account> {
    let mut input = Decoder::new(bytes);
    let mut keys = Vec::new();
    let mut lone = Decoder::new(bytes);
    let is_key = lone.tag().is_ok() || !is_account(bytes)?;
    if is_key {
        let key = hd_key(&mut input, network.into())?;
        keys.push(HdKey {
            script: None,
            key: key.key,
        });
    } else {
        let entries = input
            .map()
            .map_err(cbor)?
            .ok_or(wrong("a map without a length"))?;
        let mut place = Place::from(network);
        for _ in 0..entries {
            match input.u8().map_err(cbor)? {
                1 => {
                    let master = input.u32().map_err(cbor)?;
                    place.master = Some(Fingerprint::from(master.to_be_bytes()));
                }
                2 => {
                    let count = input
                        .array()
                        .map_err(cbor)?
                        .ok_or(wrong("a list without a length"))?;
                    for _ in 0..count {
                        let found = match is_map_next(&mut input)? {
                            true => described(&mut input, place)?.1,
                            false => expression(&mut input, place, 0)?.only,
                        };
                        keys.extend(found);
                    }
                }
                _ => input.skip().map_err(cbor)?,
            }
        }
    }
    if input.position() != bytes.len() {
        return Err(wrong("bytes follow after its end"));
    }
    match keys.is_empty() {
        true => Err(wrong("it has no key for several signatures")),
        false => Ok(Account { keys }),
    }
}

/// An account has a list at 2 and no key data at 3.
fn is_account(bytes: &[u8]) -> Result<bool> {
    let mut input = Decoder::new(bytes);
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    for _ in 0..entries {
        let field = input.u8().map_err(cbor)?;
        if field == 2 {
            return Ok(input.datatype().map_err(cbor)? == Type::Array);
        }
        input.skip().map_err(cbor)?;
    }
    Ok(false)
}

/// Passes an output's own tag over, and says whether the newer form follows.
fn is_map_next(input: &mut Decoder<'_>) -> Result<bool> {
    let mut ahead = input.clone();
    if let Ok(tag) = ahead.tag()
        && (tag.as_u64() == OUTPUT || tag.as_u64() == OUTPUT + NEWER)
    {
        input.set_position(ahead.position());
    }
    Ok(input.datatype().map_err(cbor)? == Type::Map)
}

/// What an expression is.
struct Found {
    text: String,
    /// The key, where it is one that `wsh(KEY)` and the like name in an account.
    only: Option<HdKey>,
}

fn expression(input: &mut Decoder<'_>, place: Place, depth: usize) -> Result<Found> {
    if depth > MAX_DEPTH {
        return Err(wrong("it is nested too deeply"));
    }
    let mut ahead = input.clone();
    let tag = ahead.tag().map_err(cbor)?.as_u64();
    if tag == HDKEY || tag == HDKEY + NEWER {
        let key = hd_key(input, place)?;
        let only = HdKey {
            script: None,
            key: key.key.clone(),
        };
        return Ok(Found {
            text: format!("{}{}", key.key, key.children),
            only: Some(only),
        });
    }
    input.set_position(ahead.position());
    let function = match tag {
        // An output's own tag, and a placeholder for one key among several (BCR-2020-010).
        OUTPUT | 410 => return expression(input, place, depth + 1),
        400 => "sh",
        401 => "wsh",
        406 => return multi(input, place, "multi"),
        407 => return multi(input, place, "sortedmulti"),
        // pk, pkh, wpkh, combo, addr, raw, tr: for a single signature.
        402..=405 | 307 | 408 | 409 => {
            expression_of_one(input, place, depth)?;
            return Ok(Found {
                text: "a script of a single signature".to_owned(),
                only: None,
            });
        }
        _ => return Err(wrong("it has an expression that isn't known")),
    };
    let inner = expression(input, place, depth + 1)?;
    let only = inner.only.map(|one| HdKey {
        script: match (function, one.script) {
            ("wsh", None) => Some(ScriptType::Wsh),
            ("sh", Some(ScriptType::Wsh)) => Some(ScriptType::ShWsh),
            ("sh", None) => Some(ScriptType::Sh),
            (_, other) => other,
        },
        ..one
    });
    Ok(Found {
        text: format!("{function}({})", inner.text),
        only,
    })
}

/// Read over: it is nothing for a vault.
fn expression_of_one(input: &mut Decoder<'_>, place: Place, depth: usize) -> Result<()> {
    match input.datatype().map_err(cbor)? {
        Type::Tag => expression(input, place, depth + 1).map(|_| ()),
        _ => input.skip().map_err(cbor),
    }
}

fn multi(input: &mut Decoder<'_>, place: Place, function: &str) -> Result<Found> {
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    let (mut threshold, mut keys) = (None, Vec::new());
    for _ in 0..entries {
        match input.u8().map_err(cbor)? {
            1 => threshold = Some(input.u64().map_err(cbor)?),
            2 => {
                let count = input
                    .array()
                    .map_err(cbor)?
                    .ok_or(wrong("a list without a length"))?;
                if count > MAX_KEYS as u64 {
                    return Err(wrong("it has more than 20 keys"));
                }
                for _ in 0..count {
                    let key = hd_key(input, place)?;
                    let children = match key.children.is_empty() {
                        true => "/<0;1>/*",
                        false => &key.children,
                    };
                    keys.push(format!("{}{children}", key.key));
                }
            }
            _ => input.skip().map_err(cbor)?,
        }
    }
    let threshold = threshold.ok_or(wrong("it doesn't say how many signatures it asks for"))?;
    Ok(Found {
        text: format!("{function}({threshold},{})", keys.join(",")),
        only: None,
    })
}

/// BCR-2023-010: text with `@0` in the keys' places. Beside it the key, where it is for one.
fn described(input: &mut Decoder<'_>, place: Place) -> Result<(String, Option<HdKey>)> {
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    let (mut source, mut keys) = (String::new(), Vec::new());
    for _ in 0..entries {
        match input.u8().map_err(cbor)? {
            1 => source = input.str().map_err(cbor)?.to_owned(),
            2 => {
                let count = input
                    .array()
                    .map_err(cbor)?
                    .ok_or(wrong("a list without a length"))?;
                if count > MAX_KEYS as u64 {
                    return Err(wrong("it has more than 20 keys"));
                }
                for _ in 0..count {
                    keys.push(hd_key(input, place)?);
                }
            }
            _ => input.skip().map_err(cbor)?,
        }
    }
    // In accounts (BCR-2023-019) `cosigner(…)` stands about a key that is one of several.
    let only = match (source.as_str(), keys.as_slice()) {
        ("wsh(@0)" | "wsh(cosigner(@0))", [one]) => Some((Some(ScriptType::Wsh), one)),
        ("sh(wsh(@0))" | "sh(wsh(cosigner(@0)))", [one]) => Some((Some(ScriptType::ShWsh), one)),
        ("sh(@0)" | "sh(cosigner(@0))", [one]) => Some((Some(ScriptType::Sh), one)),
        _ => None,
    };
    let only = only.map(|(script, one)| HdKey {
        script,
        key: one.key.clone(),
    });
    // The highest number first: `@1` is the beginning of `@10`.
    for (at, key) in keys.iter().enumerate().rev() {
        source = source.replace(&format!("@{at}"), &format!("{}{}", key.key, key.children));
    }
    Ok((source, only))
}
