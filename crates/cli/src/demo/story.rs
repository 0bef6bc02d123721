//! The story itself: a 2-of-3 vault from policy to confirmed spend.

use super::chain::DemoChain;
use super::stage::Stage;
use bitcoin::{Address, Network, ScriptBuf};
use quorate_coordinator::Error;
use serde_json::Value;

/// How it ended.
pub(super) struct Outcome {
    pub(super) vault: String,
    pub(super) proposal: String,
    pub(super) txid: String,
    pub(super) status: String,
}

const SIGNERS: [&str; 3] = ["alice", "bob", "carol"];

pub(super) fn play(
    stage: &mut Stage,
    chain: &DemoChain,
    entropy: [u8; 32],
) -> Result<Outcome, Error> {
    let vault = set_up(stage)?;
    receive(stage, chain)?;
    let proposal = propose(stage, entropy)?;
    for (who, last) in [("alice", false), ("bob", true)] {
        sign(stage, &proposal, who, last)?;
    }
    let (txid, status) = finish(stage, chain, &proposal)?;
    stage.end(&format!(
        "\nDone: {} moved by two of three, the third was never needed.\nEverything it made is gone again. For a vault of your own: `quorate init --help`.",
        if matches!(chain, DemoChain::Simulated(_)) { "simulated coins" } else { "regtest coins" },
    ))?;
    Ok(Outcome {
        vault,
        proposal,
        txid,
        status,
    })
}

fn set_up(stage: &mut Stage) -> Result<String, Error> {
    stage.say("Four people make a data folder each: the office coordinates, alice, bob and carol hold keys.")?;
    for who in ["office", "alice", "bob", "carol"] {
        stage.quorate(who, &["init", "--network", "regtest"])?;
    }
    stage.say("Each cosigner makes a key. A hardware wallet would do the same; the words stay with its owner.")?;
    let mut keys = Vec::new();
    for who in SIGNERS {
        stage.quorate(who, &["signer", "new", who])?;
        let key = stage.silently(who, &["signer", "key", who])?;
        keys.push(format!("{who}={}", text(&key, "key")?));
    }
    stage.tell(&format!("for example {}", keys[0]))?;
    stage.say("The office makes a vault of the three public keys: any two of them can spend.")?;
    let mut args = vec!["vault", "create", "family", "--policy", "2-of-3"];
    for key in &keys {
        args.extend(["--key", key]);
    }
    let vault = stage.quorate("office", &args)?;
    let id = text(&vault, "id")?;
    for path in list(&vault, "paths") {
        stage.tell(path.as_str().unwrap_or_default())?;
    }
    stage.say("The descriptor goes to every cosigner, who takes it in and compares: same id, same addresses.")?;
    stage.quorate(
        "office",
        &[
            "vault",
            "export",
            "family",
            "--format",
            "descriptor",
            "-o",
            "family.txt",
        ],
    )?;
    for who in SIGNERS {
        let theirs = stage.quorate(
            who,
            &[
                "vault",
                "import",
                "family",
                "family.txt",
                "--cosigners",
                "alice,bob,carol",
            ],
        )?;
        if theirs["id"] != vault["id"] || theirs["first_addresses"] != vault["first_addresses"] {
            return Err(Error::refused(
                "demo",
                format!("{who} has another vault than the office"),
            ));
        }
    }
    stage.tell(&format!("id {id}"))?;
    stage.tell(&format!(
        "first address {}",
        list(&vault, "first_addresses")
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default()
    ))?;
    Ok(id)
}

fn receive(stage: &mut Stage, chain: &DemoChain) -> Result<(), Error> {
    stage.say("The office hands out an address, and somebody pays to it.")?;
    let address = stage.quorate(
        "office",
        &["address", "new", "family", "--label", "first deposit"],
    )?;
    chain.pay(&text(&address, "address")?)?;
    stage.quorate("office", &["sync", "family"])?;
    let balance = stage.quorate("office", &["balance", "family"])?;
    stage.tell(&format!(
        "{} confirmed at height {}",
        btc(&balance["confirmed_sat"]),
        balance["height"]
    ))
}

