//! An extended key in CBOR, with where it comes from (BCR-2020-007, BCR-2023-007).

use super::FrameError;
use crate::key::CosignerKey;
use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, NetworkKind};
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

/// Added to a tag of the first kind for the second.
pub(super) const NEWER: u64 = 40_000;
pub(super) const HDKEY: u64 = 303;
const KEYPATH: u64 = 304;
const COIN: u64 = 305;

pub(super) type Result<T> = std::result::Result<T, FrameError>;

pub(super) const fn wrong(what: &'static str) -> FrameError {
    FrameError::Contents(what)
}

pub(super) fn cbor(_: minicbor::decode::Error) -> FrameError {
    wrong("its CBOR can't be read")
}

pub(super) type Writer = Encoder<Vec<u8>>;
pub(super) type Written<T> =
    std::result::Result<T, minicbor::encode::Error<std::convert::Infallible>>;

/// BCR-2020-007, or with the newer tags.
pub(super) fn write_key(out: &mut Writer, key: &CosignerKey, newer: u64) -> Written<()> {
    let xpub = key.xpub();
    let test = xpub.network == NetworkKind::Test;
    out.tag(Tag::new(HDKEY + newer))?
        .map(if test { 5 } else { 4 })?;
    out.u8(3)?.bytes(&xpub.public_key.serialize())?;
    out.u8(4)?.bytes(xpub.chain_code.as_bytes())?;
    if test {
        out.u8(5)?
            .tag(Tag::new(COIN + newer))?
            .map(1)?
            .u8(2)?
            .u8(1)?;
    }
    out.u8(6)?.tag(Tag::new(KEYPATH + newer))?.map(3)?;
    let steps: Vec<ChildNumber> = key.origin_path().into_iter().copied().collect();
    out.u8(1)?.array(2 * steps.len() as u64)?;
    for step in &steps {
        match *step {
            ChildNumber::Normal { index } => out.u32(index)?.bool(false)?,
            ChildNumber::Hardened { index } => out.u32(index)?.bool(true)?,
        };
    }
    out.u8(2)?
        .u32(u32::from_be_bytes(key.fingerprint().to_bytes()))?;
    out.u8(3)?.u8(xpub.depth)?;
    out.u8(8)?
        .u32(u32::from_be_bytes(xpub.parent_fingerprint.to_bytes()))?;
    Ok(())
}

pub(super) struct FoundKey {
    pub(super) key: CosignerKey,
    /// What is written after it: empty, or `/0/*` and the like.
    pub(super) children: String,
}

/// Where a key stands: the network it must be of, and the device that an account names for keys that name none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) network: Network,
    pub(super) master: Option<Fingerprint>,
}

impl From<Network> for Place {
    fn from(network: Network) -> Self {
        Self {
            network,
            master: None,
        }
    }
}

