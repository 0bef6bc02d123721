#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::consensus::{check_scripts, for_core, verify_finished_with, verify_transaction};
use crate::workers::Alone;
use bitcoin::absolute::LockTime;
use bitcoin::key::TapTweak;
use bitcoin::secp256k1::{All, Secp256k1, SecretKey};
use bitcoin::{
    Amount, OutPoint, PublicKey, ScriptBuf, Txid, XOnlyPublicKey, absolute, ecdsa, relative,
    taproot,
};
use miniscript::{Descriptor, Satisfier};
use std::collections::BTreeMap;

const NUMS: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

/// Descriptors with keys A, B, C and the nothing-up-my-sleeve point N; of a lock, 3.
const KINDS: [&str; 10] = [
    "wsh(sortedmulti(2,A,B,C))",
    "wsh(multi(2,A,B,C))",
    "sh(wsh(sortedmulti(2,A,B,C)))",
    "sh(sortedmulti(2,A,B,C))",
    "tr(N,multi_a(2,A,B,C))",
    "tr(N,{and_v(v:pk(A),pk(B)),and_v(v:pk(C),older(3))})",
    "tr(A,and_v(v:pk(B),older(3)))",
    "wsh(or_d(multi(3,A,B,C),and_v(v:pkh(A),older(3))))",
    "wsh(andor(pk(A),older(3),and_v(v:pkh(C),after(3))))",
    "wsh(thresh(3,pk(A),s:pk(B),s:pk(C),sln:after(3)))",
];

struct Coins {
    secp: Secp256k1<All>,
    secrets: BTreeMap<XOnlyPublicKey, SecretKey>,
    descriptors: Vec<Descriptor<PublicKey>>,
    prevouts: Vec<TxOut>,
    tx: Transaction,
    schnorr_type: TapSighashType,
}

impl Coins {
    /// `count` coins of one kind, each with keys of its own, spent with A's and B's signatures.
    fn spent(kind: &str, count: u8) -> Self {
        let secp = Secp256k1::new();
        let mut secrets = BTreeMap::new();
        let mut descriptors = Vec::new();
        for coin in 0..count {
            let mut text = kind.to_owned();
            for (letter, name) in (1u8..).zip(["A", "B", "C"]) {
                let secret = SecretKey::from_slice(&[[coin + 1; 16], [letter; 16]].concat());
                let key = secret.unwrap().public_key(&secp);
                secrets.insert(key.x_only_public_key().0, secret.unwrap());
                text = text.replace(name, &key.to_string());
            }
            let nums = format!("02{NUMS}");
            descriptors.push(text.replace('N', &nums).parse().unwrap());
        }
        let descriptors: Vec<Descriptor<PublicKey>> = descriptors;
        let prevout = |descriptor: &Descriptor<PublicKey>| TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: descriptor.script_pubkey(),
        };
        let input = |vout| TxIn {
            previous_output: OutPoint::new(
                Txid::from_raw_hash(bitcoin::hashes::Hash::all_zeros()),
                vout,
            ),
            sequence: Sequence(3),
            ..TxIn::default()
        };
        let mut coins = Self {
            secp,
            secrets,
            prevouts: descriptors.iter().map(prevout).collect(),
            descriptors,
            schnorr_type: TapSighashType::Default,
            tx: Transaction {
                version: Version::TWO,
                lock_time: LockTime::from_consensus(103),
                input: (0..u32::from(count)).map(input).collect(),
                output: vec![TxOut {
                    value: Amount::from_sat(9_000),
                    script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
                }],
            },
        };
        coins.sign();
        coins
    }

    /// The same with the other type of Schnorr signatures that cover everything.
    fn signed_with_all(mut self) -> Self {
        self.schnorr_type = TapSighashType::All;
        self.sign();
        self
    }

    /// Signs the transaction as it is now.
    fn sign(&mut self) {
        for input in 0..self.descriptors.len() {
            let signer = Signer {
                coins: self,
                input,
                spends_leaf: self.prevouts[input].script_pubkey.is_p2tr(),
            };
            let done = self.descriptors[input].get_satisfaction(signer).unwrap();
            self.tx.input[input].witness = Witness::from_slice(&done.0);
            self.tx.input[input].script_sig = done.1;
        }
    }

    fn linear(&self) -> Vec<bool> {
        accepts(&self.tx, &self.prevouts, 0..self.prevouts.len())
    }
}

