//! From `host:port` to socket addresses. The HTTP client looks a name up in a thread of its own before
//! each request, so that it can stop waiting. An address in digits needs neither thread nor waiting.

use std::net::SocketAddr;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Reads addresses in digits, and looks up names.
#[derive(Debug, Default)]
pub(super) struct Digits(DefaultResolver);

impl Resolver for Digits {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host_port = uri.authority().map(|authority| authority.as_str());
        match host_port.and_then(|text| text.parse::<SocketAddr>().ok()) {
            Some(address) => {
                let mut addresses = self.empty();
                addresses.push(address);
                Ok(addresses)
            }
            None => self.0.resolve(uri, config, timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::time::Duration;
    use ureq::Timeout;

    #[test]
    fn digits_are_read_and_names_are_looked_up() {
        let resolve = |address: &str| {
            let uri: Uri = format!("http://{address}/").parse().unwrap();
            let timeout = NextTimeout {
                after: Duration::from_secs(5).into(),
                reason: Timeout::Global,
                ..NextTimeout::default()
            };
            let config = Config::default();
            let addresses = Digits::default().resolve(&uri, &config, timeout).unwrap();
            addresses.to_vec()
        };
        let digits = ["127.0.0.1:18443", "[::1]:18443"];
        for address in digits {
            assert_eq!(resolve(address), [address.parse().unwrap()]);
        }
        let named = resolve("localhost:18443");
        assert!(!named.is_empty());
        assert!(
            named
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 18443)
        );
    }
}
