//! Every attack the signer must refuse, by its number in the list of checks. Each starts from a
//! PSBT that is signed without the change made to it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::{Output, Psbt, PsbtSighashType, raw};
use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, Sequence, TxOut, XOnlyPublicKey};
use common::{Spend, describe_output, key, stranger, vault, vault_of};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{PinError, Proposal, UtxoFault};
use quorate_core::spend::{BurnRefusal, FeeLimits, FeeRefusal, Finding, review};
use quorate_core::vault::Vault;
use quorate_signer::{SignError, Signed, examine};

/// All that a cosigner does with a file, without looking at it.
fn sign(vault: &Vault, psbt: &Psbt, fees: &FeeLimits) -> Result<Signed, SignError> {
    let proposal = check(vault, psbt);
    let signed = key("alice").sign(vault, &proposal, psbt, fees);
    // What is refused whatever the key, is refused before the key is there.
    assert_eq!(
        signed.as_ref().map(|_| ()).map_err(ToString::to_string),
        examine(vault, &proposal, psbt, fees).map_err(|error| error.to_string())
    );
    signed
}

/// A 2-of-3 vault and a PSBT of it that alice signs.
fn good() -> (Vault, Psbt) {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    sign(&vault, &psbt, &FeeLimits::default()).unwrap();
    (vault, psbt)
}

/// One sentence, with a remedy after a colon or comma.
fn is_sentence(error: &impl ToString) {
    let text = error.to_string();
    assert!(text.contains([':', ',']) && !text.ends_with('.'), "{text}");
}

fn check(vault: &Vault, psbt: &Psbt) -> Proposal {
    Proposal::check(vault, psbt.clone()).unwrap()
}

fn refusal(vault: &Vault, psbt: &Psbt) -> PinError {
    let error = Proposal::check(vault, psbt.clone()).expect_err("must be refused");
    is_sentence(&error);
    error
}

/// Refused by the signer although it is a spend of the vault.
fn sign_refusal(vault: &Vault, psbt: &Psbt) -> SignError {
    let error = sign(vault, psbt, &FeeLimits::default()).expect_err("must be refused");
    is_sentence(&error);
    error
}

#[test]
fn t08_change_to_a_stranger_with_our_derivation_is_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.output[1].script_pubkey = stranger();
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::FakeChange { output: 1, .. }
    ));
    // With the script alone, and with the derivation alone.
    let full = psbt.outputs[1].clone();
    psbt.outputs[1].bip32_derivation.clear();
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::FakeChange { output: 1, .. }
    ));
    psbt.outputs[1] = full;
    psbt.outputs[1].witness_script = None;
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::FakeChange { output: 1, .. }
    ));
    // Without any claim it is shown as what it is: a payment.
    psbt.outputs[1].bip32_derivation.clear();
    let shown = review(&vault, &check(&vault, &psbt), None);
    assert!(shown.change.is_empty());
    assert_eq!(shown.recipients.len(), 2);
    assert!(shown.recipients.iter().all(|to| to.ours.is_none()));
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
            PinError::FakeChange { output: 1, .. }
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
        PinError::FakeChange { output: 1, .. }
    ));
}

#[test]
fn t08_our_address_with_a_foreign_witness_script_is_refused() {
    let (vault, mut psbt) = good();
    psbt.outputs[1].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::FakeChange { output: 1, .. }
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
                PinError::FakeChange { output: 1, .. }
            ),
            "{bad}"
        );
    }
    psbt.outputs[1].bip32_derivation = full;
    check(&vault, &psbt);
}

#[test]
fn t10_an_input_without_its_previous_transaction_is_refused() {
    let (vault, mut psbt) = good();
    psbt.inputs[1].non_witness_utxo = None;
    assert!(psbt.inputs[1].witness_utxo.is_some());
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::NoPreviousTransaction { input: 1 }
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
        PinError::PreviousTransaction {
            input: 0,
            fault: UtxoFault::OtherTransaction { .. }
        }
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
        PinError::PreviousTransaction {
            input: 0,
            fault: UtxoFault::Contradiction { .. }
        }
    ));
    let mut other_script = psbt;
    let utxo = other_script.inputs[0].witness_utxo.as_mut().unwrap();
    utxo.script_pubkey = stranger();
    assert!(matches!(
        refusal(&vault, &other_script),
        PinError::PreviousTransaction {
            input: 0,
            fault: UtxoFault::Contradiction { .. }
        }
    ));
}

