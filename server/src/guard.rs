//! Who may call over HTTP: which hosts and origins, and who has to show a token.
//!
//! On a loopback address the names of this machine are enough: no website reaches the server, as
//! `Host` must be one of them and no `Origin` passes but the server's own. On any other address every
//! request also needs the bearer token, which is the user's own or made for this one server.

use std::{
    borrow::Cow,
    fmt, io,
    net::{Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use portwright_harness::{digest, hint::Hint};
use subtle::ConstantTimeEq;

/// The variable that holds the user's own token.
pub const TOKEN_VARIABLE: &str = "PORTWRIGHT_TOKEN";
const SHORTEST_TOKEN: usize = 16;
const LONGEST_TOKEN: usize = 4096;
/// Names by which this machine reaches itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why it cannot be said who may call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    #[error(
        "`{address}` listens on every address of this machine, but no host name is allowed: requests would all be refused"
    )]
    NoHost { address: SocketAddr },

    /// No token could be made.
    #[error("failed to start the server")]
    Random(#[source] io::Error),
}

impl Hint for GuardError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoHost { .. } => Some(
                "name how clients reach it, e.g. `--allow-host build.example`, or listen on one address"
                    .into(),
            ),
            Self::Random(_) => None,
        }
    }
}

/// What a client must show. Its `Debug` does not tell it.
///
/// Invariant: 16 to 4096 visible ASCII characters, so it fits into a header as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token that the user chose; `None` when it is too short to be one, or cannot be sent.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&text.len());
        (fits && text.chars().all(|it| it.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// A new token of 256 random bits.
    pub(crate) fn fresh() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(digest::hex(&bytes)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// In a time that does not depend on where they differ.
    fn is(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How the server is reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// Names under which clients may reach it beside those of this machine and the address itself,
    /// e.g. `build.example` or `build.example:8000`.
    pub hosts: Vec<String>,
    /// What clients have to show; needed on other addresses than loopback, and made there if absent.
    pub token: Option<Token>,
}

impl Http {
    /// What `Host` may say.
    pub(crate) fn allowed_hosts(&self) -> Result<Vec<String>, GuardError> {
        let ip = self.address.ip();
        // `0.0.0.0` is no name by which anyone reaches it.
        if ip.is_unspecified() && self.hosts.is_empty() {
            return Err(GuardError::NoHost { address: self.address });
        }
        let own = (!ip.is_unspecified()).then(|| ip.to_string());
        let names = LOOPBACK.into_iter().map(str::to_owned);
        Ok(names.chain(own).chain(self.hosts.iter().cloned()).collect())
    }

    /// What clients have to show, and whether it was made just now: then nobody knows it yet.
    pub(crate) fn token(&self) -> Result<Option<(Token, Origin)>, GuardError> {
        match &self.token {
            Some(token) => Ok(Some((token.clone(), Origin::Given))),
            None if self.address.ip().is_loopback() => Ok(None),
            None => {
                let token = Token::fresh().map_err(GuardError::Random)?;
                Ok(Some((token, Origin::Made)))
            }
        }
    }
}

/// What `Origin` may say: this server's own addresses. It serves no pages, so no browser sends them.
pub(crate) fn own_origins(hosts: &[String], port: u16) -> Vec<String> {
    let origin = |host: &String| match host.parse::<Ipv6Addr>() {
        Ok(ip) => format!("http://[{ip}]:{port}"),
        // A name that was given with its port.
        Err(_) if host.contains(':') => format!("http://{host}"),
        Err(_) => format!("http://{host}:{port}"),
    };
    hosts.iter().map(origin).collect()
}

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Given,
    Made,
}

/// Lets a request through that shows the token.
pub(crate) async fn check(State(token): State<Token>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(bearer);
    match shown.map(|it| token.is(it)) {
        Some(true) => next.run(request).await,
        Some(false) => refuse(r#"Bearer realm="portwright", error="invalid_token""#),
        // RFC 6750: without credentials the challenge carries no error.
        None => refuse(r#"Bearer realm="portwright""#),
    }
}

/// `Bearer TOKEN`; the scheme's name is read as HTTP reads it, in any case.
fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = header.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn refuse(challenge: &'static str) -> Response {
    let text = format!(
        "a bearer token is needed: the server's {TOKEN_VARIABLE}, or the one that it printed when it started\n"
    );
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(address: &str, hosts: &[&str], token: Option<&str>) -> Http {
        Http {
            address: address.parse().unwrap(),
            hosts: hosts.iter().map(|it| (*it).to_owned()).collect(),
            token: token.map(|it| Token::parse(it).unwrap()),
        }
    }

    #[test]
    fn a_token_is_long_enough_and_can_be_sent() {
        for text in ["", "short", "sixteen letters\n", "schlüsselschlüssel", &"a".repeat(5000)] {
            assert_eq!(Token::parse(text), None, "{text:?}");
        }
        let token = Token::parse("0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for wrong in ["", "0123456789abcdeF", "0123456789abcdef0", "0123456789abcde"] {
            assert!(!token.is(wrong.as_bytes()), "{wrong:?}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn a_made_token_is_a_new_one_each_time() {
        let (first, second) = (Token::fresh().unwrap(), Token::fresh().unwrap());
        assert_ne!(first, second);
        assert_eq!(first.as_str().len(), 64);
        assert_eq!(Token::parse(first.as_str()), Some(first.clone()));
    }

    #[test]
    fn only_loopback_needs_no_token() {
        let made = |address: &str| http(address, &[], None).token().unwrap().map(|it| it.1);
        assert_eq!(made("127.0.0.1:0"), None);
        assert_eq!(made("[::1]:0"), None);
        assert_eq!(made("192.0.2.1:0"), Some(Origin::Made));
        let own = http("127.0.0.1:0", &[], Some("0123456789abcdef"));
        assert_eq!(own.token().unwrap().map(|it| it.1), Some(Origin::Given));
    }

    #[test]
    fn a_server_on_every_address_has_to_be_told_its_names() {
        assert!(matches!(
            http("0.0.0.0:80", &[], None).allowed_hosts(),
            Err(GuardError::NoHost { .. })
        ));
        let named = http("[::]:80", &["build.example"], None).allowed_hosts().unwrap();
        assert!(named.contains(&"build.example".to_owned()) && !named.contains(&"::".to_owned()));
        let own = http("192.0.2.1:80", &[], None).allowed_hosts().unwrap();
        assert!(own.contains(&"192.0.2.1".to_owned()));
    }

    #[test]
    fn only_the_server_itself_is_an_origin() {
        let hosts = ["localhost", "::1", "build.example:9"].map(str::to_owned);
        let expected = ["http://localhost:80", "http://[::1]:80", "http://build.example:9"];
        assert_eq!(own_origins(&hosts, 80), expected);
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        let shown = |it: &str| bearer(&HeaderValue::from_str(it).unwrap()).map(<[u8]>::to_vec);
        assert_eq!(shown("Bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(shown("bEARER  abc "), Some(b"abc".to_vec()));
        assert_eq!(shown("Basic abc"), None);
        assert_eq!(shown("Bearer"), None);
    }
}
