//! The address of a chain source, as a person types it. Parsing is strict, and no message ever
//! repeats what could be a password: what stands before the last `@` is never shown.

use crate::core_rpc::{Endpoint, Login};
use crate::electrum::{self, Trust};
use crate::{ChainError, foreign};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

/// The file of `simulated` in the data folder.
const SIMULATED_FILE: &str = "simulated-chain.jsonl";

const FORMS: &str = "give http://USER:PASSWORD@HOST:PORT, cookie:PATH@HOST:PORT, \
                     electrum://HOST:PORT, electrums://HOST:PORT or simulated";

const CORE_PORTS: &str = "Bitcoin Core's ports are 8332, 18332 (testnet), 48332 (testnet4), 38332 \
                          (signet) and 18443 (regtest)";
const ELECTRUM_PORTS: &str =
    "Electrum servers usually take 50001 for electrum:// and 50002 for electrums://";
const PROXY_PORTS: &str = "Tor's is 9050";

/// A chain source's address, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Core(Endpoint),
    Electrum(electrum::Endpoint),
    Simulated(PathBuf),
}

impl Address {
    /// Understands `text`; `home` is the data folder for `simulated`.
    pub(crate) fn parse(text: &str, home: &Path) -> Result<Self, ChainError> {
        Self::understand(text, home).map_err(|reason| ChainError::BadAddress {
            given: without_credentials(text),
            reason,
        })
    }

    fn understand(text: &str, home: &Path) -> Result<Self, String> {
        if text == "simulated" {
            return Ok(Self::Simulated(home.join(SIMULATED_FILE)));
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(FORMS.to_owned());
        };
        match scheme {
            "simulated" if rest.is_empty() => Err("the path after `simulated:` is missing".into()),
            "simulated" => Ok(Self::Simulated(PathBuf::from(rest))),
            "http" => http(rest).map(Self::Core),
            "cookie" => cookie(rest).map(Self::Core),
            "https" => Err(
                "this version has no TLS; open a tunnel to the node (for example ssh -L) and give \
                 its near end as http://USER:PASSWORD@127.0.0.1:PORT"
                    .into(),
            ),
            "electrum" => electrum(scheme, rest, None),
            "electrums" => electrum(scheme, rest, Some(Trust::Authorities)),
            "ssl" | "tcp" => Err(
                "an Electrum server's address begins with electrum:// (TCP) or \
                                  electrums:// (TLS)"
                    .into(),
            ),
            "esplora" => Err(format!("this version has no Esplora; {FORMS}")),
            _ if host_port(text, "").is_ok() => Err(format!(
                "it doesn't say how to log in; give http://USER:PASSWORD@{text} or \
                 cookie:PATH@{text}"
            )),
            _ => Err(FORMS.to_owned()),
        }
    }
}

