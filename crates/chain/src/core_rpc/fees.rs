//! What a node knows about fees.

use super::json::{Call, code};
use super::{ChainError, CoreRpc};
use bitcoin::{Amount, FeeRate, Txid, Weight};
use quorate_core::spend::Package;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Estimate {
    feerate: Option<f64>,
}

#[derive(Deserialize)]
struct MempoolInfo {
    mempoolminfee: f64,
    minrelaytxfee: f64,
}

#[derive(Deserialize)]
struct Entry {
    ancestorsize: u64,
    fees: Fees,
}

#[derive(Deserialize)]
struct Fees {
    ancestor: f64,
}

impl CoreRpc {
    pub(super) fn estimate(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        let params = vec![json!(blocks)];
        let answer: Estimate = self.ask("estimatesmartfee", params, self.limits.short)?;
        answer.feerate.map(|rate| self.rate(rate)).transpose()
    }

    pub(super) fn least_relayed(&self) -> Result<FeeRate, ChainError> {
        let info: MempoolInfo = self.ask("getmempoolinfo", vec![], self.limits.short)?;
        self.rate(info.mempoolminfee.max(info.minrelaytxfee))
    }

    pub(super) fn with_ancestors(&self, txid: &Txid) -> Result<Option<Package>, ChainError> {
        let call = Call::new("getmempoolentry", vec![json!(txid)]);
        let answer = self.http.call::<Entry>(call, self.limits.short)?;
        let entry = match answer {
            Ok(entry) => entry,
            Err(error) if error.code == code::INVALID_ADDRESS_OR_KEY => return Ok(None),
            Err(error) => return Err(self.refusal(&error, self.limits.short)),
        };
        let fee = Amount::from_btc(entry.fees.ancestor);
        let fee = fee.map_err(|_| self.bad("a fee that isn't an amount"))?;
        let weight = Weight::from_vb(entry.ancestorsize)
            .filter(|weight| *weight <= Weight::MAX_BLOCK)
            .ok_or_else(|| self.bad("a transaction larger than a block"))?;
        Ok(Some(Package { weight, fee }))
    }

    /// BTC for each 1,000 virtual bytes, as nodes write it; rounded up.
    fn rate(&self, btc: f64) -> Result<FeeRate, ChainError> {
        let rate = Amount::from_btc(btc).ok();
        // More than any block ever paid is no rate.
        let rate = rate.filter(|rate| *rate <= Amount::ONE_BTC);
        let rate = rate.ok_or_else(|| self.bad(format!("a fee rate of {btc}")))?;
        Ok(FeeRate::from_sat_per_kwu(rate.to_sat().div_ceil(4)))
    }
}
