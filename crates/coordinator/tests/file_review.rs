//! T33: a cosigner looks at a request with nothing but the file and his own copy of the vault. What
//! the coordinator says about the file doesn't enter; what the file itself lies about is caught.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::psbt::{PsbtSighashType, raw};
use bitcoin::{Address, Amount, FeeRate, Network, Psbt, ScriptBuf, Sequence, transaction};
use quorate_chain::Simulated;
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{Coordinator, Error, Incoming, Moment, NewVault, Spend, VaultImport};
use quorate_core::ledger::Birth;
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures;
use tempfile::TempDir;

fn moment(seed: u8) -> Moment {
    Moment {
        now: 1_750_000_000,
        entropy: [seed; 32],
    }
}

/// The office that proposes, and a cosigner's home that only imported the vault.
struct World {
    _folders: [TempDir; 2],
    cosigner: Coordinator,
    request: Psbt,
    honest: FileReviewView,
}

fn world() -> World {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let homes = [0u8, 1].map(|at| {
        let home = folders[usize::from(at)].path();
        Coordinator::init(home, Network::Regtest, moment(at + 1)).unwrap();
        Coordinator::open(home).unwrap()
    });
    let [mut office, mut cosigner] = homes;
    let chain = Simulated::new();
    let template = Template::builtin("2-of-3").unwrap();
    let keys: Vec<_> = fixtures::cosigners(3)
        .iter()
        .map(|key| (key.name().to_owned(), key.text()))
        .collect();
    let new = NewVault {
        name: "family",
        template: &template,
        keys: &keys,
        birth: Some(Birth::Height(0)),
    };
    let vault = office.create_vault(&new, moment(1)).unwrap();
    let import = VaultImport {
        name: "ours",
        text: &vault.descriptor,
        cosigners: None,
        birth: Birth::Height(0),
    };
    cosigner.import_vault(&import, moment(2)).unwrap();
    for _ in 0..2 {
        let address = office.new_address("family", None, moment(1)).unwrap();
        let address: Address<_> = address.address.parse().unwrap();
        let script = address.assume_checked().script_pubkey();
        chain.fund(&script, Amount::from_sat(100_000)).unwrap();
    }
    office.sync(&chain, moment(1), &mut |_| ()).unwrap();
    let recipients = [Recipient {
        address: Address::p2wsh(&ScriptBuf::from_bytes(vec![0x51]), Network::Regtest),
        send: Send::Exactly(Amount::from_sat(150_000)),
    }];
    let spend = Spend {
        vault: "family",
        recipients: &recipients,
        fee_rate: FeeRate::from_sat_per_vb(2).unwrap(),
        memo: None,
        path: 0,
        coins: &[],
        allow_high_fee: false,
    };
    let id = office.propose(&spend, moment(3)).unwrap().id;
    let request = office.export(&id, true).unwrap();
    let honest = review(&mut cosigner, &request).unwrap();
    assert_eq!(
        (honest.vault_id.clone(), honest.proposal.clone()),
        (vault.id, id.clone())
    );
    assert_eq!(
        honest.review.words,
        office.proposal(&id).unwrap().review.words
    );
    World {
        _folders: folders,
        cosigner,
        request,
        honest,
    }
}

fn review(home: &mut Coordinator, request: &Psbt) -> Result<FileReviewView, Error> {
    let file = Incoming {
        name: "request.psbt".to_owned(),
        bytes: request.serialize(),
    };
    home.review_file(&file, None)
}

/// Of a file that pays or asks for something else than was announced, either nothing is shown at all,
/// or what is shown is different, the words among it.
#[test]
fn t33_of_20_ways_to_alter_the_file_20_are_caught() {
    let mut world = world();
    let change = (0..2)
        .find(|&at| !world.request.outputs[at].bip32_derivation.is_empty())
        .unwrap();
    let thief =
        Address::p2wsh(&ScriptBuf::from_bytes(vec![0x52]), Network::Regtest).script_pubkey();
    type Lie = (&'static str, Box<dyn Fn(&mut Psbt)>);
    let lie = |what, alter: Box<dyn Fn(&mut Psbt)>| -> Lie { (what, alter) };
    let to = thief.clone();
    let pays = 1 - change;
    let lies: Vec<Lie> = vec![
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
                p.inputs[0].witness_utxo.as_mut().unwrap().value -= Amount::from_sat(50_000)
            }),
        ),
        lie(
            "a larger amount of a coin",
            Box::new(|p| {
                p.inputs[0].witness_utxo.as_mut().unwrap().value += Amount::from_sat(50_000)
            }),
        ),
        lie(
            "no previous transaction",
            Box::new(|p| p.inputs[0].non_witness_utxo = None),
        ),
        lie(
            "another previous transaction",
            Box::new(|p| {
                p.inputs[0].non_witness_utxo.as_mut().unwrap().output[0].value +=
                    Amount::from_sat(1)
            }),
        ),
        lie(
            "a sighash type that leaves outputs open",
            Box::new(|p| p.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(3))),
        ),
        lie(
            "another lock time",
            Box::new(|p| {
                p.unsigned_tx.lock_time =
                    bitcoin::absolute::LockTime::from_height(499_999_999).unwrap()
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
    ];
    assert_eq!(lies.len(), 20);
    for (what, alter) in lies {
        let mut request = world.request.clone();
        alter(&mut request);
        if let Ok(shown) = review(&mut world.cosigner, &request) {
            assert_ne!(shown.review.words, world.honest.review.words, "{what}");
            assert_ne!(shown.txid, world.honest.txid, "{what}");
        }
    }
}

/// Fields that nobody should look at change nothing of what is shown.
#[test]
fn t33_what_a_file_says_of_itself_is_not_repeated() {
    let mut world = world();
    let mut request = world.request.clone();
    let label = raw::ProprietaryKey {
        prefix: b"quorate".to_vec(),
        subtype: 0,
        key: b"recipient".to_vec(),
    };
    request
        .proprietary
        .insert(label, b"your own savings".to_vec());
    request.xpub.clear();
    let shown = review(&mut world.cosigner, &request).unwrap();
    let [shown, honest] = [&shown, &world.honest].map(|view| serde_json::to_string(view).unwrap());
    assert_eq!(shown, honest);
}
