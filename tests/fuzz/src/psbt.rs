//! Files that come back from cosigners.

use super::check_refusal;
use bitcoin::{Network, Psbt};
use quorate_core::consensus::verify_transaction;
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{ForeignPsbt, admit, finalize, read, serialize_v2, to_base64};
use quorate_core::vault::Vault;
use std::sync::LazyLock;

/// The vaults and the proposals that every file is held against: P2WSH and taproot.
static FIXED: LazyLock<[(Vault, Proposal); 2]> = LazyLock::new(|| {
    [
        fixed(
            include_str!("../seeds/descriptor/2-of-3.txt"),
            include_bytes!("../seeds/psbt_import/request.psbt"),
        ),
        fixed(
            include_str!("../seeds/descriptor/taproot.txt"),
            include_bytes!("../seeds/psbt_import/taproot.psbt"),
        ),
    ]
});

fn fixed(descriptor: &str, request: &[u8]) -> (Vault, Proposal) {
    let vault = Vault::from_descriptor(Network::Regtest, descriptor, None).expect("our own");
    let request = read(request).expect("our own");
    let proposal = Proposal::check(&vault, request.psbt).expect("our own");
    (vault, proposal)
}

/// Reads bytes as a PSBT and admits its signatures to fixed proposals.
pub fn psbt_import(bytes: &[u8]) {
    let foreign = match read(bytes) {
        Ok(foreign) => foreign,
        Err(error) => return check_refusal(&error),
    };
    round_trip(&foreign);
    for (vault, proposal) in &*FIXED {
        hold_against(vault, proposal, &foreign);
    }
}

fn hold_against(vault: &Vault, proposal: &Proposal, foreign: &ForeignPsbt) {
    match Proposal::check(vault, foreign.psbt.clone()) {
        Ok(other) => assert!(other.fee() <= bitcoin::Amount::MAX_MONEY),
        Err(error) => check_refusal(&error),
    }
    let admission = match admit(proposal, foreign, &SignatureSet::new()) {
        Ok(admission) => admission,
        Err(error) => return check_refusal(&error),
    };
    for refused in &admission.refused {
        check_refusal(&refused.reason);
    }
    assert!(admission.known.is_empty());
    let kept: SignatureSet = (admission.new.iter())
        .map(|one| (one.slot, one.signature))
        .collect();
    assert_eq!(kept.len(), admission.new.len(), "one slot twice");
    // Again: all are known, none is new.
    let again = admit(proposal, foreign, &kept).expect("as before");
    assert!(again.new.is_empty());
    // Bitcoin Core's interpreter is the judge of what the signatures are worth.
    let signed = SignedInputs::of(proposal, &kept);
    match finalize(proposal, &kept) {
        Ok(done) => {
            assert!(signed.is_complete());
            verify_transaction(&done, &proposal.prevouts()).expect("valid");
        }
        Err(error) => {
            assert!(!signed.is_complete(), "{error}");
            check_refusal(&error);
        }
    }
}

/// What was read is written in every form and read back the same.
fn round_trip(foreign: &ForeignPsbt) {
    let same = |psbt: &Psbt, bytes: &[u8]| {
        let again = read(bytes).expect("our own");
        assert!(again.psbt == *psbt, "{psbt:?}\n{:?}", again.psbt);
        assert!(again.signatures.iter().all(Vec::is_empty));
    };
    same(&foreign.psbt, &foreign.psbt.serialize());
    same(&foreign.psbt, to_base64(&foreign.psbt).as_bytes());
    same(&foreign.psbt, &serialize_v2(&foreign.psbt).expect("sound"));
}