/// Signs with keys A and B of one coin; that C signs is never needed.
struct Signer<'a> {
    coins: &'a Coins,
    input: usize,
    spends_leaf: bool,
}

impl Signer<'_> {
    fn secret(&self, key: XOnlyPublicKey) -> Option<&SecretKey> {
        let secret = self.coins.secrets.get(&key)?;
        (secret.secret_bytes()[31] != 3).then_some(secret)
    }
}

impl Satisfier<PublicKey> for Signer<'_> {
    fn lookup_ecdsa_sig(&self, key: &PublicKey) -> Option<ecdsa::Signature> {
        let Coins { tx, prevouts, .. } = self.coins;
        let script = self.coins.descriptors[self.input]
            .explicit_script()
            .unwrap();
        let mut cache = SighashCache::new(tx);
        let kind = EcdsaSighashType::All;
        let message: Message = if self.coins.descriptors[self.input].desc_type()
            == miniscript::descriptor::DescriptorType::ShSortedMulti
        {
            let hash = cache.legacy_signature_hash(self.input, &script, kind.to_u32());
            hash.unwrap().into()
        } else {
            let value = prevouts[self.input].value;
            let hash = cache.p2wsh_signature_hash(self.input, &script, value, kind);
            hash.unwrap().into()
        };
        Some(ecdsa::Signature {
            signature: self
                .coins
                .secp
                .sign_ecdsa(&message, self.secret(key.inner.x_only_public_key().0)?),
            sighash_type: kind,
        })
    }

    fn lookup_tap_leaf_script_sig(
        &self,
        key: &PublicKey,
        leaf: &TapLeafHash,
    ) -> Option<taproot::Signature> {
        let (tx, all) = (&self.coins.tx, Prevouts::All(&self.coins.prevouts));
        let kind = self.coins.schnorr_type;
        let hash = SighashCache::new(tx)
            .taproot_script_spend_signature_hash(self.input, &all, *leaf, kind)
            .unwrap();
        let secret = self.secret(key.inner.x_only_public_key().0)?;
        let pair = secret.keypair(&self.coins.secp);
        let message = Message::from(hash);
        assert!(self.spends_leaf);
        Some(taproot::Signature {
            signature: self.coins.secp.sign_schnorr_no_aux_rand(&message, &pair),
            sighash_type: kind,
        })
    }

    fn lookup_tap_key_spend_sig(&self, key: &PublicKey) -> Option<taproot::Signature> {
        let (tx, all) = (&self.coins.tx, Prevouts::All(&self.coins.prevouts));
        let kind = self.coins.schnorr_type;
        let hash = SighashCache::new(tx).taproot_key_spend_signature_hash(self.input, &all, kind);
        let Descriptor::Tr(tr) = &self.coins.descriptors[self.input] else {
            return None;
        };
        let secp = &self.coins.secp;
        let pair = self.secret(key.inner.x_only_public_key().0)?.keypair(secp);
        let tweaked = pair.tap_tweak(secp, tr.spend_info().merkle_root());
        let message = Message::from(hash.unwrap());
        Some(taproot::Signature {
            signature: secp.sign_schnorr_no_aux_rand(&message, &tweaked.to_keypair()),
            sighash_type: kind,
        })
    }

    fn check_older(&self, lock: relative::LockTime) -> bool {
        let sequence = self.coins.tx.input[self.input].sequence;
        (sequence.to_relative_lock_time()).is_some_and(|found| lock.is_implied_by(found))
    }

    fn check_after(&self, lock: absolute::LockTime) -> bool {
        lock.is_implied_by(self.coins.tx.lock_time)
    }
}