#[test]
fn t10_an_output_that_the_previous_transaction_lacks_is_refused() {
    let (vault, mut psbt) = good();
    for vout in [2, u32::MAX] {
        psbt.unsigned_tx.input[0].previous_output.vout = vout;
        assert!(matches!(
            refusal(&vault, &psbt),
            PinError::PreviousTransaction {
                input: 0,
                fault: UtxoFault::NoSuchOutput { .. }
            }
        ));
    }
}

#[test]
fn t11_any_sighash_type_but_all_is_refused() {
    let (vault, mut psbt) = good();
    for bad in [0x00, 0x02, 0x03, 0x04, 0x81, 0x82, 0x83, 0x101, u32::MAX] {
        psbt.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(bad));
        assert!(
            matches!(refusal(&vault, &psbt), PinError::Sighash { input: 1, .. }),
            "{bad:#x}"
        );
    }
    psbt.inputs[1].sighash_type = Some(EcdsaSighashType::All.into());
    check(&vault, &psbt);
}

#[test]
fn t12_a_replaced_input_script_is_refused() {
    let (vault, psbt) = good();
    let other = ScriptBuf::from_bytes(vec![0x51]);
    let mut witness = psbt.clone();
    witness.inputs[0].witness_script = Some(other.clone());
    assert!(matches!(
        refusal(&vault, &witness),
        PinError::ForeignScript {
            input: 0,
            field: "witness script"
        }
    ));
    let mut redeem = psbt;
    redeem.inputs[1].redeem_script = Some(other);
    assert!(matches!(
        refusal(&vault, &redeem),
        PinError::ForeignScript {
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
        matches!(error, PinError::NotOurCoin { input: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("input 1"), "{error}");
    psbt.inputs[1].bip32_derivation.clear();
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::NoDerivation { input: 1, .. }
    ));
}

#[test]
fn t18_a_flood_of_false_hints_is_cut_off() {
    let (vault, mut psbt) = good();
    let (ours, (fingerprint, _)) = psbt.inputs[0].bip32_derivation.pop_last().unwrap();
    let mut last = psbt.inputs[0].bip32_derivation.split_off(&ours);
    last.insert(ours, (fingerprint, "0/3".parse().unwrap()));
    psbt.inputs[0].bip32_derivation = last;
    check(&vault, &psbt);
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
        PinError::NotOurCoin { input: 0, .. }
    ));
}

#[test]
fn t13_a_final_input_is_not_signed_over() {
    let (vault, mut psbt) = good();
    psbt.inputs[1].final_script_witness = Some(bitcoin::Witness::new());
    let error = sign_refusal(&vault, &psbt);
    assert!(
        matches!(error, SignError::AlreadyFinal { input: 1 }),
        "{error}"
    );
}

#[test]
fn t19_impossible_amounts_are_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.output[0].value = Amount::from_sat(u64::MAX);
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::ImpossibleAmount { side: "outputs" }
    ));
    let too_much = Amount::MAX_MONEY + Amount::from_sat(1);
    psbt.unsigned_tx.output[0].value = too_much;
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::ImpossibleAmount { side: "outputs" }
    ));
    psbt.unsigned_tx.output[0].value = Amount::from_sat(200_000_001);
    assert!(matches!(refusal(&vault, &psbt), PinError::Overspent));
}

