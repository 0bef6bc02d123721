//! The mempool's list together with the tip that it belongs to, in one question.

use super::json::Call;
use super::{ChainInfo, CoreRpc};
use crate::{ChainError, Waiting};
use bitcoin::Txid;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::fmt;

/// One of the two answers. Read as it comes: a mempool may have some hundred thousand ids, which as
/// JSON values would take several times their size.
enum Part {
    Txids(Vec<Txid>),
    Info(ChainInfo),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of transaction ids, or what the node says of its chain")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Part, A::Error> {
                let mut txids = Vec::new();
                while let Some(txid) = list.next_element()? {
                    txids.push(txid);
                }
                Ok(Part::Txids(txids))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
                ChainInfo::deserialize(MapAccessDeserializer::new(map)).map(Part::Info)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl CoreRpc {
    /// The list first: Bitcoin Core works a batch off in its order.
    pub(super) fn listed(&self) -> Result<Waiting, ChainError> {
        let max = self.limits.bulk;
        let calls = vec![
            Call::new("getrawmempool", vec![json!(false)]),
            Call::new("getblockchaininfo", vec![]),
        ];
        let answers = self.http.batch::<Part>(calls, max);
        let answers = answers.map_err(|failure| self.http.final_error(failure, max))?;
        let mut parts = Vec::with_capacity(2);
        for part in answers.results {
            parts.push(part.map_err(|error| self.refusal(&error, max))?);
        }
        match <[Part; 2]>::try_from(parts) {
            Ok([Part::Txids(txids), Part::Info(info)]) => Ok(Waiting {
                txids,
                tip: info.tip(),
            }),
            _ => Err(self.bad("not the JSON we expect: the answers are each other's")),
        }
    }
}
