//! PSBTs of version 2 (BIP-0370): the transaction stands in pieces in the maps. Reading puts the
//! unsigned transaction of version 0 together, so that nothing behind it knows two versions;
//! writing takes it apart again.
//!
//! The flags that allow to add inputs or outputs are read over: a signature counts only for the
//! whole transaction as it is, and what we write allows no change.

use super::fields::{self, In, Out, global};
use super::raw::{RawMap, RawMaps, compact, exact_compact};
use super::wire::{MAX_INPUTS, MAX_OUTPUTS, WireError};
use bitcoin::hashes::Hash as _;
use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute,
    transaction,
};

/// Where consensus begins to read a lock time as a time.
const FIRST_TIME: u32 = absolute::LOCK_TIME_THRESHOLD;

/// Turns the maps of a file of version 2 into those of version 0.
pub(super) fn to_v0(mut maps: RawMaps) -> Result<RawMaps, WireError> {
    let Some((head, rest)) = maps.0.split_first_mut() else {
        return Err(WireError::Truncated { at: 0 });
    };
    if fields::has_type(head, global::UNSIGNED_TX) {
        return Err(bad("version 2 has no room for an unsigned transaction"));
    }
    let version = i32::from_le_bytes(required(head, global::TX_VERSION, "transaction version")?);
    let fallback = optional(head, global::FALLBACK_LOCKTIME, "fallback lock time")?;
    let inputs = count(head, global::INPUT_COUNT, "inputs", MAX_INPUTS)?;
    let outputs = count(head, global::OUTPUT_COUNT, "outputs", MAX_OUTPUTS)?;
    let _flags: Option<[u8; 1]> = optional(head, global::TX_MODIFIABLE, "flags")?;
    fields::check_count(rest.len(), inputs + outputs)?;
    let (ins, outs) = rest.split_at_mut(inputs);
    let mut locks = Vec::with_capacity(inputs);
    let mut tx = Transaction {
        version: transaction::Version(version),
        lock_time: absolute::LockTime::ZERO,
        input: Vec::with_capacity(inputs),
        output: Vec::with_capacity(outputs),
    };
    for map in ins {
        let (input, lock) = take_input(map)?;
        tx.input.push(input);
        locks.push(lock);
    }
    for map in outs {
        tx.output.push(take_output(map)?);
    }
    let fallback = fallback.map_or(0, u32::from_le_bytes);
    tx.lock_time = absolute::LockTime::from_consensus(lock_time(fallback, &locks)?);
    head.remove([global::VERSION].as_slice());
    let tx = fields::write_unsigned(&tx)?;
    head.insert(vec![global::UNSIGNED_TX], tx);
    Ok(maps)
}

/// Writes a PSBT as version 2. Lock time and sequences are said, no flag is set.
pub fn serialize_v2(psbt: &Psbt) -> Result<Vec<u8>, WireError> {
    let mut maps = RawMaps::read(&psbt.serialize(), usize::MAX)?;
    let tx = &psbt.unsigned_tx;
    fields::check_count(maps.0.len(), 1 + tx.input.len() + tx.output.len())?;
    let mut counts = [Vec::new(), Vec::new()];
    compact(&mut counts[0], tx.input.len());
    compact(&mut counts[1], tx.output.len());
    let [inputs, outputs] = counts;
    let (head, rest) = maps.0.split_at_mut(1);
    for head in head {
        head.remove([global::UNSIGNED_TX].as_slice());
        let lock_time = tx.lock_time.to_consensus_u32();
        head.extend([
            (vec![global::TX_VERSION], tx.version.0.to_le_bytes().into()),
            (
                vec![global::FALLBACK_LOCKTIME],
                lock_time.to_le_bytes().into(),
            ),
            (vec![global::INPUT_COUNT], inputs.clone()),
            (vec![global::OUTPUT_COUNT], outputs.clone()),
            (vec![global::VERSION], 2u32.to_le_bytes().into()),
        ]);
    }
    let (ins, outs) = rest.split_at_mut(tx.input.len());
    for (map, input) in ins.iter_mut().zip(&tx.input) {
        let OutPoint { txid, vout } = input.previous_output;
        map.extend([
            (vec![In::PREVIOUS_TXID], txid.to_byte_array().into()),
            (vec![In::OUTPUT_INDEX], vout.to_le_bytes().into()),
            (vec![In::SEQUENCE], input.sequence.0.to_le_bytes().into()),
        ]);
    }
    for (map, output) in outs.iter_mut().zip(&tx.output) {
        map.extend([
            (
                vec![Out::AMOUNT],
                output.value.to_sat().to_le_bytes().into(),
            ),
            (vec![Out::SCRIPT], output.script_pubkey.to_bytes()),
        ]);
    }
    Ok(maps.write())
}

