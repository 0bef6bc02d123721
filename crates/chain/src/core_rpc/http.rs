//! HTTP to a node that may be down, restarting, slow, or somebody else: one kept-alive connection,
//! a bound on every wait and on every answer, and credentials that no message can show.

use super::Limits;
use super::resolve::Digits;
use crate::{ChainError, foreign};
use bitcoin::base64::Engine as _;
use bitcoin::base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::unversioned::transport::DefaultConnector;

/// Where a node listens and how to log in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `host:port`, checked.
    pub(crate) host_port: String,
    pub(crate) login: Login,
}

/// How to log in.
#[derive(PartialEq, Eq)]
pub(crate) enum Login {
    /// `user:password`, as the header wants them.
    Password(String),
    /// The file in which the node writes such a pair anew at each start.
    Cookie(PathBuf),
}

impl Login {
    pub(crate) fn password(user: &str, password: &str) -> Self {
        Self::Password(format!("{user}:{password}"))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(…)"),
            Self::Cookie(path) => f.debug_tuple("Cookie").field(path).finish(),
        }
    }
}

/// What came back, before anybody has read it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why nothing usable came back.
#[derive(Debug)]
pub(super) enum Failure {
    /// Longer than allowed: asking for less at once may help.
    TooLarge,
    Chain(ChainError),
}

pub(super) struct Http {
    name: String,
    url: String,
    agent: ureq::Agent,
    login: Login,
    /// The cookie as last read; the file changes when the node restarts.
    cookie: Mutex<Option<String>>,
    limits: Limits,
}

