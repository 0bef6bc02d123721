//! What a node says about fees, and what it can't mean.

use super::fake::Fake;
use super::*;

/// A node that gives this answer to every question.
fn saying(answer: Value) -> CoreRpc {
    client(&Fake::answering(move |_, _| Ok(answer.clone())))
}

#[test]
fn rates_are_read_and_rounded_up() {
    // 12.345 sat/vB are 3086.25 sat for a thousand weight units.
    let estimate = saying(json!({"feerate": 0.000_123_45, "blocks": 6}));
    let rate = estimate.fee_rate(6).unwrap().unwrap();
    assert_eq!(rate.to_sat_per_kwu(), 3_087);
    // Too little seen: no answer, which isn't an error.
    let silent = saying(json!({"errors": ["Insufficient data or no feerate found"], "blocks": 6}));
    assert_eq!(silent.fee_rate(6).unwrap(), None);
    let floor = saying(json!({"mempoolminfee": 0.000_02, "minrelaytxfee": 0.000_001}));
    assert_eq!(floor.relay_floor().unwrap().unwrap().to_sat_per_kwu(), 500);
}

#[test]
fn a_package_is_what_waits_with_its_ancestors() {
    let txid = Txid::all_zeros();
    let entry = saying(json!({"ancestorsize": 300, "fees": {"ancestor": 0.000_006}}));
    let package = entry.package(&txid).unwrap().unwrap();
    assert_eq!((package.weight.to_wu(), package.fee.to_sat()), (1_200, 600));
    let gone = Fake::answering(|_, _| Err((-5, "Transaction not in mempool".to_owned())));
    assert_eq!(client(&gone).package(&txid).unwrap(), None);
}

#[test]
fn t29_fees_that_cannot_be_are_refused() {
    for rate in [json!(-0.000_1), json!(1.5), json!(1e300)] {
        let error = saying(json!({"feerate": rate, "blocks": 6}))
            .fee_rate(6)
            .unwrap_err();
        assert!(matches!(error, ChainError::BadAnswer { .. }), "{error}");
    }
    for (size, fee) in [
        (300, json!(-1)),
        (9_999_999_999_u64, json!(0.1)),
        (u64::MAX, json!(0.1)),
    ] {
        let entry = saying(json!({"ancestorsize": size, "fees": {"ancestor": fee}}));
        let error = entry.package(&Txid::all_zeros()).unwrap_err();
        assert!(matches!(error, ChainError::BadAnswer { .. }), "{error}");
    }
}