#[test]
fn what_vaults_spend_is_accepted_and_few_inputs_are_left_to_core() {
    for kind in KINDS {
        let coins = Coins::spent(kind, 40);
        assert_eq!(
            verify_transaction(&coins.tx, &coins.prevouts),
            Ok(()),
            "{kind}"
        );
        assert_eq!(coins.linear(), [true; 40], "{kind}");
        // One form, the first of which is in the sample.
        let chosen = for_core(&coins.tx, &coins.prevouts, 4, &Alone);
        assert_eq!(chosen, [0, 10, 20, 30], "{kind}");
        let first = for_core(&coins.tx, &coins.prevouts, 0, &Alone);
        assert_eq!(first, [0], "{kind}");
    }
}

#[test]
fn schnorr_signatures_that_say_all_are_accepted_where_they_are_of_one_type() {
    for kind in KINDS.into_iter().filter(|kind| kind.starts_with("tr")) {
        let coins = Coins::spent(kind, 3).signed_with_all();
        assert_eq!(
            verify_transaction(&coins.tx, &coins.prevouts),
            Ok(()),
            "{kind}"
        );
        assert_eq!(coins.linear(), [true; 3], "{kind}");
    }
    // One of each type: left to Bitcoin Core.
    let kind = "tr(N,multi_a(2,A,B,C))";
    let mut coins = Coins::spent(kind, 3).signed_with_all();
    let other = Coins::spent(kind, 3).tx.input[1].witness.to_vec();
    let mut mixed = coins.tx.input[1].witness.to_vec();
    assert_eq!((mixed[1].len(), mixed[2].len()), (65, 65));
    mixed[2].clone_from(&other[2]);
    coins.tx.input[1].witness = Witness::from_slice(&mixed);
    assert_eq!(verify_transaction(&coins.tx, &coins.prevouts), Ok(()));
    assert_eq!(coins.linear(), [true, false, true]);
}

/// Everything that can be done to one element, and to their order.
fn spoilt(elements: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut cases = Vec::new();
    let mut case = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut elements = elements.to_vec();
        change(&mut elements);
        cases.push(elements);
    };
    for at in 0..elements.len() {
        case(&|all| all[at].clear());
        case(&|all| all[at] = vec![1]);
        case(&|all| all[at] = vec![0]);
        case(&|all| all[at] = vec![2]);
        case(&|all| all[at] = vec![0x50, 1]);
        case(&|all| {
            all.remove(at);
        });
        case(&|all| all.insert(at, vec![]));
        case(&|all| all.insert(at, vec![1]));
        case(&|all| all.insert(at, all[at].clone()));
        case(&|all| all.swap(at, elements.len() - 1 - at));
        case(&|all| all.swap(at, (at + 1) % elements.len()));
        case(&|all| all[at].push(0));
        case(&|all| all[at].push(1));
        case(&|all| {
            all[at].pop();
        });
        let length = elements[at].len();
        // The sighash byte of signatures is the last one, the leaf version the first.
        for byte in [
            0,
            1,
            length / 3,
            length / 2,
            length - length.min(2),
            length - length.min(1),
        ] {
            for bits in [0x01, 0x02, 0x80] {
                if byte < length {
                    case(&|all| all[at][byte] ^= bits);
                }
            }
        }
    }
    case(&|all| all.push(vec![]));
    case(&|all| all.push(vec![0x50]));
    case(&|all| all.clear());
    cases
}

fn push_script(elements: &[Vec<u8>]) -> ScriptBuf {
    elements
        .iter()
        .fold(ScriptBuf::new(), |mut script, element| {
            let bytes = bitcoin::script::PushBytesBuf::try_from(element.clone()).unwrap();
            script.push_slice(bytes);
            script
        })
}