impl Http {
    pub(super) fn new(endpoint: Endpoint, limits: Limits) -> Self {
        let config = ureq::Agent::config_builder()
            .proxy(None) // A node's password must not go to a proxy that the environment names.
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("quorate")
            // They are made for each connection and filled with zeros: a short question needs no more.
            .output_buffer_size(16 << 10)
            .input_buffer_size(64 << 10)
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.silence))
            .timeout_per_write(Some(limits.silence))
            .timeout_global(Some(limits.whole))
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Digits::default());
        Self {
            name: format!("Bitcoin Core at {}", endpoint.host_port),
            url: format!("http://{}/", endpoint.host_port),
            agent,
            login: endpoint.login,
            cookie: Mutex::new(None),
            limits,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Posts `body` and reads an answer of at most `max` bytes. A connection that the node closed
    /// meanwhile is opened again once, and a refused cookie is read again once: all our calls may
    /// be repeated without harm.
    pub(super) fn post(&self, body: &[u8], max: u64) -> Result<Answer, Failure> {
        let mut reconnect = true;
        let mut reread = true;
        loop {
            let login = self.credentials()?;
            let error = match self.post_once(&login, body, max) {
                Ok(answer) if answer.status != 401 => return Ok(answer),
                Ok(_) if reread && self.cookie_changed(&login) => {
                    reread = false;
                    continue;
                }
                Ok(_) => {
                    return Err(Failure::Chain(ChainError::Unauthorized {
                        source_name: self.name.clone(),
                    }));
                }
                Err(error) => error,
            };
            if reconnect && is_broken_connection(&error) {
                reconnect = false;
                continue;
            }
            return Err(self.explain(&error, max));
        }
    }

    fn post_once(&self, login: &str, body: &[u8], max: u64) -> Result<Answer, ureq::Error> {
        let mut response = self
            .agent
            .post(&self.url)
            .config()
            .timeout_global(Some(self.whole(max)))
            .build()
            .header("Authorization", &basic(login))
            .header("Content-Type", "application/json")
            .send(body)?;
        if response.body().content_length().is_some_and(|n| n > max) {
            return Err(ureq::Error::BodyExceedsLimit(max));
        }
        Ok(Answer {
            status: response.status().as_u16(),
            body: response.body_mut().with_config().limit(max).read_to_vec()?,
        })
    }

    /// What the node gives without asking who wants it, at most `max` bytes; `None` if it doesn't. A
    /// connection that was closed meanwhile is opened again once.
    pub(super) fn get(&self, path: &str, max: u64) -> Option<Vec<u8>> {
        let again = |error: &ureq::Error| is_broken_connection(error);
        match self.get_once(path, max) {
            Err(error) if again(&error) => self.get_once(path, max).ok()?,
            answer => answer.ok()?,
        }
    }

    fn get_once(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>, ureq::Error> {
        let mut response = self
            .agent
            .get(format!("{}{path}", self.url))
            .config()
            .timeout_global(Some(self.whole(max)))
            .build()
            .call()?;
        let bytes = response.body_mut().with_config().limit(max).read_to_vec()?;
        Ok((response.status() == 200).then_some(bytes))
    }

    fn credentials(&self) -> Result<String, Failure> {
        let path = match &self.login {
            Login::Password(login) => return Ok(login.clone()),
            Login::Cookie(path) => path,
        };
        let mut cookie = self.cookie.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(login) = &*cookie {
            return Ok(login.clone());
        }
        let login = read_cookie(path).map_err(|reason| self.unreachable(reason))?;
        Ok(cookie.insert(login).clone())
    }

    /// Reads the cookie file again after `refused` was refused. A node that restarts deletes the
    /// file and writes another.
    fn cookie_changed(&self, refused: &str) -> bool {
        let Login::Cookie(path) = &self.login else {
            return false;
        };
        let now = read_cookie(path).ok();
        let changed = now.as_deref().is_some_and(|now| now != refused);
        *self.cookie.lock().unwrap_or_else(PoisonError::into_inner) = now;
        changed
    }

    /// How long a question may take whose answer has at most `max` bytes.
    fn whole(&self, max: u64) -> Duration {
        if max <= self.limits.short {
            self.limits.whole.min(self.limits.quick)
        } else {
            self.limits.whole
        }
    }

    fn explain(&self, error: &ureq::Error, max: u64) -> Failure {
        let reason = match error {
            ureq::Error::BodyExceedsLimit(_) => return Failure::TooLarge,
            ureq::Error::Timeout(ureq::Timeout::Connect) => format!(
                "no connection within {} seconds",
                self.limits.connect.as_secs_f32()
            ),
            ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::PerWrite) => format!(
                "it stopped answering for {} seconds",
                self.limits.silence.as_secs_f32()
            ),
            ureq::Error::Timeout(_) => format!(
                "it didn't finish its answer within {} seconds",
                self.whole(max).as_secs_f32()
            ),
            ureq::Error::HostNotFound => "there is no host of that name".to_owned(),
            ureq::Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                "nobody listens there; start the node, or correct the address".to_owned()
            }
            ureq::Error::Io(e) if e.kind() == io::ErrorKind::TimedOut => {
                "no answer in time".to_owned()
            }
            ureq::Error::Protocol(_)
            | ureq::Error::Http(_)
            | ureq::Error::LargeResponseHeader(..) => {
                return Failure::Chain(ChainError::BadAnswer {
                    source_name: self.name.clone(),
                    reason: format!(
                        "it is not HTTP as we know it ({})",
                        foreign(&error.to_string())
                    ),
                });
            }
            other if is_broken_connection(other) => "the connection broke".to_owned(),
            other => foreign(&other.to_string()),
        };
        self.unreachable(reason)
    }

    fn unreachable(&self, reason: String) -> Failure {
        Failure::Chain(ChainError::Unreachable {
            source_name: self.name.clone(),
            reason,
        })
    }
}

/// A connection that ended in the middle, as a kept-alive one does when the node has restarted.
fn is_broken_connection(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(e) if matches!(
        e.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    ))
}

fn basic(login: &str) -> String {
    format!("Basic {}", STANDARD.encode(login))
}

/// Reads `user:password` from the node's cookie file. Not a word of the content gets into the
/// message: the path may be of a file that isn't a cookie.
fn read_cookie(path: &Path) -> Result<String, String> {
    const MAX: u64 = 1_000;
    let shown = foreign(&path.display().to_string());
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX).read_to_string(&mut text))
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "its cookie file {shown} is not there; the node isn't running, or keeps it elsewhere"
            ),
            io::ErrorKind::InvalidData => format!("{shown} is not a cookie file of Bitcoin Core"),
            _ => format!("its cookie file {shown} can't be read: {error}"),
        })?;
    let login = text.trim_end_matches(['\r', '\n']);
    if !login.contains(':') || login.chars().any(char::is_control) {
        return Err(format!("{shown} is not a cookie file of Bitcoin Core"));
    }
    Ok(login.to_owned())
}
