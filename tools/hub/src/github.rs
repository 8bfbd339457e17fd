//! Open pull requests on GitHub, for whoever begins work that somebody may have begun already.

use std::{borrow::Cow, env, time::Duration};

use reqwest::{Client, StatusCode, Url, header::RETRY_AFTER};
use serde::Deserialize;

use crate::{settings::Token, watch::Watch};

/// Where GitHub answers unless `GITHUB_API_URL` says otherwise.
const API: &str = "https://api.github.com";
/// How long one question may take: an answer is welcome and not needed.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pull requests of one answer.
const MOST: usize = 30;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GithubError {
    #[error("`{api}` is not the address of a GitHub API")]
    Address { api: String },

    #[error("GitHub cannot be reached: {detail}")]
    Unreachable { detail: String },

    #[error("GitHub's rate limit is reached{}", for_now(.wait.as_deref()))]
    RateLimited { wait: Option<String> },

    #[error("GitHub answered {status}")]
    Status { status: u16 },

    #[error("GitHub's answer cannot be read: {detail}")]
    Answer { detail: String },

    #[error("cancelled")]
    Cancelled,
}

impl GithubError {
    /// What the user could do next.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Address { .. } => {
                Some("unset GITHUB_API_URL, or set it to `https://api.github.com`".into())
            }
            Self::RateLimited { .. } => Some("with GITHUB_TOKEN set GitHub allows more".into()),
            Self::Status { status: 401 | 403 } => Some("check the token of GITHUB_TOKEN".into()),
            _ => None,
        }
    }
}

fn for_now(wait: Option<&str>) -> String {
    wait.map_or_else(String::new, |it| format!("; try again in {it} s"))
}

/// An open pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub title: String,
    pub author: String,
    /// Its page.
    pub url: String,
    pub draft: bool,
    /// An ISO date.
    pub updated: String,
}

/// GitHub's API, asked with the user's token where there is one.
#[derive(Clone, Debug)]
pub struct Github {
    pub api: String,
    pub token: Option<Token>,
}

#[derive(Deserialize)]
struct Found {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    number: u64,
    title: String,
    html_url: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    updated_at: String,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl Github {
    /// By `GITHUB_API_URL` and `GITHUB_TOKEN`.
    pub fn from_environment() -> Self {
        let variable = |name| env::var(name).ok().filter(|it| !it.trim().is_empty());
        Self {
            api: variable("GITHUB_API_URL").unwrap_or_else(|| API.to_owned()),
            token: variable("GITHUB_TOKEN").and_then(|it| Token::new(&it)),
        }
    }

    /// Open pull requests of `repository` (`owner/name`) that name `word`.
    ///
    /// # Errors
    ///
    /// Says why GitHub gave no answer.
    pub fn open_pull_requests(
        &self,
        repository: &str,
        word: &str,
        watch: Watch<'_>,
    ) -> Result<Vec<PullRequest>, GithubError> {
        let unreachable = |detail: String| GithubError::Unreachable { detail };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|err| unreachable(err.to_string()))?;
        runtime.block_on(async {
            let stopped = async {
                while !(watch.cancelled)() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                () = stopped => Err(GithubError::Cancelled),
                found = tokio::time::timeout(PATIENCE, self.search(repository, word)) => {
                    found.unwrap_or_else(|_| Err(unreachable(format!("no answer in {} s", PATIENCE.as_secs()))))
                }
            }
        })
    }

    async fn search(&self, repository: &str, word: &str) -> Result<Vec<PullRequest>, GithubError> {
        let wrong = || GithubError::Address { api: self.api.clone() };
        let mut url = Url::parse(&self.api).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(["search", "issues"]);
        url.query_pairs_mut()
            .append_pair("q", &format!("repo:{repository} is:pr is:open \"{word}\""))
            .append_pair("per_page", &MOST.to_string());
        let client = Client::builder()
            .user_agent(concat!("portwright/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|err| GithubError::Unreachable { detail: root(&err) })?;
        let mut request = client.get(url).header("Accept", "application/vnd.github+json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = request
            .send()
            .await
            .map_err(|err| GithubError::Unreachable { detail: root(&err.without_url()) })?;
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let exhausted = header("x-ratelimit-remaining").is_some_and(|it| it == "0");
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(GithubError::RateLimited { wait: header(RETRY_AFTER.as_str()) });
            }
            StatusCode::FORBIDDEN if exhausted => {
                return Err(GithubError::RateLimited { wait: header(RETRY_AFTER.as_str()) });
            }
            status => return Err(GithubError::Status { status: status.as_u16() }),
        }
        let found: Found = answer
            .json()
            .await
            .map_err(|err| GithubError::Answer { detail: root(&err.without_url()) })?;
        let row = |it: Item| PullRequest {
            number: it.number,
            title: it.title,
            author: it.user.map_or_else(|| "nobody".to_owned(), |it| it.login),
            url: it.html_url,
            draft: it.draft,
            updated: it.updated_at,
        };
        Ok(found.items.into_iter().take(MOST).map(row).collect())
    }
}

/// The innermost cause: what is around it only says that a request failed.
fn root(err: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread::{self, JoinHandle},
    };

    use super::*;

    /// Answers one request over HTTP, and gives what was asked.
    fn fake(answer: &'static str) -> (Github, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = format!("http://{}/api/v3", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut buffer) = (String::new(), [0; 4096]);
            while !asked.contains("\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                asked.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        });
        (Github { api, token: Token::new("secret") }, thread)
    }

    fn ask(github: &Github) -> Result<Vec<PullRequest>, GithubError> {
        github.open_pull_requests("ml-explore/mlx-lm", "olmo3", Watch::SILENT)
    }

    #[test]
    fn open_pull_requests_are_found() {
        let (github, asked) = fake(concat!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
            r#"{"total_count": 1, "items": [{"number": 7, "title": "Add olmo3", "draft": true,"#,
            r#""html_url": "https://example.org/7", "updated_at": "2026-01-31T12:00:00Z","#,
            r#""user": {"login": "somebody"}}]}"#
        ));
        let found = ask(&github).unwrap();
        assert_eq!(
            (found[0].number, found[0].author.as_str(), found[0].draft),
            (7, "somebody", true)
        );
        let asked = asked.join().unwrap();
        assert!(
            asked.starts_with("GET /api/v3/search/issues?q=repo%3Aml-explore%2Fmlx-lm"),
            "{asked}"
        );
        assert!(asked.to_lowercase().contains("authorization: bearer secret"), "{asked}");
    }

    #[test]
    fn what_github_refuses_is_said() {
        for (answer, expected) in [
            (
                "HTTP/1.1 429 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
                "try again in 60 s",
            ),
            (
                "HTTP/1.1 403 No\r\nX-RateLimit-Remaining: 0\r\nContent-Length: 0\r\n\r\n",
                "rate limit is reached",
            ),
            ("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "answered 401"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "cannot be read"),
        ] {
            let (github, asked) = fake(answer);
            let err = ask(&github).unwrap_err().to_string();
            assert!(err.contains(expected) && !err.contains("secret"), "{err}");
            asked.join().unwrap();
        }
        let nobody = Github { api: "http://127.0.0.1:9".into(), token: None };
        assert!(ask(&nobody).unwrap_err().to_string().contains("cannot be reached"));
        let wrong = Github { api: "no address".into(), token: None };
        assert!(ask(&wrong).unwrap_err().to_string().contains("no address"));
    }
}