#[test]
fn t19_a_coin_counted_twice_is_refused() {
    let (vault, mut psbt) = good();
    psbt.unsigned_tx.input[1] = psbt.unsigned_tx.input[0].clone();
    psbt.inputs[1] = psbt.inputs[0].clone();
    assert!(matches!(
        refusal(&vault, &psbt),
        PinError::DuplicateInput { input: 1 }
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
        assert!(matches!(refusal(&vault, &psbt), PinError::Malformed));
    }
}

/// Signs a spend of one bitcoin that pays `paid` at `fee`, with and without the explicit word.
fn fee_verdict(spend: &Spend) -> Result<(), SignError> {
    let vault = vault("2-of-3");
    let psbt = spend.psbt(&vault);
    let allowed = FeeLimits {
        allow_high: true,
        ..FeeLimits::default()
    };
    sign(&vault, &psbt, &allowed).unwrap();
    sign(&vault, &psbt, &FeeLimits::default()).map(|_| ())
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
    let weight = review(&vault, &check(&vault, &psbt), None).weight;
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
        let shown = review(&vault, &check(&vault, &psbt), None);
        assert!(shown.recipients.is_empty());
        sign(&vault, &psbt, &FeeLimits::default()).map(|_| ())
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
        sign_refusal(&vault, &psbt),
        SignError::Burn(BurnRefusal { output: 0, .. })
    ));
    let shown = review(&vault, &check(&vault, &psbt), None);
    assert!(shown.findings.contains(&Finding::Burn { output: 0 }));
    // Data that carries nothing burns nothing.
    psbt.unsigned_tx.output[0].value = Amount::ZERO;
    psbt.unsigned_tx.output[1].value += Amount::from_sat(50_000_000);
    sign(&vault, &psbt, &FeeLimits::default()).unwrap();
}

#[test]
fn t17_a_psbt_that_changed_after_the_check_is_refused() {
    let (vault, psbt) = good();
    let proposal = check(&vault, &psbt);
    let unknown = raw::Key {
        type_value: 0xf0,
        key: vec![1],
    };
    let changes: [&dyn Fn(&mut Psbt); 8] = [
        &|psbt| psbt.unsigned_tx.output[0].script_pubkey = ScriptBuf::new(),
        &|psbt| psbt.unsigned_tx.input[1].sequence = Sequence::MAX,
        &|psbt| psbt.inputs[0].witness_script = Some(ScriptBuf::new()),
        &|psbt| psbt.inputs[1].sighash_type = Some(EcdsaSighashType::None.into()),
        &|psbt| psbt.inputs[1].non_witness_utxo = None,
        &|psbt| psbt.outputs[1].bip32_derivation.clear(),
        &|psbt| drop(psbt.inputs.pop()),
        &|psbt| drop(psbt.unknown.insert(unknown.clone(), vec![7])),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = psbt.clone();
        change(&mut changed);
        let fees = FeeLimits::default();
        let error = key("alice").sign(&vault, &proposal, &changed, &fees);
        let error = error.expect_err("must be refused");
        is_sentence(&error);
        assert!(
            matches!(error, SignError::OtherRequest),
            "{number}: {error}"
        );
    }
}

#[test]
fn t17_a_proposal_of_another_vault_of_ours_is_refused() {
    let (vault, psbt) = good();
    let proposal = check(&vault, &psbt);
    let other = vault_of("2-of-3", &["alice", "bob", "mallory"]);
    let error = key("alice").sign(&other, &proposal, &psbt, &FeeLimits::default());
    let error = error.expect_err("must be refused");
    is_sentence(&error);
    assert!(matches!(error, SignError::OtherVault { .. }), "{error}");
}

#[test]
fn t08_every_field_that_claims_an_output_is_held_to_it() {
    let (vault, psbt) = good();
    let any = XOnlyPublicKey::from_slice(&[2; 32]).unwrap();
    let claims: [fn(&mut Output, XOnlyPublicKey); 4] = [
        |fields, _| fields.redeem_script = Some(ScriptBuf::new()),
        |fields, _| fields.witness_script = Some(ScriptBuf::new()),
        |fields, key| fields.tap_internal_key = Some(key),
        |fields, key| drop(fields.tap_key_origins.insert(key, Default::default())),
    ];
    for (number, claim) in claims.into_iter().enumerate() {
        // On a payment to a stranger.
        let mut claimed = psbt.clone();
        claim(&mut claimed.outputs[0], any);
        assert!(
            matches!(
                refusal(&vault, &claimed),
                PinError::FakeChange { output: 0, .. }
            ),
            "{number}"
        );
    }
}