/// With one input of four spoilt in some way: what the linear check accepts, Bitcoin Core accepts,
/// and both ways to check come to the same verdict.
#[test]
fn what_bitcoin_core_refuses_is_never_accepted() {
    let (mut cases, mut refused) = (0, 0);
    for kind in KINDS {
        let good = Coins::spent(kind, 4);
        let mut judge = |what: &str, tx: &Transaction, prevouts: &[TxOut]| {
            let core = |input| check_scripts(tx, prevouts, &[input], &Alone).is_ok();
            let core: Vec<bool> = (0..4).map(core).collect();
            let linear = accepts(tx, prevouts, 0..4);
            cases += 1;
            refused += usize::from(!core[2]);
            for (input, (linear, core)) in linear.into_iter().zip(core).enumerate() {
                assert!(!linear || core, "{kind}: {what}, input {input}: {tx:?}");
            }
            let chosen = for_core(tx, prevouts, 0, &Alone);
            let ours = check_scripts(tx, prevouts, &chosen, &Alone);
            let whole: Vec<usize> = (0..4).collect();
            let cores = check_scripts(tx, prevouts, &whole, &Alone);
            assert_eq!(ours, cores, "{kind}: {what}");
        };
        let witness = good.tx.input[2].witness.to_vec();
        for case in spoilt(&witness) {
            let mut tx = good.tx.clone();
            tx.input[2].witness = Witness::from_slice(&case);
            judge("witness", &tx, &good.prevouts);
        }
        let pushed: Vec<Vec<u8>> = (pushes(&good.tx.input[2].script_sig).iter())
            .map(|bytes| bytes.to_vec())
            .collect();
        for case in spoilt(&pushed) {
            let mut tx = good.tx.clone();
            tx.input[2].script_sig = push_script(&case);
            judge("script_sig", &tx, &good.prevouts);
        }
        let mut change = |what: &str, change: &dyn Fn(&mut Transaction, &mut Vec<TxOut>)| {
            let (mut tx, mut prevouts) = (good.tx.clone(), good.prevouts.clone());
            change(&mut tx, &mut prevouts);
            judge(what, &tx, &prevouts);
        };
        change("another's", &|tx, _| {
            tx.input[2] = TxIn {
                previous_output: tx.input[2].previous_output,
                ..tx.input[1].clone()
            }
        });
        change("opcode", &|tx, _| {
            tx.input[2]
                .script_sig
                .push_opcode(bitcoin::opcodes::OP_TRUE)
        });
        change("sequence", &|tx, _| tx.input[2].sequence = Sequence(2));
        change("lock time", &|tx, _| {
            tx.lock_time = LockTime::from_consensus(2)
        });
        change("version", &|tx, _| tx.version = Version::ONE);
        change("amount", &|_, prevouts| {
            prevouts[2].value = Amount::from_sat(10_001)
        });
        change("other amount", &|_, prevouts| {
            prevouts[1].value = Amount::from_sat(10_001)
        });
        change("coin", &|_, prevouts| {
            prevouts[2].script_pubkey = prevouts[1].script_pubkey.clone()
        });
        change("output", &|tx, _| {
            tx.output[0].value = Amount::from_sat(8_999)
        });
    }
    assert!(refused > 1_000 && cases - refused > 40, "{cases} {refused}");
}

/// The interpreter only compares numbers: that locks count at all is checked beside it.
#[test]
fn a_lock_that_the_transaction_switches_off_is_not_met() {
    for (kind, change) in [
        (
            "tr(N,and_v(v:pk(A),older(3)))",
            (|tx| tx.version = Version::ONE) as fn(&mut Transaction),
        ),
        ("wsh(and_v(v:pk(A),after(3)))", |tx| {
            tx.input[0].sequence = Sequence::MAX;
        }),
        ("wsh(and_v(v:pk(A),older(3)))", |tx| {
            tx.input[0].sequence = Sequence(3 | 1 << 31);
        }),
        ("wsh(and_v(v:pk(A),older(3)))", |tx| {
            tx.input[0].sequence = Sequence(2)
        }),
        ("wsh(and_v(v:pk(A),after(3)))", |tx| {
            tx.lock_time = LockTime::ZERO
        }),
    ] {
        let mut coins = Coins::spent(kind, 1);
        assert_eq!(coins.linear(), [true], "{kind}");
        // Signed as it is, only the lock is wrong: what was signed with a met lock is moved over.
        change(&mut coins.tx);
        let signer = Signer {
            coins: &coins,
            input: 0,
            spends_leaf: kind.starts_with("tr"),
        };
        let done = coins.descriptors[0]
            .get_satisfaction(Careless(signer))
            .unwrap();
        coins.tx.input[0].witness = Witness::from_slice(&done.0);
        assert!(
            verify_transaction(&coins.tx, &coins.prevouts).is_err(),
            "{kind}"
        );
        assert_eq!(coins.linear(), [false], "{kind}");
    }
}

