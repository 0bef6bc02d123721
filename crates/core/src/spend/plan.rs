//! Who gets what, out of which coins, and what it costs.

use super::build::SpendError;
use super::goal::{Unserved, choose};
use super::recipients;
use super::request::{Recipient, Request, Send};
use super::select::{Choice, Costs, Shortage, Weights, settle, shortage};
use crate::vault::Vault;
use bitcoin::{Amount, ScriptBuf, TxOut, Weight};

/// Outpoint, sequence and the length byte of an empty script, in weight units.
const INPUT_BASE: u64 = 4 * (36 + 4 + 1);

/// The plan of a spend.
pub(super) struct Plan {
    pub(super) coins: Vec<usize>,
    pub(super) payments: Vec<TxOut>,
    pub(super) change: Option<Amount>,
}

fn weights(vault: &Vault, request: &Request<'_>, change: &ScriptBuf) -> Weights {
    let output = |script: &ScriptBuf| {
        TxOut {
            value: Amount::ZERO,
            script_pubkey: script.clone(),
        }
        .weight()
    };
    let data = request.wishes.data.map(super::data::script);
    let payments = request.recipients.iter();
    let payments: Weight = payments.map(|to| output(&to.address.script_pubkey())).sum();
    Weights {
        input: Weight::from_wu(INPUT_BASE) + vault.satisfaction_weight(request.path),
        outputs: payments + data.as_ref().map_or(Weight::ZERO, output),
        change: output(change),
        recipients: request.recipients.len() + usize::from(data.is_some()),
        is_segwit: vault.script_type().is_segwit(),
    }
}

/// Plans, and says what the transaction will weigh at the most.
pub(super) fn plan(
    vault: &Vault,
    request: &Request<'_>,
    change: &ScriptBuf,
) -> Result<(Plan, Weight), SpendError> {
    let sends = |wanted: fn(&Send) -> bool| request.recipients.iter().find(|to| wanted(&to.send));
    let costs = Costs {
        rate: request.fee_rate,
        weights: weights(vault, request, change),
        dust: change.minimal_non_dust(),
        recipients_pay: sends(|send| matches!(send, Send::LessFee(_))).is_some(),
        package: request.wishes.package,
    };
    let values: Vec<Amount> = request.coins.iter().map(|coin| coin.value).collect();
    let available = values
        .iter()
        .try_fold(Amount::ZERO, |sum, &value| sum.checked_add(value))
        .filter(|&sum| sum <= Amount::MAX_MONEY)
        .ok_or(SpendError::ImpossibleCoins)?;
    let short = |wanted, fee| SpendError::NotEnough {
        shortage: Shortage {
            wanted,
            fee,
            available,
        },
    };
    let wanted =
        wanted(request.recipients).ok_or_else(|| short(Amount::MAX_MONEY, Amount::ZERO))?;
    let all = || (0..values.len()).collect::<Vec<usize>>();
    let (choice, rest) = match sends(|send| *send == Send::All) {
        Some(sweep) => {
            let fee = costs.fee(values.len(), false);
            let rest = available
                .checked_sub(wanted)
                .and_then(|left| left.checked_sub(fee))
                .ok_or_else(|| short(wanted, fee))?;
            recipients::check_dust(&sweep.address, rest)?;
            let choice = Choice {
                coins: all(),
                change: None,
            };
            (choice, rest)
        }
        None if request.all_coins => {
            let shortage = SpendError::NotEnough {
                shortage: shortage(&values, wanted, &costs),
            };
            let choice = settle(&values, all(), wanted, &costs).ok_or(shortage)?;
            (choice, Amount::ZERO)
        }
        None => {
            let choice = choose(request.wishes.goal, request.coins, wanted, &costs);
            let choice = choice.map_err(|unserved| match unserved {
                Unserved::Short => SpendError::NotEnough {
                    shortage: shortage(&values, wanted, &costs),
                },
                Unserved::NoGroup(largest) => SpendError::NoGroup { wanted, largest },
            })?;
            (choice, Amount::ZERO)
        }
    };
    if choice.coins.is_empty() {
        return Err(short(wanted, Amount::ZERO));
    }
    let mut payments: Vec<TxOut> = request
        .recipients
        .iter()
        .map(|recipient| TxOut {
            value: match recipient.send {
                Send::Exactly(amount) | Send::LessFee(amount) => amount,
                Send::All => rest,
            },
            script_pubkey: recipient.address.script_pubkey(),
        })
        .collect();
    if costs.recipients_pay {
        let spent: Amount = choice.coins.iter().map(|&coin| values[coin]).sum();
        take_fee(request.recipients, &mut payments, &choice, spent, &costs)?;
    }
    let weight = costs
        .weights
        .total(choice.coins.len(), choice.change.is_some());
    let plan = Plan {
        coins: choice.coins,
        payments,
        change: choice.change,
    };
    Ok((plan, weight))
}

/// What the recipients get together, `all` not counted; `None` above 21 million.
fn wanted(recipients: &[Recipient]) -> Option<Amount> {
    recipients
        .iter()
        .try_fold(Amount::ZERO, |sum, recipient| match recipient.send {
            Send::Exactly(amount) | Send::LessFee(amount) => sum
                .checked_add(amount)
                .filter(|&sum| sum <= Amount::MAX_MONEY),
            Send::All => Some(sum),
        })
}

/// Takes the fee from those who were to pay it, in equal parts; the first one pays what can't be
/// divided, as in Bitcoin Core. What is too little for change pays the fee first.
fn take_fee(
    recipients: &[Recipient],
    payments: &mut [TxOut],
    choice: &Choice,
    spent: Amount,
    costs: &Costs,
) -> Result<(), SpendError> {
    let paid: Amount = payments.iter().map(|payment| payment.value).sum();
    let left = spent
        .checked_sub(paid + choice.change.unwrap_or_default())
        .unwrap_or_default();
    let fee = costs.fee(choice.coins.len(), choice.change.is_some());
    let fee = fee.checked_sub(left).unwrap_or_default().to_sat();
    let payers = recipients
        .iter()
        .zip(payments)
        .filter(|(to, _)| matches!(to.send, Send::LessFee(_)));
    let payers: Vec<_> = payers.collect();
    let count = payers.len().max(1) as u64;
    for (place, (to, payment)) in payers.into_iter().enumerate() {
        let share = fee / count + if place == 0 { fee % count } else { 0 };
        let rest = payment.value.checked_sub(Amount::from_sat(share));
        let rest = rest.unwrap_or_default();
        if recipients::check_dust(&to.address, rest).is_err() {
            return Err(SpendError::FeeEatsPayment {
                address: to.address.to_string(),
                left: rest,
            });
        }
        payment.value = rest;
    }
    Ok(())
}
