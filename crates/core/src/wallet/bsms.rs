//! Descriptor records of BIP-0129, and what programs write under that name. They differ in how
//! they say the branches; the first address, which all of them name, decides what was meant.

use super::{Format, Found, WalletError};
use crate::keychain::Keychain;
use crate::vault::Vault;
use bitcoin::Network;
use miniscript::descriptor::checksum;

const HEAD: &str = "BSMS 1.0";
const PATHS: &str = "/0/*,/1/*";

pub(super) fn write(vault: &Vault) -> Result<String, WalletError> {
    let text = vault.descriptor();
    let body = text.split_once('#').map_or(text, |(body, _)| body);
    let template = body.replace("/<0;1>/*", "/**");
    if template.contains('<') {
        return Err(
            Format::Bsms.beyond("its keys have other branches than 0 and 1: export a descriptor")
        );
    }
    let first = vault.derive(Keychain::Receive, 0)?.address(vault.network());
    // BIP-0129's own records have no checksum where the template isn't a descriptor.
    Ok(format!("{HEAD}\n{template}\n{PATHS}\n{first}\n"))
}

pub(super) fn read(text: &str, network: Network) -> Result<Found, WalletError> {
    let fault = |text: &str| Format::Bsms.fault(text);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let [head, descriptor, paths, address] = lines.as_slice() else {
        return Err(fault(
            "a descriptor record has four lines: a key record, which has five, is for setting a vault up",
        ));
    };
    if *head != HEAD {
        return Err(fault("its version isn't known, which is 1.0 here"));
    }
    if !matches!(*paths, "" | PATHS | "No path restrictions") {
        return Err(fault("its third line names other branches than /0/*,/1/*"));
    }
    let body = checksum::verify_checksum(descriptor)
        .map_err(|_| fault("the checksum of its descriptor is wrong: it may be damaged"))?;
    // BIP-0129 writes `/**`, Sparrow `/<0;1>/*`, Nunchuk `/*`.
    let meant = if body.contains("/**") {
        body.replace("/**", "/<0;1>/*")
    } else if body.contains("/<") {
        body.to_owned()
    } else {
        body.replace("/*", "/<0;1>/*")
    };
    let vault = Vault::from_descriptor(network, &meant, None)?;
    let first = vault.derive(Keychain::Receive, 0)?.address(network);
    if !first.to_string().eq_ignore_ascii_case(address) {
        return Err(fault(
            "its first address isn't the one that its descriptor gives: it was damaged or changed; don't use it",
        ));
    }
    Ok(Found {
        format: Format::Bsms,
        descriptor: vault.descriptor().to_owned(),
        name: None,
        cosigners: None,
    })
}
