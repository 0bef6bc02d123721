//! Every attack the signer must refuse, by its number in the list of checks. Each starts from a
//! PSBT that is signed without the change made to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::{Psbt, PsbtSighashType};
use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, TxOut};
use common::{Spend, describe_output, key, stranger, vault, vault_of};
use quorate_core::keychain::Keychain;
use quorate_core::spend::{FeeLimits, FeeRefusal};
use quorate_core::vault::Vault;
use quorate_signer::{ReviewError, SignError, review};

/// A 2-of-3 vault and a PSBT of it that alice signs.
fn good() -> (Vault, Psbt) {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let reviewed = review(&vault, &psbt).unwrap();
    key("alice").sign(&reviewed, FeeLimits::default()).unwrap();
    (vault, psbt)
}

fn refusal(vault: &Vault, psbt: &Psbt) -> ReviewError {
    let error = review(vault, psbt).expect_err("must be refused");
    let text = error.to_string();
    // One sentence, with a remedy after a colon or comma.
    assert!(text.contains([':', ',']) && !text.ends_with('.'), "{text}");
    error
}

#[test]
fn t08_change_to_a_stranger_with_our_derivation_is_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.output[1].script_pubkey = stranger();
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::FakeChange { output: 1, .. }
    ));
    // With the script alone, and with the derivation alone.
    let full = psbt.outputs[1].clone();
    psbt.outputs[1].bip32_derivation.clear();
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::FakeChange { output: 1, .. }
    ));
    psbt.outputs[1] = full;
    psbt.outputs[1].witness_script = None;
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::FakeChange { output: 1, .. }
    ));
    // Without any claim it is shown as what it is: a payment.
    psbt.outputs[1].bip32_derivation.clear();
    let reviewed = review(&vault, &psbt).unwrap();
    assert!(reviewed.summary().change.is_empty());
    assert_eq!(reviewed.summary().recipients.len(), 2);
}

#[test]
fn t08_change_to_another_vault_of_our_keys_is_refused() {
    let (vault, mut psbt) = good();
    // One key replaced, and the same keys under another policy.
    for other in [
        vault_of("2-of-3", &["alice", "bob", "mallory"]),
        vault_of("2-of-3-recovery", &["alice", "bob", "carol"]),
    ] {
        let back = other.derive(Keychain::Change, 4).unwrap();
        psbt.unsigned_tx.output[1].script_pubkey = back.script_pubkey.clone();
        describe_output(&mut psbt.outputs[1], &back);
        assert!(matches!(
            refusal(&vault, &psbt),
            ReviewError::FakeChange { output: 1, .. }
        ));
    }
}

#[test]
fn t08_change_at_another_index_than_claimed_is_refused() {
    let (vault, mut psbt) = good();
    let elsewhere = vault.derive(Keychain::Change, 5).unwrap();
    psbt.unsigned_tx.output[1].script_pubkey = elsewhere.script_pubkey;
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::FakeChange { output: 1, .. }
    ));
}

#[test]
fn t08_our_address_with_a_foreign_witness_script_is_refused() {
    let (vault, mut psbt) = good();
    psbt.outputs[1].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::FakeChange { output: 1, .. }
    ));
}

#[test]
fn t09_a_hardened_or_shortened_derivation_proves_nothing() {
    let (vault, mut psbt) = good();
    let full = psbt.outputs[1].bip32_derivation.clone();
    for bad in ["0h/4h", "1/4h", "1h/4", "4", "m"] {
        for (_, path) in psbt.outputs[1].bip32_derivation.values_mut() {
            *path = bad.parse().unwrap();
        }
        assert!(
            matches!(
                refusal(&vault, &psbt),
                ReviewError::FakeChange { output: 1, .. }
            ),
            "{bad}"
        );
    }
    psbt.outputs[1].bip32_derivation = full;
    review(&vault, &psbt).unwrap();
}

#[test]
fn t10_an_input_without_its_previous_transaction_is_refused() {
    let (vault, mut psbt) = good();
    psbt.inputs[1].non_witness_utxo = None;
    assert!(psbt.inputs[1].witness_utxo.is_some());
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::NoPreviousTransaction { input: 1 }
    ));
}

#[test]
fn t10_a_previous_transaction_of_another_id_is_refused() {
    let (vault, mut psbt) = good();
    let previous = psbt.inputs[0].non_witness_utxo.as_mut().unwrap();
    previous.output[1].value = Amount::from_sat(200_000_000);
    psbt.inputs[0].witness_utxo = Some(previous.output[1].clone());
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::WrongPreviousTransaction { input: 0, .. }
    ));
}