/// `//user:password@host:port`, with an optional final `/`.
fn http(rest: &str) -> Result<Endpoint, String> {
    let Some(rest) = rest.strip_prefix("//") else {
        return Err("`//` is missing after `http:`".into());
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let Some((login, host)) = rest.rsplit_once('@') else {
        return Err(
            "it has no user name and password; Bitcoin Core always wants them: give \
                    http://USER:PASSWORD@HOST:PORT or cookie:PATH@HOST:PORT"
                .into(),
        );
    };
    let Some((user, password)) = login.split_once(':') else {
        return Err("the password is missing: give http://USER:PASSWORD@HOST:PORT".into());
    };
    let (user, password) = (percent_decoded(user)?, percent_decoded(password)?);
    if user.is_empty() || password.is_empty() {
        return Err("the user name or the password is empty".into());
    }
    if user.contains(':') {
        return Err("a user name can't contain a colon".into());
    }
    Ok(Endpoint {
        host_port: host_port(host, CORE_PORTS)?,
        login: Login::password(&user, &password),
    })
}

/// `PATH@host:port`.
fn cookie(rest: &str) -> Result<Endpoint, String> {
    let Some((path, host)) = rest.rsplit_once('@') else {
        return Err(
            "`@HOST:PORT` is missing: give cookie:PATH@HOST:PORT, for example \
                    cookie:/home/me/.bitcoin/regtest/.cookie@127.0.0.1:18443"
                .into(),
        );
    };
    if path.is_empty() {
        return Err("the path of the cookie file is missing".into());
    }
    if path.starts_with('~') {
        return Err("the shell doesn't expand `~` there; write the whole path".into());
    }
    Ok(Endpoint {
        host_port: host_port(host, CORE_PORTS)?,
        login: Login::Cookie(PathBuf::from(path)),
    })
}

/// Checks `host:port`; the host is a name, an IPv4 address, or an IPv6 address in brackets.
fn host_port(text: &str, ports: &str) -> Result<String, String> {
    let (host, port) = host_and_port(text, ports)?;
    Ok(format!("{host}:{port}"))
}

/// The two parts of `host:port`.
fn host_and_port(text: &str, ports: &str) -> Result<(String, u16), String> {
    let no_port = || format!("the port is missing or not a number from 1 to 65535; {ports}");
    let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(no_port());
    }
    let port: u16 = port.parse().map_err(|_| no_port())?;
    if port == 0 {
        return Err(no_port());
    }
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let good = match v6 {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        }
    };
    if !good {
        return Err("the host is not a name or an IP address".into());
    }
    Ok((host.to_owned(), port))
}

/// `//host:port`, with an optional final `/` and what follows a `?`.
fn electrum(scheme: &str, rest: &str, trust: Option<Trust>) -> Result<Address, String> {
    let rest = rest
        .strip_prefix("//")
        .ok_or_else(|| format!("`//` is missing after `{scheme}:`"))?;
    let (server, options) = match rest.split_once('?') {
        Some((server, options)) => (server, Some(options)),
        None => (rest, None),
    };
    let server = server.strip_suffix('/').unwrap_or(server);
    if server.contains('@') {
        return Err("Electrum servers take no user name and password".into());
    }
    let (host, port) = host_and_port(server, ELECTRUM_PORTS)?;
    let mut endpoint = electrum::Endpoint {
        host,
        port,
        trust,
        proxy: None,
    };
    for option in options.into_iter().flat_map(|options| options.split('&')) {
        match option.split_once('=') {
            Some(("cert", path)) => endpoint.trust = Some(certificate(&endpoint, path)?),
            Some(("proxy", _)) if endpoint.proxy.is_some() => {
                return Err("only one proxy can be named".into());
            }
            Some(("proxy", proxy)) => {
                let proxy = host_and_port(proxy, PROXY_PORTS);
                endpoint.proxy = Some(proxy.map_err(|reason| format!("of the proxy, {reason}"))?);
            }
            _ => return Err("after ? only cert=FILE and proxy=HOST:PORT are known".into()),
        }
    }
    Ok(Address::Electrum(endpoint))
}

fn certificate(endpoint: &electrum::Endpoint, path: &str) -> Result<Trust, String> {
    match endpoint.trust {
        None => Err("cert=FILE is for TLS: the address begins with electrums://".into()),
        Some(Trust::Certificate(_)) => Err("only one certificate can be named".into()),
        Some(Trust::Authorities) if path.is_empty() => {
            Err("the path of the certificate is missing after cert=".into())
        }
        Some(Trust::Authorities) if path.starts_with('~') => {
            Err("the shell doesn't expand `~` there; write the whole path".into())
        }
        Some(Trust::Authorities) => Ok(Trust::Certificate(PathBuf::from(path))),
    }
}

