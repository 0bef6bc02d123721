//! A vault with coins, its cosigners' private keys, and proposals to sign.

use super::{NAMES, vault};
use bitcoin::bip32::{DerivationPath, Xpriv};
use bitcoin::key::{Keypair, TapTweak};
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{
    Address, Amount, EcdsaSighashType, FeeRate, Network, OutPoint, Psbt, PublicKey, ScriptBuf,
    Sequence, TapSighashType, Transaction, TxIn, TxOut, absolute, ecdsa, psbt, taproot,
    transaction,
};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, Signature, SignatureSet};
use quorate_core::psbt::{Admission, ForeignPsbt, admit, read};
use quorate_core::spend::{
    Available, FeeLimits, Previous, Recipient, Request, Send, SpendError, Wishes, propose,
};
use quorate_core::vault::{Derived, DerivedKey, Vault};
use std::collections::BTreeMap;

/// A vault whose coins come from made-up transactions.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) vault: Vault,
    pub(crate) coins: Vec<Available>,
    pub(crate) previous: Known,
}

#[derive(Debug, Default)]
pub(crate) struct Known(pub(crate) BTreeMap<bitcoin::Txid, Transaction>);

impl Previous for Known {
    fn transaction(&self, outpoint: OutPoint) -> Option<Transaction> {
        self.0.get(&outpoint.txid).cloned()
    }
}

impl World {
    /// A vault of a built-in policy with one coin for each of `values`.
    pub(crate) fn new(policy: &str, values: &[u64]) -> Self {
        Self::of(vault(policy), values)
    }

    /// The same for any vault.
    pub(crate) fn of(vault: Vault, values: &[u64]) -> Self {
        let mut world = Self {
            vault,
            coins: Vec::new(),
            previous: Known::default(),
        };
        for (index, &value) in (0u32..).zip(values) {
            world.add_coin(index, value);
        }
        world
    }

    fn add_coin(&mut self, index: u32, value: u64) {
        let script = self
            .vault
            .derive(Keychain::Receive, index)
            .unwrap()
            .script_pubkey;
        let funding = Transaction {
            version: transaction::Version::TWO,
            lock_time: absolute::LockTime::from_consensus(index),
            input: vec![TxIn::default()],
            output: vec![
                TxOut {
                    value: Amount::from_sat(777),
                    script_pubkey: ScriptBuf::new(),
                },
                TxOut {
                    value: Amount::from_sat(value),
                    script_pubkey: script,
                },
            ],
        };
        let txid = funding.compute_txid();
        self.previous.0.insert(txid, funding);
        self.coins.push(Available {
            outpoint: OutPoint { txid, vout: 1 },
            value: Amount::from_sat(value),
            keychain: Keychain::Receive,
            index,
            height: Some(100),
            group: 0,
        });
    }

    pub(crate) fn request<'a>(&'a self, recipients: &'a [Recipient], sat_vb: u64) -> Request<'a> {
        Request {
            recipients,
            fee_rate: FeeRate::from_sat_per_vb(sat_vb).unwrap(),
            path: 0,
            coins: &self.coins,
            all_coins: false,
            change_index: 0,
            tip: 150,
            entropy: [7; 32],
            limits: FeeLimits::default(),
            wishes: Wishes::default(),
            previous: &self.previous,
        }
    }

    /// Spends `sats` to a stranger at 2 sat/vB.
    pub(crate) fn spend(&self, sats: u64) -> Result<Proposal, SpendError> {
        let recipients = [pay(sats)];
        propose(&self.vault, &self.request(&recipients, 2))
    }

    /// A proposal that spends every coin.
    pub(crate) fn spend_all_coins(&self) -> Proposal {
        let recipients = [Recipient {
            address: stranger(1),
            send: Send::All,
        }];
        propose(&self.vault, &self.request(&recipients, 2)).unwrap()
    }

    /// The proposal's request with this cosigner's signatures on every input.
    pub(crate) fn sign(&self, proposal: &Proposal, cosigner: usize) -> Psbt {
        let mut psbt = proposal.psbt().clone();
        self.sign_into(&mut psbt, proposal, cosigner);
        psbt
    }

    pub(crate) fn sign_into(&self, psbt: &mut Psbt, proposal: &Proposal, cosigner: usize) {
        for input in 0..proposal.inputs().len() {
            let coin = &proposal.inputs()[input].derived;
            for (key, signature) in self.signatures(proposal, input, cosigner) {
                put_signature(&mut psbt.inputs[input], coin, key, signature);
            }
        }
    }

