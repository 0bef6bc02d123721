//! T33: a cosigner looks at a request with nothing but the file and his own copy of the vault. What
//! the coordinator says about the file doesn't enter; what the file itself lies about is caught.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::psbt::raw;
use bitcoin::{Address, Amount, FeeRate, Network, Psbt, ScriptBuf};
use quorate_chain::Simulated;
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{
    Choices, Coordinator, Error, Incoming, Moment, NewVault, Spend, VaultImport,
};
use quorate_core::ledger::Birth;
use quorate_core::policy::Template;
use quorate_core::spend::{Recipient, Send};
use quorate_testkit::fixtures;
use quorate_testkit::lies::lies;
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
        carriers: &[],
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
        choices: Choices::default(),
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
    let lies = lies(change, &thief);
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