/// Decodes `%41`; refuses what would be read in two ways when left as it is.
fn percent_decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return Err("a % in the user name or password is not followed by two \
                                hexadecimal digits; write % itself as %25"
                        .into());
                };
                // Two hexadecimal digits make a byte.
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            }
            b'@' | b'/' | b'?' | b'#' => {
                return Err(
                    "@ / ? and # in a user name or password are written as %40 %2F %3F %23".into(),
                );
            }
            other => bytes.push(other),
        }
    }
    let text = String::from_utf8(bytes).ok();
    text.filter(|t| !t.chars().any(char::is_control))
        .ok_or_else(|| "the user name or password is not plain text".into())
}

/// The address as it may stand in a message: nothing of what comes before the last `@`, and where
/// there is no `@`, nothing that could be a password typed without a host.
fn without_credentials(text: &str) -> String {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    match (text.rsplit_once('@'), scheme) {
        (Some((_, host)), Some(scheme)) => foreign(&format!("{scheme}:…@{host}")),
        (Some((_, host)), None) => foreign(&format!("…@{host}")),
        (None, None) => foreign(text),
        (None, Some(scheme)) => {
            let rest = text[scheme.len() + 1..].trim_start_matches('/');
            if host_port(rest, "").is_ok() || host_port(text, "").is_ok() {
                foreign(text)
            } else {
                foreign(&format!("{scheme}:…"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parse(text: &str) -> Result<Address, ChainError> {
        Address::parse(text, Path::new("/home/quorate"))
    }

    fn core(host_port: &str, login: Login) -> Address {
        Address::Core(Endpoint {
            host_port: host_port.to_owned(),
            login,
        })
    }

    fn electrum(
        host: &str,
        port: u16,
        trust: Option<Trust>,
        proxy: Option<(&str, u16)>,
    ) -> Address {
        Address::Electrum(electrum::Endpoint {
            host: host.to_owned(),
            port,
            trust,
            proxy: proxy.map(|(host, port)| (host.to_owned(), port)),
        })
    }

    #[test]
    fn good_addresses_are_understood() {
        let cookie = |path: &str| Login::Cookie(PathBuf::from(path));
        for (text, expected) in [
            (
                "http://u:p@127.0.0.1:18443",
                core("127.0.0.1:18443", Login::password("u", "p")),
            ),
            (
                "http://u:p@127.0.0.1:18443/",
                core("127.0.0.1:18443", Login::password("u", "p")),
            ),
            (
                "http://a%20b:p%40%3a%2F%25:x@node-1.lan:8332",
                core("node-1.lan:8332", Login::password("a b", "p@:/%:x")),
            ),
            (
                "http://u:%C5%BE@[::1]:1",
                core("[::1]:1", Login::password("u", "ž")),
            ),
            (
                "cookie:/data/.cookie@localhost:8332",
                core("localhost:8332", cookie("/data/.cookie")),
            ),
            (
                "cookie:a@b:c/.cookie@127.0.0.1:65535",
                core("127.0.0.1:65535", cookie("a@b:c/.cookie")),
            ),
            (
                "electrum://[::1]:50001/",
                electrum("[::1]", 50_001, None, None),
            ),
            (
                "electrum://abc.onion:50001?proxy=127.0.0.1:9050",
                electrum("abc.onion", 50_001, None, Some(("127.0.0.1", 9_050))),
            ),
            (
                "electrums://node.lan:50002",
                electrum("node.lan", 50_002, Some(Trust::Authorities), None),
            ),
            (
                "electrums://node.lan:50002?proxy=localhost:9050&cert=/data/a b=c.pem",
                electrum(
                    "node.lan",
                    50_002,
                    Some(Trust::Certificate("/data/a b=c.pem".into())),
                    Some(("localhost", 9_050)),
                ),
            ),
            (
                "simulated",
                Address::Simulated("/home/quorate/simulated-chain.jsonl".into()),
            ),
            (
                "simulated:/tmp/x:y.jsonl",
                Address::Simulated("/tmp/x:y.jsonl".into()),
            ),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_the_remedy() {
        for (text, hint) in [
            ("", "simulated"),
            ("simulate", "cookie:PATH@HOST:PORT"),
            ("simulated:", "path"),
            ("Simulated", "simulated"),
            ("127.0.0.1:18443", "cookie:PATH@127.0.0.1:18443"),
            ("localhost:18443", "http://USER:PASSWORD@localhost:18443"),
            ("http://127.0.0.1:18443", "no user name"),
            ("http:u:p@127.0.0.1:18443", "//"),
            ("http://u@127.0.0.1:18443", "password is missing"),
            ("http://:p@127.0.0.1:18443", "empty"),
            ("http://u:@127.0.0.1:18443", "empty"),
            ("http://u:p@127.0.0.1", "port"),
            ("http://u:p@127.0.0.1:", "port"),
            ("http://u:p@127.0.0.1:+1", "port"),
            ("http://u:p@127.0.0.1:0", "port"),
            ("http://u:p@127.0.0.1:65536", "port"),
            ("http://u:p@127.0.0.1:18443/wallet/a", "port"),
            ("http://u:p@:18443", "host"),
            ("http://u:p@::1:18443", "host"),
            ("http://u:p@[::g]:18443", "host"),
            ("http://u:p@a b:18443", "host"),
            ("http://u:p%4@127.0.0.1:1", "%25"),
            ("http://u:p%zz@127.0.0.1:1", "%25"),
            ("http://u:a@b@127.0.0.1:1", "%40"),
            ("http://u:a/b@127.0.0.1:1", "%2F"),
            ("http://u:%0a@127.0.0.1:1", "plain text"),
            ("http://u:%ff@127.0.0.1:1", "plain text"),
            ("http://u%3a:p@127.0.0.1:1", "colon"),
            ("https://u:p@127.0.0.1:1", "tunnel"),
            ("electrum:127.0.0.1:50001", "//"),
            ("electrum://127.0.0.1", "50001"),
            ("electrum://u:p@127.0.0.1:50001", "no user name"),
            ("electrum://127.0.0.1:50001?cert=/x.pem", "electrums://"),
            ("electrums://127.0.0.1:50002?cert=", "path"),
            ("electrums://127.0.0.1:50002?cert=~/x.pem", "whole path"),
            ("electrums://127.0.0.1:50002?cert=/a&cert=/b", "one cert"),
            ("electrums://127.0.0.1:50002?verify=no", "only cert="),
            ("electrum://127.0.0.1:50001?proxy=9050", "of the proxy"),
            (
                "electrum://127.0.0.1:50001?proxy=a:1&proxy=b:2",
                "one proxy",
            ),
            ("ssl://127.0.0.1:50002", "electrums://"),
            ("esplora:https://x.example", "no Esplora"),
            ("cookie:/x/.cookie", "@HOST:PORT"),
            ("cookie:@127.0.0.1:1", "cookie file is missing"),
            ("cookie:~/.bitcoin/.cookie@127.0.0.1:1", "whole path"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }

    #[test]
    fn t21_a_password_never_reaches_a_message() {
        for text in [
            "http://user:hunter2@127.0.0.1:99999",
            "http://user:hunter2@127.0.0.1",
            "http://user:hunter2",
            "http:user:hunter2@127.0.0.1:1",
            "http://user:hunter2/x@127.0.0.1:1",
            "http://user:%hunter2@127.0.0.1:1",
            "https://user:hunter2@127.0.0.1:1",
            "ftp://user:hunter2@127.0.0.1:1",
            "user:hunter2@127.0.0.1:1",
            "user:hunter2",
            "electrum://user:hunter2@127.0.0.1:50001",
            "electrum://127.0.0.1:50001?proxy=user:hunter2@127.0.0.1:9050",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let good = parse("http://user:hunter2@127.0.0.1:1").unwrap();
        assert!(!format!("{good:?}").contains("hunter2"));
    }
}
