//! A connection through a SOCKS5 proxy (RFC 1928) without a login, as Tor offers it. The name of
//! the host goes to the proxy as it is: looking it up here would tell others whom we ask.

use super::Limits;
use super::pipe::{Trouble, dial, waited};
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// A connection to `host`, made by the proxy at `proxy`.
pub(super) fn connect(
    proxy: &(String, u16),
    host: &str,
    port: u16,
    limits: &Limits,
) -> io::Result<TcpStream> {
    let mut stream = dial((&proxy.0, proxy.1), limits)
        .map_err(|error| trouble(&format!("can't be reached ({})", plain(&error))))?;
    // Tor needs its time to build a way.
    stream.set_read_timeout(Some(limits.silence))?;
    stream.set_write_timeout(Some(limits.silence))?;
    talk(&mut stream, host, port).map_err(|error| match error {
        error if waited(&error) => trouble("doesn't answer"),
        error if error.kind() == io::ErrorKind::UnexpectedEof => {
            trouble("hung up; is it a SOCKS5 proxy?")
        }
        error => error,
    })?;
    Ok(stream)
}

fn talk(stream: &mut TcpStream, host: &str, port: u16) -> io::Result<()> {
    stream.write_all(&[VERSION, 1, NO_LOGIN])?;
    match read::<2>(stream)? {
        [VERSION, NO_LOGIN] => {}
        [VERSION, _] => return Err(trouble("wants a login, which this version doesn't give")),
        _ => return Err(trouble("is not a SOCKS5 proxy")),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len())
                .map_err(|_| trouble("can't take a name of more than 255 letters"))?;
            request.extend([NAME, length]);
            request.extend(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;
    let [version, answer, _, kind] = read::<4>(stream)?;
    if version != VERSION {
        return Err(trouble("is not a SOCKS5 proxy"));
    }
    if answer != 0 {
        return Err(trouble(&format!("says: {}", meaning(answer))));
    }
    // The address that the proxy is bound to, which nobody needs.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(stream)?[0]),
        _ => return Err(trouble("is not a SOCKS5 proxy")),
    };
    stream.read_exact(&mut vec![0; length + 2])
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

const fn meaning(answer: u8) -> &'static str {
    match answer {
        2 => "its rules don't allow this connection",
        3 => "the network can't be reached",
        4 => "the host can't be reached",
        5 => "nobody listens there",
        6 => "the way there took too long",
        _ => "the connection failed",
    }
}

fn trouble(what: &str) -> io::Error {
    Trouble::Proxy(what.to_owned()).into()
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there; start it".to_owned(),
        _ if waited(error) => "no connection in time".to_owned(),
        _ => "no connection".to_owned(),
    }
}
