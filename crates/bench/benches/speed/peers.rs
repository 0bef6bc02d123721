//! The same work as others do it.

use crate::world::World;
use bdk_wallet::{KeychainKind, SignOptions, Wallet};
use bitcoin::Psbt;
use bitcoin::secp256k1::Secp256k1;
use miniscript::psbt::PsbtExt;
use quorate_testkit::Node;
use serde_json::json;

/// A bdk wallet of the same vault that knows the request's coins and addresses.
pub(crate) fn wallet(world: &World) -> Wallet {
    let mut wallet = Wallet::create_from_two_path_descriptor(world.vault.descriptor().to_owned())
        .network(crate::world::NETWORK)
        .create_wallet_no_persist()
        .expect("the same descriptor");
    let _ = wallet.reveal_addresses_to(KeychainKind::External, crate::world::INPUTS);
    let deposits = world
        .psbt
        .inputs
        .iter()
        .filter_map(|input| input.non_witness_utxo.clone());
    wallet.apply_unconfirmed_txs(deposits.map(|tx| (tx, 1)));
    wallet
}

/// bdk_wallet's finalizer. It verifies no signature.
pub(crate) fn bdk(wallet: &Wallet, signed: &Psbt) {
    let options = SignOptions {
        trust_witness_utxo: true,
        ..SignOptions::default()
    };
    let done = wallet.finalize_psbt(&mut signed.clone(), options);
    assert!(done.expect("no error"), "bdk_wallet did not finalize");
}

/// miniscript's finalizer, with its own interpreter over every input.
pub(crate) fn miniscript(signed: &Psbt) {
    let secp = Secp256k1::verification_only();
    signed.clone().finalize_mut(&secp).expect("complete");
}

/// A node of our own, if `cargo xtask bench` named a bitcoind.
pub(crate) fn node() -> Option<Node> {
    std::env::var_os("BITCOIND_EXE").map(|_| Node::start())
}

/// Bitcoin Core's finalizer, which runs its interpreter over what it takes for complete.
pub(crate) fn core(node: &Node, signed: &str) {
    let done = node.rpc("finalizepsbt", json!([signed]));
    assert_eq!(done["complete"], true, "Bitcoin Core did not finalize");
}

/// What is left of that when nothing is to do: the way there and back, reading and writing.
pub(crate) fn core_passes_on(node: &Node, signed: &str) {
    let same = node.rpc("combinepsbt", json!([[signed]]));
    assert!(same.is_string(), "{same}");
}
