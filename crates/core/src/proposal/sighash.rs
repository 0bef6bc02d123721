//! What the signatures of a proposal sign: our own transaction, amounts and scripts, never those of
//! a file. (BIP143 for segwit v0, BIP341 and BIP342 for taproot, the original rules before.)

use super::pinned::Proposal;
use crate::vault::Taproot;
use bitcoin::secp256k1::{Message, XOnlyPublicKey};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::taproot::{TapLeafHash, TapNodeHash};
use bitcoin::{EcdsaSighashType, TapSighashType, Transaction, TxOut};

/// Computes the messages of one proposal; what its inputs have in common is hashed once.
#[derive(Debug)]
pub struct Sighashes<'a> {
    proposal: &'a Proposal,
    cache: SighashCache<&'a Transaction>,
    prevouts: Vec<TxOut>,
}

impl<'a> Sighashes<'a> {
    /// For this proposal.
    #[must_use]
    pub fn new(proposal: &'a Proposal) -> Self {
        Self {
            proposal,
            cache: SighashCache::new(proposal.transaction()),
            prevouts: proposal.prevouts(),
        }
    }

    /// What an ECDSA signature of this input signs, with SIGHASH_ALL. `None` for taproot.
    pub fn ecdsa(&mut self, input: usize) -> Option<Message> {
        let coin = self.proposal.inputs().get(input)?;
        let all = EcdsaSighashType::All;
        if let Some(script) = &coin.derived.witness_script {
            let value = coin.prevout.value;
            let hash = self.cache.p2wsh_signature_hash(input, script, value, all);
            return hash.ok().map(Message::from);
        }
        let script = coin.derived.redeem_script.as_ref()?;
        let hash = self
            .cache
            .legacy_signature_hash(input, script, all.to_u32());
        hash.ok().map(Message::from)
    }

    /// What a Schnorr signature of this input signs: in a leaf, or by the internal key. `None` outside
    /// taproot, and for sighash types that don't cover the whole transaction.
    pub fn schnorr(
        &mut self,
        input: usize,
        leaf: Option<TapLeafHash>,
        kind: TapSighashType,
    ) -> Option<Message> {
        let coin = self.proposal.inputs().get(input)?;
        coin.derived.taproot.as_ref()?;
        if !matches!(kind, TapSighashType::Default | TapSighashType::All) {
            return None;
        }
        let prevouts = Prevouts::All(&self.prevouts);
        let hash = match leaf {
            Some(leaf) => self
                .cache
                .taproot_script_spend_signature_hash(input, &prevouts, leaf, kind),
            None => self
                .cache
                .taproot_key_spend_signature_hash(input, &prevouts, kind),
        };
        hash.ok().map(Message::from)
    }

    /// The root of the tree that the internal key of this input is tweaked by (BIP341).
    #[must_use]
    pub fn merkle_root(&self, input: usize) -> Option<TapNodeHash> {
        self.taproot(input)?.merkle_root
    }

    fn taproot(&self, input: usize) -> Option<&Taproot> {
        let input = self.proposal.inputs().get(input)?;
        input.derived.taproot.as_ref()
    }

    /// The key that verifies a Schnorr signature of this input by `key`: itself in a leaf, the
    /// output's for the internal key.
    #[must_use]
    pub fn schnorr_key(
        &self,
        input: usize,
        key: &crate::vault::DerivedKey,
    ) -> Option<XOnlyPublicKey> {
        let taproot = self.taproot(input)?;
        Some(match key.leaf {
            Some(_) => key.public_key.inner.x_only_public_key().0,
            None => taproot.output_key.to_x_only_public_key(),
        })
    }
}