/// Believes that every lock is met.
struct Careless<'a>(Signer<'a>);

impl Satisfier<PublicKey> for Careless<'_> {
    fn lookup_ecdsa_sig(&self, key: &PublicKey) -> Option<ecdsa::Signature> {
        self.0.lookup_ecdsa_sig(key)
    }
    fn lookup_tap_leaf_script_sig(
        &self,
        key: &PublicKey,
        leaf: &TapLeafHash,
    ) -> Option<taproot::Signature> {
        self.0.lookup_tap_leaf_script_sig(key, leaf)
    }
    fn check_older(&self, _: relative::LockTime) -> bool {
        true
    }
    fn check_after(&self, _: absolute::LockTime) -> bool {
        true
    }
}

/// A signature that nodes read but nobody writes any more is left to Bitcoin Core.
#[test]
fn a_signature_with_high_s_is_left_to_core() {
    let mut coins = Coins::spent("wsh(pk(A))", 2);
    let mut elements = coins.tx.input[1].witness.to_vec();
    let given = ecdsa::Signature::from_slice(&elements[0])
        .unwrap()
        .signature;
    let compact = given.serialize_compact();
    let low = SecretKey::from_slice(&compact[32..]).unwrap();
    let high = [&compact[..32], &low.negate().secret_bytes()].concat();
    let high = bitcoin::secp256k1::ecdsa::Signature::from_compact(&high).unwrap();
    elements[0] = [&high.serialize_der()[..], &[1]].concat();
    coins.tx.input[1].witness = Witness::from_slice(&elements);
    assert_eq!(verify_transaction(&coins.tx, &coins.prevouts), Ok(()));
    assert_eq!(coins.linear(), [true, false]);
    assert_eq!(for_core(&coins.tx, &coins.prevouts, 1, &Alone), [0, 1]);
}

#[test]
fn forms_differ_in_all_but_keys_hashes_and_signatures() {
    let coins = |kind: &str| Coins::spent(kind, 2);
    let of = |coins: &Coins, input: usize| form(&coins.tx.input[input], &coins.prevouts[input]);
    for kind in KINDS {
        let mut coins = coins(kind);
        let first = of(&coins, 0);
        assert_eq!(first, of(&coins, 1), "{kind}");
        coins.tx.input[0].sequence = Sequence(4);
        assert_ne!(first, of(&coins, 0), "{kind}");
    }
    let mut seen = BTreeMap::new();
    let near = [
        "wsh(multi(1,A,B,C))",
        "wsh(multi(2,A,B))",
        "sh(wsh(multi(2,A,B)))",
        "sh(multi(2,A,B))",
        "sh(multi(2,A,B,C))",
        "tr(N,multi_a(1,A,B,C))",
        "tr(N,{pk(A),{pk(B),and_v(v:pk(C),older(3))}})",
        "wsh(and_v(v:pk(A),older(1)))",
        "wsh(and_v(v:pk(A),older(2)))",
        "wsh(and_v(v:pk(A),after(2)))",
        // Numbers above 16 are pushed.
        "wsh(and_v(v:pk(A),after(100)))",
        "wsh(and_v(v:pk(A),after(101)))",
    ];
    for kind in KINDS
        .into_iter()
        .filter(|kind| !kind.contains("sorted"))
        .chain(near)
    {
        if let Some(other) = seen.insert(of(&coins(kind), 0), kind) {
            panic!("{kind} looks like {other}");
        }
    }
}

/// More inputs than are always run: one that is wrong is found wherever it is.
#[test]
fn in_a_large_transaction_every_input_is_checked() {
    let mut coins = Coins::spent("wsh(sortedmulti(2,A,B,C))", 70);
    let verify = |coins: &Coins| verify_finished_with(&coins.tx, &coins.prevouts, &Alone);
    assert_eq!(verify(&coins), Ok(()));
    for at in 0..70 {
        let good = coins.tx.input[at].witness.clone();
        let mut elements = good.to_vec();
        elements[1][20] ^= 1;
        coins.tx.input[at].witness = Witness::from_slice(&elements);
        assert_eq!(verify(&coins).unwrap_err().input(), Some(at));
        coins.tx.input[at].witness = good;
    }
}