pub(super) fn hd_key(input: &mut Decoder<'_>, place: Place) -> Result<FoundKey> {
    if input.datatype().map_err(cbor)? == Type::Tag {
        match input.tag().map_err(cbor)?.as_u64() {
            HDKEY => {}
            tag if tag == HDKEY + NEWER => {}
            _ => return Err(wrong("it has a key that isn't an extended one")),
        }
    }
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    let (mut data, mut chain, mut origin, mut children) = (None, None, None, String::new());
    let (mut parent, mut kind) = (Fingerprint::default(), NetworkKind::Main);
    for _ in 0..entries {
        match input.u8().map_err(cbor)? {
            2 if input.bool().map_err(cbor)? => return Err(FrameError::Secret),
            2 => {}
            3 => data = Some(input.bytes().map_err(cbor)?),
            4 => chain = Some(input.bytes().map_err(cbor)?),
            5 => kind = coin(input)?,
            6 => origin = Some(path(input)?),
            7 => children = path(input)?.text(),
            8 => parent = Fingerprint::from(input.u32().map_err(cbor)?.to_be_bytes()),
            _ => input.skip().map_err(cbor)?,
        }
    }
    // A private key has a zero byte before it.
    let data = data.ok_or(wrong("a key is missing"))?;
    if data.first() == Some(&0) {
        return Err(FrameError::Secret);
    }
    let chain: [u8; 32] = chain
        .and_then(|chain| chain.try_into().ok())
        .ok_or(wrong("a key comes without its chain code"))?;
    let origin = origin.ok_or(wrong("a key doesn't say where it comes from"))?;
    let fingerprint = origin
        .source
        .or(place.master)
        .ok_or(wrong("a key doesn't say which device it comes from"))?;
    let xpub = Xpub {
        network: kind,
        depth: u8::try_from(origin.steps.len()).map_err(|_| wrong("a path is too long"))?,
        parent_fingerprint: parent,
        child_number: origin
            .steps
            .last()
            .map_or(ChildNumber::Normal { index: 0 }, |step| step.0),
        public_key: PublicKey::from_slice(data).map_err(|_| wrong("a key isn't one"))?,
        chain_code: ChainCode::from(chain),
    };
    let text = format!("[{fingerprint}{}]{xpub}", origin.text());
    let key = CosignerKey::parse(&text, place.network)
        .map_err(|error| FrameError::Key(Box::new(error)))?;
    Ok(FoundKey { key, children })
}

/// 0 is Bitcoin's main network, 1 its test networks.
fn coin(input: &mut Decoder<'_>) -> Result<NetworkKind> {
    input.tag().map_err(cbor)?;
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    let mut kind = NetworkKind::Main;
    for _ in 0..entries {
        match (input.u8().map_err(cbor)?, input.u64().map_err(cbor)?) {
            (1, 0) | (2, 0) => {}
            (2, 1) => kind = NetworkKind::Test,
            (1, _) => return Err(wrong("it is of another currency")),
            _ => return Err(wrong("its network isn't known")),
        }
    }
    Ok(kind)
}

struct Path {
    steps: Vec<Step>,
    source: Option<Fingerprint>,
}

struct Step(ChildNumber, bool);

impl Path {
    fn text(&self) -> String {
        let step = |step: &Step| match (step.1, step.0) {
            (true, _) => "/*".to_owned(),
            (false, number) => format!("/{number:#}"),
        };
        self.steps.iter().map(step).collect()
    }
}

fn path(input: &mut Decoder<'_>) -> Result<Path> {
    input.tag().map_err(cbor)?;
    let entries = input
        .map()
        .map_err(cbor)?
        .ok_or(wrong("a map without a length"))?;
    let mut path = Path {
        steps: Vec::new(),
        source: None,
    };
    for _ in 0..entries {
        match input.u8().map_err(cbor)? {
            1 => {
                let items = input
                    .array()
                    .map_err(cbor)?
                    .ok_or(wrong("a list without a length"))?;
                if items % 2 != 0 || items > 2 * 255 {
                    return Err(wrong("a path can't be read"));
                }
                for _ in 0..items / 2 {
                    let any = input.datatype().map_err(cbor)? == Type::Array;
                    let index = match any {
                        true if input.array().map_err(cbor)? == Some(0) => 0,
                        true => return Err(wrong("it has a range in a path")),
                        false => input.u32().map_err(cbor)?,
                    };
                    let number = match input.bool().map_err(cbor)? {
                        true => ChildNumber::from_hardened_idx(index),
                        false => ChildNumber::from_normal_idx(index),
                    };
                    path.steps.push(Step(
                        number.map_err(|_| wrong("a path can't be read"))?,
                        any,
                    ));
                }
            }
            2 => {
                let source = input.u32().map_err(cbor)?;
                path.source = Some(Fingerprint::from(source.to_be_bytes()));
            }
            _ => input.skip().map_err(cbor)?,
        }
    }
    Ok(path)
}