fn propose(stage: &mut Stage, entropy: [u8; 32]) -> Result<String, Error> {
    stage.say(
        "A bill is to be paid. The office proposes the spend; its coin is reserved from now on.",
    )?;
    // Somebody's address; whose doesn't matter here.
    let script = ScriptBuf::builder().push_slice(entropy).into_script();
    let to = format!("{}=0.5btc", Address::p2wsh(&script, Network::Regtest));
    let proposal = stage.quorate(
        "office",
        &[
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "2",
            "--memo",
            "invoice 17",
        ],
    )?;
    let id = text(&proposal, "id")?;
    stage.tell(&format!(
        "proposal {}, fee {} sat",
        &id[..12],
        proposal["fee_sat"]
    ))?;
    let words: Vec<&str> = list(&proposal, "words")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    stage.tell(&format!("words to compare by voice: {}", words.join(" ")))?;
    Ok(id)
}

fn sign(stage: &mut Stage, proposal: &str, who: &str, last: bool) -> Result<(), Error> {
    stage.say(&if last {
        format!("{who} signs as well. The file may also come by mail, chat or memory card: it is never trusted.")
    } else {
        format!("{who} gets the request as a file, sees what it does, and signs it. The office checks each signature.")
    })?;
    let (request, signed) = (format!("{who}.psbt"), format!("{who}.signed.psbt"));
    stage.quorate(
        "office",
        &["proposal", "export", proposal, "--for", who, "-o", &request],
    )?;
    let shown = stage.quorate(who, &["signer", "sign", who, &request, "-o", &signed])?;
    stage.tell(&format!("{who} signed {} input(s)", shown["inputs_signed"]))?;
    stage.quorate("office", &["proposal", "import", &signed])?;
    let view = stage.quorate("office", &["proposal", "show", proposal])?;
    for input in list(&view, "inputs") {
        let marks = SIGNERS.map(|name| {
            format!(
                "{name} {}",
                input["signatures"][name].as_str().unwrap_or("?")
            )
        });
        stage.tell(&format!(
            "{}  {}",
            short(&input["outpoint"]),
            marks.join("  ")
        ))?;
    }
    stage.tell(&format!("status {}", text(&view, "status")?))
}

fn finish(stage: &mut Stage, chain: &DemoChain, proposal: &str) -> Result<(String, String), Error> {
    stage.say("Two of three are enough: the office assembles the transaction, runs the consensus check and lets it go.")?;
    let sent = stage.quorate("office", &["proposal", "broadcast", proposal])?;
    let txid = text(&sent, "txid")?;
    stage.tell(&format!("txid {txid}"))?;
    stage.say("A block confirms it. Only the chain decides that; a reorganisation would take it back by itself.")?;
    chain.mine()?;
    stage.quorate("office", &["sync", "family"])?;
    let view = stage.quorate("office", &["proposal", "show", proposal])?;
    let status = text(&view, "status")?;
    stage.tell(&format!("status {status} at height {}", view["height"]))?;
    let balance = stage.quorate("office", &["balance", "family"])?;
    stage.tell(&format!(
        "{} left in the vault",
        btc(&balance["confirmed_sat"])
    ))?;
    if status != "confirmed" {
        return Err(Error::refused(
            "demo",
            format!("the spend should be confirmed and is {status}"),
        ));
    }
    stage.say(
        "Everything that was said and signed stands in a journal that can't be changed unnoticed.",
    )?;
    let verified = stage.quorate("office", &["journal", "verify", "family"])?;
    stage.tell(&format!("{} entries, all sound", verified["entries"]))?;
    Ok((txid, status))
}

fn text(view: &Value, key: &str) -> Result<String, Error> {
    let found = view[key].as_str().map(ToOwned::to_owned);
    found.ok_or_else(|| Error::refused("demo", format!("a step's answer has no `{key}`")))
}

fn list<'a>(view: &'a Value, key: &str) -> &'a [Value] {
    view[key].as_array().map_or(&[], Vec::as_slice)
}

fn btc(sats: &Value) -> String {
    crate::amount::btc(sats.as_u64().unwrap_or_default())
}

fn short(outpoint: &Value) -> String {
    let outpoint = outpoint.as_str().unwrap_or_default();
    match outpoint.split_once(':') {
        Some((txid, vout)) if txid.len() > 12 => format!("{}…:{vout}", &txid[..12]),
        _ => outpoint.to_owned(),
    }
}