#[test]
fn t10_a_contradicting_witness_utxo_is_refused() {
    let (vault, psbt) = good();
    let mut inflated = psbt.clone();
    let utxo = inflated.inputs[0].witness_utxo.as_mut().unwrap();
    utxo.value = Amount::from_sat(u64::MAX);
    assert!(matches!(
        refusal(&vault, &inflated),
        ReviewError::UtxoContradiction { input: 0, .. }
    ));
    let mut other_script = psbt;
    let utxo = other_script.inputs[0].witness_utxo.as_mut().unwrap();
    utxo.script_pubkey = stranger();
    assert!(matches!(
        refusal(&vault, &other_script),
        ReviewError::UtxoContradiction { input: 0, .. }
    ));
}

#[test]
fn t10_an_output_that_the_previous_transaction_lacks_is_refused() {
    let (vault, mut psbt) = good();
    for vout in [2, u32::MAX] {
        psbt.unsigned_tx.input[0].previous_output.vout = vout;
        assert!(matches!(
            refusal(&vault, &psbt),
            ReviewError::NoSuchCoin { input: 0, .. }
        ));
    }
}

#[test]
fn t11_any_sighash_type_but_all_is_refused() {
    let (vault, mut psbt) = good();
    for bad in [0x00, 0x02, 0x03, 0x04, 0x81, 0x82, 0x83, 0x101, u32::MAX] {
        psbt.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(bad));
        assert!(
            matches!(
                refusal(&vault, &psbt),
                ReviewError::SighashType { input: 1, .. }
            ),
            "{bad:#x}"
        );
    }
    psbt.inputs[1].sighash_type = Some(EcdsaSighashType::All.into());
    review(&vault, &psbt).unwrap();
}

#[test]
fn t12_a_replaced_input_script_is_refused() {
    let (vault, psbt) = good();
    let other = ScriptBuf::from_bytes(vec![0x51]);
    let mut witness = psbt.clone();
    witness.inputs[0].witness_script = Some(other.clone());
    assert!(matches!(
        refusal(&vault, &witness),
        ReviewError::ForeignScript {
            input: 0,
            field: "witness script"
        }
    ));
    let mut redeem = psbt;
    redeem.inputs[1].redeem_script = Some(other);
    assert!(matches!(
        refusal(&vault, &redeem),
        ReviewError::ForeignScript {
            input: 1,
            field: "redeem script"
        }
    ));
}

#[test]
fn t14_a_coin_of_another_vault_among_ours_refuses_the_whole() {
    let (vault, _) = good();
    let other = vault_of("2-of-3", &["alice", "bob", "mallory"]);
    let theirs = Spend::default().psbt(&other);
    let mut psbt = Spend::default().psbt(&vault);
    psbt.inputs[1] = theirs.inputs[1].clone();
    psbt.unsigned_tx.input[1] = theirs.unsigned_tx.input[1].clone();
    let error = refusal(&vault, &psbt);
    assert!(
        matches!(error, ReviewError::ForeignInput { input: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("input 1"), "{error}");
    psbt.inputs[1].bip32_derivation.clear();
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::NoDerivation { input: 1 }
    ));
}

#[test]
fn t18_a_flood_of_false_hints_is_cut_off() {
    let (vault, mut psbt) = good();
    let (ours, (fingerprint, _)) = psbt.inputs[0].bip32_derivation.pop_last().unwrap();
    let mut last = psbt.inputs[0].bip32_derivation.split_off(&ours);
    last.insert(ours, (fingerprint, "0/3".parse().unwrap()));
    psbt.inputs[0].bip32_derivation = last;
    review(&vault, &psbt).unwrap();
    let secp = bitcoin::secp256k1::Secp256k1::new();
    for i in 1..=200u32 {
        let mut secret = [1; 32];
        secret[..4].copy_from_slice(&i.to_be_bytes());
        let secret = bitcoin::secp256k1::SecretKey::from_slice(&secret).unwrap();
        let path = format!("0/{}", 1000 + i).parse().unwrap();
        let key = secret.public_key(&secp);
        if key < ours {
            let fields = &mut psbt.inputs[0];
            fields.bip32_derivation.insert(key, (fingerprint, path));
        }
    }
    assert!(psbt.inputs[0].bip32_derivation.len() > 50);
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::ForeignInput { input: 0, .. }
    ));
}

