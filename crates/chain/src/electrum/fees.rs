//! What a server says about fees: its node's numbers, in bitcoin for each 1,000 virtual bytes.

use super::line::Failure;
use super::{Electrum, only};
use crate::ChainError;
use bitcoin::{Amount, FeeRate};
use electrum_client::Param;
use serde_json::Value;

impl Electrum {
    /// An estimate; `None` when the node has seen too little for one.
    pub(super) fn estimate(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        let params = vec![Param::U32(u32::from(blocks))];
        let answer = self.number("blockchain.estimatefee", params)?;
        // Servers write -1 for what isn't known.
        let known = answer.as_f64().filter(|rate| *rate >= 0.0);
        known.map(|rate| self.rate(rate)).transpose()
    }

    /// The least that is relayed. Since protocol 1.6 there is more to know, and before that only
    /// this; a server that has neither doesn't say.
    pub(super) fn least_relayed(&self) -> Result<Option<FeeRate>, ChainError> {
        let info = self.number("mempool.get_info", vec![])?;
        let least = ["mempoolminfee", "minrelaytxfee"].map(|key| info[key].as_f64());
        let least = match least {
            [Some(full), Some(always)] => Some(full.max(always)),
            _ => self.number("blockchain.relayfee", vec![])?.as_f64(),
        };
        least.map(|rate| self.rate(rate)).transpose()
    }

    /// An answer, or null where the server has none.
    fn number(&self, method: &'static str, params: Vec<Param>) -> Result<Value, ChainError> {
        match self.line.batch(&[(method, params)]) {
            Ok(answer) => Ok(only(answer)),
            Err(Failure::Refused(_)) => Ok(Value::Null),
            Err(failure) => Err(self.line.last(failure, "fees")),
        }
    }

    fn rate(&self, btc: f64) -> Result<FeeRate, ChainError> {
        let rate = Amount::from_btc(btc).ok();
        // More than any block ever paid is no rate.
        let rate = rate.filter(|rate| *rate <= Amount::ONE_BTC);
        let rate = rate.ok_or_else(|| self.bad(format!("a fee rate of {btc}")))?;
        Ok(FeeRate::from_sat_per_kwu(rate.to_sat().div_ceil(4)))
    }
}