#[test]
fn a_coin_whose_place_is_not_told_is_told_from_a_foreign_one() {
    let (vault, psbt) = good();
    for bad in ["0h/3h", "0/3h", "3", "m"] {
        let mut psbt = psbt.clone();
        for (_, path) in psbt.inputs[0].bip32_derivation.values_mut() {
            *path = bad.parse().unwrap();
        }
        let error = refusal(&vault, &psbt);
        assert!(
            matches!(error, PinError::NoDerivation { input: 0, .. }),
            "{bad}: {error}"
        );
        assert!(error.to_string().contains("derivations"), "{error}");
    }
    let mut elsewhere = psbt;
    for (_, path) in elsewhere.inputs[0].bip32_derivation.values_mut() {
        *path = "0/30".parse().unwrap();
    }
    assert!(matches!(
        refusal(&vault, &elsewhere),
        PinError::NotOurCoin { input: 0, .. }
    ));
}

#[test]
fn t19_an_unsigned_transaction_that_is_signed_is_refused() {
    let (vault, psbt) = good();
    let mut script = psbt.clone();
    script.unsigned_tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    assert_eq!(refusal(&vault, &script), PinError::NotUnsigned { input: 0 });
    let mut witness = psbt.clone();
    witness.unsigned_tx.input[1].witness.push([1]);
    assert_eq!(
        refusal(&vault, &witness),
        PinError::NotUnsigned { input: 1 }
    );
    for cut in 0..2 {
        let mut empty = psbt.clone();
        match cut {
            0 => {
                empty.inputs.clear();
                empty.unsigned_tx.input.clear();
            }
            _ => {
                empty.outputs.clear();
                empty.unsigned_tx.output.clear();
            }
        }
        assert!(matches!(refusal(&vault, &empty), PinError::Empty(_)));
    }
}

#[test]
fn t08_what_returns_on_the_receive_chain_is_shown_as_ours_and_is_no_spend() {
    let vault = vault("2-of-3");
    let back = Spend {
        change: Some((Keychain::Receive, 9)),
        ..one_coin(100_000, 10_000)
    };
    let shown = review(&vault, &check(&vault, &back.psbt(&vault)), None);
    // Nobody's wallet sends its change there unasked, so it isn't called change.
    assert!(shown.change.is_empty());
    let ours: Vec<_> = shown.recipients.iter().map(|to| to.ours).collect();
    assert_eq!(ours, [None, Some((Keychain::Receive, 9))]);
    // The fee is held against what leaves: a bitcoin to ourselves doesn't make it small.
    assert_eq!(shown.sent(), Amount::from_sat(100_000));
    assert_eq!(shown.fee_basis(), Amount::from_sat(100_000));
    fee_verdict(&back).unwrap();
    let dear = Spend {
        change: Some((Keychain::Receive, 9)),
        ..one_coin(100_000, 10_001)
    };
    let error = fee_verdict(&dear).unwrap_err();
    assert!(
        matches!(error, SignError::HighFee(FeeRefusal::Share { .. })),
        "{error}"
    );
    // When the file doesn't say that it is ours, it is shown as a stranger's.
    let mut silent = back.psbt(&vault);
    silent.outputs[1] = Output::default();
    let shown = review(&vault, &check(&vault, &silent), None);
    assert!(shown.recipients.iter().all(|to| to.ours.is_none()));
    // All of it to ourselves: nothing leaves, the fee is held against what comes back.
    let mut inside = back.psbt(&vault);
    inside.unsigned_tx.output.remove(0);
    inside.outputs.remove(0);
    let shown = review(&vault, &check(&vault, &inside), None);
    assert_eq!(shown.sent(), Amount::ZERO);
    assert_eq!(shown.fee_basis(), inside.unsigned_tx.output[0].value);
    assert!(shown.findings.contains(&Finding::StaysInside));
}

#[test]
fn signatures_so_far_make_no_other_request() {
    let (vault, psbt) = good();
    let proposal = check(&vault, &psbt);
    let fees = FeeLimits::default();
    let bob = key("bob").sign(&vault, &proposal, &psbt, &fees).unwrap();
    assert_eq!(check(&vault, &bob.psbt).id(), proposal.id());
    // Checked from the bare file, signed in the one that went round.
    let both = key("alice").sign(&vault, &proposal, &bob.psbt, &fees);
    assert_eq!(both.unwrap().psbt.inputs[0].partial_sigs.len(), 2);
}
