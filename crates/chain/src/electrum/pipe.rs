//! The stream under the protocol: plain or TLS, with a bound on every wait and on every answer. A
//! question begins with the first byte written after something was read.

use super::{Endpoint, Limits, proxy, tls};
use rustls::{ClientConnection, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

/// Why the stream gave up, where the system has no word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No byte for as long as we wait.
    Silence,
    /// Bytes now and then, but no end of the answer.
    Endless,
    /// Longer than allowed: asking for less at once may help.
    TooLarge,
    /// There is no host of that name.
    NoHost,
    /// The proxy, or what it says; in plain words.
    Proxy(String),
    /// The server's certificate, in plain words.
    Certificate(String),
    /// The file of the certificate to trust, in plain words.
    File(String),
    /// Not TLS as we know it.
    NotTls(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Trouble {}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        Self::other(trouble)
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A connection that can't make us wait or remember without end.
pub(super) struct Pipe {
    wire: Wire,
    limits: Limits,
    end: Instant,
    left: u64,
    reading: bool,
}

impl Pipe {
    pub(super) fn connect(endpoint: &Endpoint, limits: &Limits) -> io::Result<Self> {
        // First what needs nobody else: a file that isn't there is no matter of the network.
        let tls = endpoint.trust.as_ref().map(tls::prepare).transpose()?;
        let tcp = match &endpoint.proxy {
            None => dial((&endpoint.host, endpoint.port), limits)?,
            Some(proxy) => proxy::connect(proxy, &endpoint.host, endpoint.port, limits)?,
        };
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(limits.silence))?;
        tcp.set_write_timeout(Some(limits.silence))?;
        let wire = match tls {
            None => Wire::Plain(tcp),
            Some(config) => Wire::Tls(Box::new(tls::secure(tcp, &endpoint.host, config)?)),
        };
        Ok(Self {
            wire,
            limits: limits.clone(),
            end: Instant::now() + limits.whole,
            left: limits.answer,
            reading: false,
        })
    }

    fn tcp(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(tcp) => tcp,
            Wire::Tls(tls) => &tls.sock,
        }
    }

    /// How long the next byte may take, and what it means when it doesn't come.
    fn patience(&self) -> io::Result<Trouble> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Endless.into());
        }
        let wait = left.min(self.limits.silence);
        self.tcp().set_read_timeout(Some(wait))?;
        Ok(if wait == left {
            Trouble::Endless
        } else {
            Trouble::Silence
        })
    }
}

/// Connects to the first address of the host that answers.
pub(super) fn dial(host: (&str, u16), limits: &Limits) -> io::Result<TcpStream> {
    let bare = host.0.trim_start_matches('[').trim_end_matches(']');
    let addresses = (bare, host.1)
        .to_socket_addrs()
        .map_err(|_| io::Error::from(Trouble::NoHost))?;
    let mut last = Trouble::NoHost.into();
    for address in addresses {
        match TcpStream::connect_timeout(&address, limits.connect) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether the system says that a wait is over: it has two words for that.
pub(super) fn waited(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading = true;
        let late = self.patience()?;
        let read = match &mut self.wire {
            Wire::Plain(tcp) => tcp.read(buffer),
            Wire::Tls(tls) => tls.read(buffer),
        };
        let count = read.map_err(|error| if waited(&error) { late.into() } else { error })?;
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| io::Error::from(Trouble::TooLarge))?;
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.reading {
            self.reading = false;
            self.left = self.limits.answer;
            self.end = Instant::now() + self.limits.whole;
        }
        let written = match &mut self.wire {
            Wire::Plain(tcp) => tcp.write(buffer),
            Wire::Tls(tls) => tls.write(buffer),
        };
        written.map_err(|error| match waited(&error) {
            true => Trouble::Silence.into(),
            false => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(tcp) => tcp.flush(),
            Wire::Tls(tls) => tls.flush(),
        }
    }
}
