//! Ways in which who passes a request on may alter it (T33).

use bitcoin::psbt::PsbtSighashType;
use bitcoin::{Amount, Psbt, ScriptBuf, Sequence, transaction};

/// What was done, in words, and how.
pub type Lie = (&'static str, Box<dyn Fn(&mut Psbt)>);

/// Twenty alterations of a request with two coins, one payment and its change at output `change`. Each
/// makes it another transaction, or one that can't be judged.
#[must_use]
pub fn lies(change: usize, thief: &ScriptBuf) -> Vec<Lie> {
    let lie = |what, alter: Box<dyn Fn(&mut Psbt)>| -> Lie { (what, alter) };
    let to = thief.clone();
    let pays = 1 - change;
    vec![
        lie("another recipient", {
            let to = to.clone();
            Box::new(move |p| p.unsigned_tx.output[pays].script_pubkey = to.clone())
        }),
        lie(
            "more to the recipient",
            Box::new(move |p| p.unsigned_tx.output[pays].value += Amount::from_sat(1)),
        ),
        lie(
            "less to the recipient",
            Box::new(move |p| p.unsigned_tx.output[pays].value -= Amount::from_sat(1)),
        ),
        lie(
            "less change, more fee",
            Box::new(move |p| p.unsigned_tx.output[change].value -= Amount::from_sat(9_000)),
        ),
        lie(
            "no change",
            Box::new(move |p| {
                p.unsigned_tx.output.remove(change);
                p.outputs.remove(change);
            }),
        ),
        lie("change to the thief, called change", {
            let to = to.clone();
            Box::new(move |p| p.unsigned_tx.output[change].script_pubkey = to.clone())
        }),
        lie("change to the thief, called a payment", {
            let to = to.clone();
            Box::new(move |p| {
                p.unsigned_tx.output[change].script_pubkey = to.clone();
                p.outputs[change] = Default::default();
            })
        }),
        lie("a third output", {
            let to = to.clone();
            Box::new(move |p| {
                p.unsigned_tx.output.push(bitcoin::TxOut {
                    value: Amount::from_sat(1_000),
                    script_pubkey: to.clone(),
                });
                p.outputs.push(Default::default());
            })
        }),
        lie(
            "outputs exchanged",
            Box::new(|p| {
                p.unsigned_tx.output.swap(0, 1);
                p.outputs.swap(0, 1);
            }),
        ),
        lie(
            "amounts exchanged",
            Box::new(|p| {
                let [a, b] = [p.unsigned_tx.output[0].value, p.unsigned_tx.output[1].value];
                p.unsigned_tx.output[0].value = b;
                p.unsigned_tx.output[1].value = a;
            }),
        ),
        lie(
            "a coin left out",
            Box::new(|p| {
                p.unsigned_tx.input.pop();
                p.inputs.pop();
            }),
        ),
        lie(
            "a coin twice",
            Box::new(|p| {
                p.unsigned_tx.input[1] = p.unsigned_tx.input[0].clone();
                p.inputs[1] = p.inputs[0].clone();
            }),
        ),
        lie(
            "a smaller amount of a coin",
            Box::new(|p| {
                p.inputs[0]
                    .witness_utxo
                    .as_mut()
                    .expect("two coins in full")
                    .value -= Amount::from_sat(50_000)
            }),
        ),
        lie(
            "a larger amount of a coin",
            Box::new(|p| {
                p.inputs[0]
                    .witness_utxo
                    .as_mut()
                    .expect("two coins in full")
                    .value += Amount::from_sat(50_000)
            }),
        ),
        lie(
            "no previous transaction",
            Box::new(|p| p.inputs[0].non_witness_utxo = None),
        ),
        lie(
            "another previous transaction",
            Box::new(|p| {
                p.inputs[0]
                    .non_witness_utxo
                    .as_mut()
                    .expect("two coins in full")
                    .output[0]
                    .value += Amount::from_sat(1)
            }),
        ),
        lie(
            "a sighash type that leaves outputs open",
            Box::new(|p| p.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(3))),
        ),
        lie(
            "another lock time",
            Box::new(|p| {
                p.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_height(499_999_999)
                    .expect("two coins in full")
            }),
        ),
        lie(
            "a sequence that forbids replacement",
            Box::new(|p| p.unsigned_tx.input[0].sequence = Sequence::MAX),
        ),
        lie(
            "another version",
            Box::new(|p| p.unsigned_tx.version = transaction::Version::ONE),
        ),
    ]
}
