//! Bytes for everybody to read: an output that holds no money and that nobody can spend (`OP_RETURN`).

use super::build::SpendError;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::{Builder, Instruction, PushBytesBuf};
use bitcoin::{Amount, Script, ScriptBuf, TxOut};

/// What nodes of every version relay and devices show.
pub const MAX_DATA: usize = 80;

pub(super) fn check(data: &[u8]) -> Result<(), SpendError> {
    if data.is_empty() || data.len() > MAX_DATA {
        return Err(SpendError::Data { bytes: data.len() });
    }
    Ok(())
}

/// The output that carries `data`.
pub(super) fn output(data: &[u8]) -> TxOut {
    // No longer than `MAX_DATA`, which was checked, so it can be pushed.
    let push = PushBytesBuf::try_from(data.to_vec()).unwrap_or_default();
    TxOut {
        value: Amount::ZERO,
        script_pubkey: Builder::new()
            .push_opcode(OP_RETURN)
            .push_slice(push)
            .into_script(),
    }
}

/// The bytes that an output carries, if it is one of this kind and carries one piece.
#[must_use]
pub fn data_of(script: &Script) -> Option<Vec<u8>> {
    let mut rest = script.instructions();
    match (rest.next()?.ok()?, rest.next()?.ok()?, rest.next()) {
        (Instruction::Op(op), Instruction::PushBytes(bytes), None) if op == OP_RETURN => {
            Some(bytes.as_bytes().to_vec())
        }
        _ => None,
    }
}

/// What such a script weighs in an output.
pub(super) fn script(data: &[u8]) -> ScriptBuf {
    output(data).script_pubkey
}