#[test]
fn t13_a_final_input_is_not_signed_over() {
    let (vault, mut psbt) = good();
    psbt.inputs[1].final_script_witness = Some(bitcoin::Witness::new());
    let error = refusal(&vault, &psbt);
    assert!(
        matches!(error, ReviewError::AlreadyFinal { input: 1 }),
        "{error}"
    );
}

#[test]
fn t19_impossible_amounts_are_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.output[0].value = Amount::from_sat(u64::MAX);
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::ImpossibleAmount { side: "outputs" }
    ));
    let too_much = Amount::MAX_MONEY + Amount::from_sat(1);
    psbt.unsigned_tx.output[0].value = too_much;
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::ImpossibleAmount { side: "outputs" }
    ));
    psbt.unsigned_tx.output[0].value = Amount::from_sat(200_000_001);
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::Overspent { .. }
    ));
}

#[test]
fn t19_a_coin_counted_twice_is_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.input[1] = psbt.unsigned_tx.input[0].clone();
    psbt.inputs[1] = psbt.inputs[0].clone();
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::DuplicateInput { input: 1, .. }
    ));
}

#[test]
fn t19_lists_that_do_not_fit_are_refused() {
    let (vault, psbt) = good();
    for cut in 0..2 {
        let mut psbt = psbt.clone();
        match cut {
            0 => drop(psbt.inputs.pop()),
            _ => drop(psbt.outputs.pop()),
        }
        assert!(matches!(refusal(&vault, &psbt), ReviewError::Malformed));
    }
}

/// Signs a spend of one bitcoin that pays `paid` at `fee`, with and without the explicit word.
fn fee_verdict(spend: &Spend) -> Result<(), SignError> {
    let vault = vault("2-of-3");
    let psbt = spend.psbt(&vault);
    let reviewed = review(&vault, &psbt).unwrap();
    let allowed = FeeLimits {
        allow_high: true,
        ..FeeLimits::default()
    };
    key("alice").sign(&reviewed, allowed).unwrap();
    key("alice")
        .sign(&reviewed, FeeLimits::default())
        .map(|_| ())
}

fn one_coin(paid: u64, fee: u64) -> Spend {
    Spend {
        coins: vec![(Keychain::Receive, 3, Amount::ONE_BTC)],
        paid: Amount::from_sat(paid),
        fee: Amount::from_sat(fee),
        ..Spend::default()
    }
}

#[test]
fn t22_a_fee_above_a_tenth_of_the_spend_is_refused() {
    fee_verdict(&one_coin(100_000, 10_000)).unwrap();
    let error = fee_verdict(&one_coin(100_000, 10_001)).unwrap_err();
    assert!(
        matches!(error, SignError::HighFee(FeeRefusal::Share { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("allow"), "{error}");
    // Nothing paid to anybody is no division by zero.
    fee_verdict(&one_coin(0, 1_000)).unwrap();
    fee_verdict(&one_coin(100_000, 0)).unwrap();
}

#[test]
fn t22_a_rate_above_1000_sat_per_vb_is_refused() {
    let vault = vault("2-of-3");
    let psbt = one_coin(50_000_000, 1_000).psbt(&vault);
    let weight = review(&vault, &psbt).unwrap().summary().weight;
    // One satoshi is left to rounding.
    let most = 250 * weight.to_wu() + 1;
    fee_verdict(&one_coin(50_000_000, most)).unwrap();
    let error = fee_verdict(&one_coin(50_000_000, most + 1)).unwrap_err();
    assert!(
        matches!(error, SignError::HighFee(FeeRefusal::Rate { .. })),
        "{error}"
    );
}

#[test]
fn t22_a_consolidation_is_measured_by_what_comes_back() {
    let vault = vault("2-of-3");
    let verdict = |fee: u64| {
        let mut psbt = one_coin(0, fee).psbt(&vault);
        psbt.unsigned_tx.output.remove(0);
        psbt.outputs.remove(0);
        let reviewed = review(&vault, &psbt).unwrap();
        assert!(reviewed.summary().recipients.is_empty());
        reviewed.summary().check_fee(&FeeLimits::default())
    };
    verdict(100_000).unwrap();
    assert!(verdict(20_000_000).is_err());
}

#[test]
fn t36_money_burnt_in_op_return_is_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.output[0] = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: ScriptBuf::new_op_return([1, 2, 3]),
    };
    assert!(matches!(
        refusal(&vault, &psbt),
        ReviewError::Burn { output: 0, .. }
    ));
    psbt.unsigned_tx.output[0].value = Amount::ZERO;
    review(&vault, &psbt).unwrap();
}
