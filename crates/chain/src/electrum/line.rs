//! Questions and answers over one connection that is kept, and made anew when it broke.

use super::pipe::{Pipe, Trouble, waited};
use super::{Endpoint, Limits};
use crate::{ChainError, foreign};
use bitcoin::ScriptBuf;
use electrum_client::raw_client::RawClient;
use electrum_client::{Batch, ElectrumApi, Error, Param, ToElectrumScriptHash};
use quorate_core::ledger::ScriptStatus;
use serde_json::Value;
use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

/// What we call ourselves; servers log it, so it says no more than it must.
const CLIENT: &str = "quorate";
/// The versions of the protocol that are understood.
const VERSIONS: [&str; 2] = ["1.4", "1.6"];

/// A method and its parameters.
pub(super) type Call = (&'static str, Vec<Param>);

/// Why there is no answer to use.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server says no: its words.
    Refused(String),
    /// Longer than allowed: asking for less at once may help.
    TooLarge,
    Chain(ChainError),
}

struct Open {
    client: RawClient<Pipe>,
    /// Hashes of scripts whose changes the server tells from now on. The client counts a change of
    /// any other as an error, and a second subscription too.
    subscribed: HashSet<[u8; 32]>,
}

impl Open {
    fn batch(&self, calls: &[Call]) -> Result<Vec<Value>, Error> {
        let mut batch = Batch::default();
        for (method, params) in calls {
            batch.raw((*method).to_owned(), params.clone());
        }
        self.client.batch_call(&batch)
    }

    fn statuses(&mut self, scripts: &[ScriptBuf]) -> Result<Vec<Option<ScriptStatus>>, Error> {
        let hashes = scripts.iter().map(|s| *s.to_electrum_scripthash());
        let new: Vec<bool> = hashes.map(|hash| self.subscribed.insert(hash)).collect();
        let of = |wanted: bool| {
            let both = scripts
                .iter()
                .zip(&new)
                .filter(move |(_, new)| **new == wanted);
            both.map(|(script, _)| script.as_script())
                .collect::<Vec<_>>()
        };
        let mut first = self.client.batch_script_subscribe(of(true))?.into_iter();
        let mut again = Batch::default();
        for script in of(false) {
            again.script_subscribe(script);
        }
        let mut again = self.client.batch_call(&again)?.into_iter();
        let mut statuses = Vec::with_capacity(scripts.len());
        for new in new {
            let status: Option<electrum_client::ScriptStatus> = match new {
                true => first.next().flatten(),
                false => serde_json::from_value(again.next().unwrap_or_default())?,
            };
            statuses.push(status.map(|status| ScriptStatus(*status)));
        }
        Ok(statuses)
    }
}

pub(super) struct Line {
    name: String,
    endpoint: Endpoint,
    limits: Limits,
    open: Mutex<Option<Open>>,
}

