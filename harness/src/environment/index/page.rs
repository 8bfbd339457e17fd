//! What an index says of one package: its files with their hashes, as JSON (PEP 691) or, where an index
//! has no JSON, as the HTML page that every index has (PEP 503).

use html5gum::{Token, Tokenizer};
use reqwest::Url;
use serde::Deserialize;

use super::http::Answer;

/// The files of a package.
#[derive(Debug)]
pub(in crate::environment) struct Page {
    wheels: Vec<Wheel>,
}

/// A wheel of plain Python files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::environment) struct Wheel {
    /// `mlx_lm-0.32.2-py3-none-any.whl`
    pub(in crate::environment) name: String,
    pub(in crate::environment) version: String,
    pub(super) url: Url,
    /// In lower case, where the index states it.
    pub(in crate::environment) sha256: Option<String>,
    /// In bytes, where the index states it.
    pub(super) size: Option<u64>,
    /// Why its authors took it back, where they did: only who names it exactly gets it.
    pub(in crate::environment) yanked: Option<String>,
}

/// PEP 691, as far as it is needed here.
#[derive(Deserialize)]
struct Listing {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: Hashes,
    size: Option<u64>,
    #[serde(default)]
    yanked: Yanked,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

/// A flag, or the reason.
#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Flag(bool),
    Reason(String),
}

impl Yanked {
    fn reason(self) -> Option<String> {
        match self {
            Self::Flag(false) => None,
            Self::Flag(true) => Some("no reason is stated".to_owned()),
            Self::Reason(reason) => Some(reason),
        }
    }
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl Page {
    /// Reads an answer as what it says it is.
    ///
    /// # Errors
    ///
    /// One sentence on what is wrong with it.
    pub(super) fn read(package: &str, answer: &Answer) -> Result<Self, String> {
        let kind = answer.kind.as_str();
        let listed = if kind.ends_with("json") {
            let read: Listing = serde_json::from_slice(&answer.body).map_err(|err| {
                format!("what it says of `{package}` is not the JSON of a package index ({err})")
            })?;
            read.files
        } else if kind.ends_with("html") {
            anchors(&answer.body)
        } else {
            return Err(format!(
                "what it says of `{package}` is neither JSON nor HTML but `{kind}`"
            ));
        };
        let files = listed.len();
        let wheels: Vec<Wheel> =
            listed.into_iter().filter_map(|it| Wheel::of(package, it, &answer.url)).collect();
        if wheels.is_empty() {
            return Err(format!(
                "what it says of `{package}` lists {files} files, and no wheel `py3-none-any` among them"
            ));
        }
        Ok(Self { wheels })
    }

    /// The wheel of exactly this version.
    pub(in crate::environment) fn wheel(&self, version: &str) -> Option<&Wheel> {
        self.wheels.iter().find(|it| it.version == version)
    }

    /// The wheel of the newest release `SERIES.x`: no release candidate, and none that was taken back.
    pub(in crate::environment) fn newest(&self, series: &str) -> Option<&Wheel> {
        let place = |it: &Wheel| it.version.strip_prefix(series).and_then(patch);
        let kept = self.wheels.iter().filter(|it| it.yanked.is_none());
        kept.filter_map(|it| Some((place(it)?, it))).max_by_key(|it| it.0).map(|it| it.1)
    }

    /// How many wheels there are, and the highest version of them: no release candidate.
    pub(in crate::environment) fn range(&self) -> (usize, Option<&str>) {
        let numbers = |it: &Wheel| -> Option<Vec<u64>> {
            it.version.split('.').map(|it| it.parse().ok()).collect()
        };
        let all = self.wheels.iter().filter_map(|it| Some((numbers(it)?, it)));
        let last = all.max_by(|left, right| left.0.cmp(&right.0));
        (self.wheels.len(), last.map(|it| it.1.version.as_str()))
    }
}

/// What follows `5.24` in `5.24`, `5.24.1` and `5.24.1.post2`, as numbers to sort by.
fn patch(rest: &str) -> Option<(u64, u64)> {
    if rest.is_empty() {
        return Some((0, 0));
    }
    let rest = rest.strip_prefix('.')?;
    match rest.split_once(".post") {
        Some((patch, post)) => Some((patch.parse().ok()?, post.parse().ok()?)),
        None => Some((rest.parse().ok()?, 0)),
    }
}

impl Wheel {
    /// `None` for what is no wheel of plain Python files of this package.
    fn of(package: &str, listed: Listed, page: &Url) -> Option<Self> {
        let parts: Vec<&str> = listed.filename.strip_suffix(".whl")?.split('-').collect();
        let (name, version, tags) = match parts[..] {
            [name, version, python, abi, platform] | [name, version, _, python, abi, platform] => {
                (name, version, (python, abi, platform))
            }
            _ => return None,
        };
        let plain = tags.0.split('.').any(|it| it == "py3") && (tags.1, tags.2) == ("none", "any");
        if !plain || normal(name) != normal(package) {
            return None;
        }
        let mut url = page.join(&listed.url).ok()?;
        let fragment = url.fragment().and_then(|it| it.strip_prefix("sha256=")).map(str::to_owned);
        url.set_fragment(None);
        // An index with a password keeps its files behind the same one.
        if url.origin() == page.origin() && url.username().is_empty() {
            url.set_username(page.username()).ok()?;
            url.set_password(page.password()).ok()?;
        }
        let sha256 = listed.hashes.sha256.or(fragment).map(|it| it.to_lowercase());
        let is_digest = |it: &String| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
        Some(Self {
            version: version.to_owned(),
            url,
            sha256: sha256.filter(is_digest),
            size: listed.size,
            yanked: listed.yanked.reason(),
            name: listed.filename,
        })
    }
}

/// Names of packages are compared like this (PEP 503).
pub(super) fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// The files that an HTML page links to: each is named as the last part of its address.
fn anchors(body: &[u8]) -> Vec<Listed> {
    let mut found = Vec::new();
    let text = String::from_utf8_lossy(body);
    for token in Tokenizer::new(&*text) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        if tag.name.as_slice() != b"a" {
            continue;
        }
        let attribute = |name: &[u8]| {
            let value = tag.attributes.get(name)?;
            Some(String::from_utf8_lossy(value.as_slice()).into_owned())
        };
        let Some(url) = attribute(b"href") else { continue };
        let address = url.split(['#', '?']).next().unwrap_or_default();
        let filename = address.rsplit('/').next().unwrap_or_default().replace("%2B", "+");
        let yanked = attribute(b"data-yanked").map_or_else(Yanked::default, Yanked::Reason);
        found.push(Listed { filename, url, hashes: Hashes::default(), size: None, yanked });
    }
    found
}