/// The lock times that an input requires.
#[derive(Debug, Clone, Copy)]
struct Locks {
    time: Option<u32>,
    height: Option<u32>,
}

fn take_input(map: &mut RawMap) -> Result<(TxIn, Locks), WireError> {
    let txid = required(map, In::PREVIOUS_TXID, "previous transaction id")?;
    let vout = u32::from_le_bytes(required(map, In::OUTPUT_INDEX, "spent output's index")?);
    let sequence = optional(map, In::SEQUENCE, "sequence")?.map_or(u32::MAX, u32::from_le_bytes);
    let time = optional(map, In::TIME_LOCKTIME, "required time")?.map(u32::from_le_bytes);
    let height = optional(map, In::HEIGHT_LOCKTIME, "required height")?.map(u32::from_le_bytes);
    if time.is_some_and(|time| time < FIRST_TIME) {
        return Err(bad("a required time is a height"));
    }
    if height.is_some_and(|height| height == 0 || height >= FIRST_TIME) {
        return Err(bad("a required height is 0 or a time"));
    }
    let input = TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array(txid), vout),
        script_sig: ScriptBuf::new(),
        sequence: Sequence(sequence),
        witness: Witness::new(),
    };
    Ok((input, Locks { time, height }))
}

fn take_output(map: &mut RawMap) -> Result<TxOut, WireError> {
    // A negative amount is one above 21 million, which is refused where all amounts are looked at.
    let amount = u64::from_le_bytes(required(map, Out::AMOUNT, "amount")?);
    let script = take(map, Out::SCRIPT)?.ok_or_else(|| missing("script"))?;
    Ok(TxOut {
        value: Amount::from_sat(amount),
        script_pubkey: ScriptBuf::from_bytes(script),
    })
}

/// The transaction's lock time: the highest required one of the kind that every input which asks
/// for any can live with; a height if both kinds would do.
fn lock_time(fallback: u32, inputs: &[Locks]) -> Result<u32, WireError> {
    let asking: Vec<&Locks> = inputs
        .iter()
        .filter(|locks| locks.time.is_some() || locks.height.is_some())
        .collect();
    if asking.is_empty() {
        return Ok(fallback);
    }
    let all = |kind: fn(&Locks) -> Option<u32>| {
        let found: Option<Vec<u32>> = asking.iter().map(|locks| kind(locks)).collect();
        found.and_then(|found| found.into_iter().max())
    };
    all(|locks| locks.height)
        .or_else(|| all(|locks| locks.time))
        .ok_or_else(|| bad("one input requires a time and another a height, so no lock time does"))
}

fn bad(what: &str) -> WireError {
    WireError::BadField(what.to_owned())
}

fn missing(what: &str) -> WireError {
    WireError::BadField(format!("the {what}, which version 2 requires, is missing"))
}

/// Takes the field of a type that has no key data out of a map.
fn take(map: &mut RawMap, kind: u8) -> Result<Option<Vec<u8>>, WireError> {
    let value = map.remove([kind].as_slice());
    if fields::has_type(map, kind) {
        return Err(fields::key_data(kind));
    }
    Ok(value)
}

fn optional<const N: usize>(
    map: &mut RawMap,
    kind: u8,
    name: &str,
) -> Result<Option<[u8; N]>, WireError> {
    let Some(value) = take(map, kind)? else {
        return Ok(None);
    };
    let value = value
        .try_into()
        .map_err(|_| WireError::BadField(format!("its {name} hasn't got {N} bytes")))?;
    Ok(Some(value))
}

fn required<const N: usize>(map: &mut RawMap, kind: u8, name: &str) -> Result<[u8; N], WireError> {
    optional(map, kind, name)?.ok_or_else(|| missing(name))
}

fn count(map: &mut RawMap, kind: u8, what: &'static str, max: usize) -> Result<usize, WireError> {
    let value = take(map, kind)?.ok_or_else(|| missing(&format!("number of {what}")))?;
    let count = exact_compact(&value)?;
    match usize::try_from(count) {
        Ok(count) if count <= max => Ok(count),
        _ => Err(WireError::TooMany { what, max }),
    }
}