impl Line {
    pub(super) fn new(endpoint: Endpoint, limits: Limits) -> Self {
        let Endpoint { host, port, .. } = &endpoint;
        Self {
            name: format!("Electrum server at {host}:{port}"),
            endpoint,
            limits,
            open: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn bad(&self, reason: impl AsRef<str>) -> ChainError {
        ChainError::BadAnswer {
            source_name: self.name.clone(),
            reason: foreign(reason.as_ref()),
        }
    }

    /// An error where no part of the question could be left out or asked otherwise.
    pub(super) fn last(&self, failure: Failure, asked: &str) -> ChainError {
        match failure {
            Failure::Chain(error) => error,
            Failure::Refused(words) => self.bad(format!("asked for {asked} it says: {words}")),
            Failure::TooLarge => self.bad(format!(
                "the answer to {asked} is longer than {} bytes",
                self.limits.answer
            )),
        }
    }

    /// All answers, in the order of the calls; when one is refused, none.
    pub(super) fn batch(&self, calls: &[Call]) -> Result<Vec<Value>, Failure> {
        self.with(|open| open.batch(calls))
    }

    pub(super) fn statuses(
        &self,
        scripts: &[ScriptBuf],
    ) -> Result<Vec<Option<ScriptStatus>>, Failure> {
        self.with(|open| open.statuses(scripts))
    }

    /// Asks over the connection. One that broke since the last time, as it does when the server was
    /// restarted or tired of us, is made anew once: all our questions may be repeated without harm.
    fn with<T>(&self, ask: impl Fn(&mut Open) -> Result<T, Error>) -> Result<T, Failure> {
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let fresh = slot.is_none();
            let open = match &mut *slot {
                Some(open) => open,
                None => slot.insert(self.connect()?),
            };
            let error = match ask(open) {
                Ok(answer) => return Ok(answer),
                Err(Error::Protocol(refusal)) => return Err(Failure::Refused(words(&refusal))),
                Err(error) => error,
            };
            *slot = None;
            if fresh || !is_broken(&error) {
                return Err(self.explain(&error));
            }
        }
    }

    fn connect(&self) -> Result<Open, Failure> {
        let pipe = Pipe::connect(&self.endpoint, &self.limits).map_err(|e| self.explain_io(&e))?;
        let client = RawClient::from(pipe);
        let versions = VERSIONS.map(str::to_owned).to_vec();
        let hello = [Param::String(CLIENT.to_owned()), Param::StringVec(versions)];
        let answer = client.raw_call("server.version", hello);
        let answer = answer.map_err(|error| match error {
            Error::Protocol(refusal) => Failure::Chain(self.bad(format!(
                "it doesn't speak the protocol's versions {} to {}: {}",
                VERSIONS[0],
                VERSIONS[1],
                words(&refusal)
            ))),
            error => self.explain(&error),
        })?;
        if serde_json::from_value::<(String, String)>(answer).is_err() {
            return Err(Failure::Chain(
                self.bad("it doesn't say which version of the protocol it speaks"),
            ));
        }
        Ok(Open {
            client,
            subscribed: HashSet::new(),
        })
    }

    fn explain(&self, error: &Error) -> Failure {
        match error {
            Error::IOError(error) => self.explain_io(error),
            Error::SharedIOError(error) => self.explain_io(error),
            _ => self.not_the_protocol(),
        }
    }

    fn not_the_protocol(&self) -> Failure {
        let hint = match self.endpoint.trust {
            None => "; with TLS the address begins with electrums://",
            Some(_) => "",
        };
        let reason = format!("it is not the Electrum protocol as we know it{hint}");
        Failure::Chain(self.bad(reason))
    }

    fn explain_io(&self, error: &io::Error) -> Failure {
        let trouble = error.get_ref().and_then(|e| e.downcast_ref::<Trouble>());
        let reason = match trouble {
            Some(Trouble::TooLarge) => return Failure::TooLarge,
            Some(Trouble::Certificate(reason)) => {
                return Failure::Chain(ChainError::Untrusted {
                    source_name: self.name.clone(),
                    reason: foreign(reason),
                });
            }
            Some(Trouble::File(reason)) => {
                let Endpoint { host, port, .. } = &self.endpoint;
                return Failure::Chain(ChainError::BadAddress {
                    given: format!("electrums://{host}:{port}?cert=…"),
                    reason: foreign(reason),
                });
            }
            Some(Trouble::NotTls(reason)) => {
                return Failure::Chain(self.bad(format!(
                    "it is not TLS as we know it ({reason}); without TLS the address begins with \
                     electrum://"
                )));
            }
            Some(Trouble::Proxy(what)) => {
                let proxy = self.endpoint.proxy.as_ref();
                let (host, port) = proxy.map_or(("", 0), |(host, port)| (host, *port));
                format!("the proxy {host}:{port} {what}")
            }
            Some(Trouble::Silence) => format!(
                "it stopped answering for {} seconds",
                self.limits.silence.as_secs()
            ),
            Some(Trouble::Endless) => format!(
                "it didn't finish its answer within {} seconds",
                self.limits.whole.as_secs()
            ),
            Some(Trouble::NoHost) => "there is no host of that name".to_owned(),
            None => match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    "nobody listens there; start the server, or correct the address".to_owned()
                }
                io::ErrorKind::InvalidData => {
                    return self.not_the_protocol();
                }
                _ if waited(error) => format!(
                    "no connection within {} seconds",
                    self.limits.connect.as_secs()
                ),
                _ if is_broken_io(error) => "the connection broke".to_owned(),
                _ => foreign(&error.to_string()),
            },
        };
        Failure::Chain(ChainError::Unreachable {
            source_name: self.name.clone(),
            reason,
        })
    }
}

/// The words of a refusal, `{"code": …, "message": …}` or just the words.
fn words(refusal: &Value) -> String {
    let text = refusal.get("message").unwrap_or(refusal);
    match text.as_str() {
        Some(text) => foreign(&text.split_whitespace().collect::<Vec<_>>().join(" ")),
        None => foreign(&text.to_string()),
    }
}

fn is_broken(error: &Error) -> bool {
    match error {
        Error::IOError(error) => is_broken_io(error),
        Error::SharedIOError(error) => is_broken_io(error),
        _ => false,
    }
}

fn is_broken_io(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