    /// This cosigner's valid signatures for one input: one for each of its keys in the script.
    pub(crate) fn signatures(
        &self,
        proposal: &Proposal,
        input: usize,
        cosigner: usize,
    ) -> Vec<(PublicKey, Signature)> {
        let coin = &proposal.inputs()[input];
        let keys = coin.derived.keys.iter();
        let keys = keys.filter(|key| key.cosigner == cosigner);
        keys.map(|key| {
            let private = private_key(&self.vault, cosigner, &key.path);
            let signature = sign(proposal, input, key, &private, TapSighashType::Default);
            (key.public_key, signature)
        })
        .collect()
    }

    pub(crate) fn admit(&self, proposal: &Proposal, psbt: &Psbt) -> Admission {
        admit(proposal, &foreign(psbt), &SignatureSet::new()).unwrap()
    }
}

/// Signs as BIP143, BIP341 or the rules before segwit ask for, by the libraries alone.
pub(crate) fn sign(
    proposal: &Proposal,
    input: usize,
    key: &DerivedKey,
    private: &SecretKey,
    kind: TapSighashType,
) -> Signature {
    let secp = Secp256k1::new();
    let coin = &proposal.inputs()[input];
    let mut cache = SighashCache::new(proposal.transaction());
    let all = EcdsaSighashType::All;
    let message = match (&coin.derived.witness_script, &coin.derived.redeem_script) {
        (Some(script), _) => Message::from(
            cache
                .p2wsh_signature_hash(input, script, coin.prevout.value, all)
                .unwrap(),
        ),
        (None, Some(script)) => Message::from(
            cache
                .legacy_signature_hash(input, script, all.to_u32())
                .unwrap(),
        ),
        (None, None) => {
            let prevouts = proposal.prevouts();
            let prevouts = Prevouts::All(&prevouts);
            let leaf = key.leaf.map(|leaf| (leaf, 0xffff_ffff));
            let hash = cache
                .taproot_signature_hash(input, &prevouts, None, leaf, kind)
                .unwrap();
            let mut pair = Keypair::from_secret_key(&secp, private);
            if key.leaf.is_none() {
                let root = coin.derived.taproot.as_ref().unwrap().merkle_root;
                pair = pair.tap_tweak(&secp, root).to_keypair();
            }
            return Signature::Schnorr(taproot::Signature {
                signature: secp.sign_schnorr_no_aux_rand(&Message::from(hash), &pair),
                sighash_type: kind,
            });
        }
    };
    Signature::Ecdsa(ecdsa::Signature {
        signature: secp.sign_ecdsa(&message, private),
        sighash_type: all,
    })
}

/// Writes a signature into the field of its kind.
pub(crate) fn put_signature(
    fields: &mut psbt::Input,
    coin: &Derived,
    key: PublicKey,
    signature: Signature,
) {
    match signature {
        Signature::Ecdsa(signature) => {
            fields.partial_sigs.insert(key, signature);
        }
        Signature::Schnorr(signature) => {
            let known = coin.keys.iter().find(|known| known.public_key == key);
            match known.unwrap().leaf {
                Some(leaf) => {
                    let key = key.inner.x_only_public_key().0;
                    fields.tap_script_sigs.insert((key, leaf), signature);
                }
                None => fields.tap_key_sig = Some(signature),
            }
        }
    }
}

/// The ECDSA signature that it is.
pub(crate) fn ecdsa_of(signature: &Signature) -> ecdsa::Signature {
    match signature {
        Signature::Ecdsa(signature) => *signature,
        Signature::Schnorr(_) => panic!("not an ECDSA signature"),
    }
}

/// The private key at `path` of the cosigner whom [`NAMES`] lists; cosigners keep their names.
pub(crate) fn private_key(
    vault: &Vault,
    cosigner: usize,
    path: &DerivationPath,
) -> bitcoin::secp256k1::SecretKey {
    let name = &vault.cosigners()[cosigner].name;
    let seed = NAMES.iter().position(|known| known == name).unwrap();
    let master =
        Xpriv::new_master(Network::Regtest, &[u8::try_from(seed).unwrap() + 1; 32]).unwrap();
    master
        .derive_priv(&Secp256k1::new(), path)
        .unwrap()
        .private_key
}

/// Through the wire, as a file would come.
pub(crate) fn foreign(psbt: &Psbt) -> ForeignPsbt {
    read(&psbt.serialize()).unwrap()
}

pub(crate) fn kept(admission: &Admission) -> SignatureSet {
    admission
        .new
        .iter()
        .map(|one| (one.slot, one.signature))
        .collect()
}

/// An address that isn't the vault's.
pub(crate) fn stranger(number: u8) -> Address {
    let script = ScriptBuf::from_bytes(vec![0x51, number]);
    Address::p2wsh(&script, Network::Regtest)
}

pub(crate) fn pay(sats: u64) -> Recipient {
    Recipient {
        address: stranger(1),
        send: Send::Exactly(Amount::from_sat(sats)),
    }
}

pub(crate) const FINAL: Sequence = Sequence::MAX;
