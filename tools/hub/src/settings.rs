//! What every client of the Hub reads from its surroundings, read once and then passed on as values.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a caller decides instead of the environment; the default decides nothing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Instead of `HF_ENDPOINT`, e.g. `https://huggingface.co`.
    pub endpoint: Option<String>,
    /// Instead of `HF_HUB_CACHE` and `HF_HOME`.
    pub cache: Option<PathBuf>,
    /// Instead of `HF_HUB_OFFLINE`.
    pub offline: Option<bool>,
    /// Instead of `HF_TOKEN` and the token's file.
    pub token: Option<Token>,
    pub limits: Limits,
}

/// How hard the Hub is asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests under way at once.
    pub concurrency: usize,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long the other side may say nothing.
    pub silence: Duration,
    /// How often a request is made before its failure counts.
    pub attempts: u32,
    /// The wait before the second attempt; each later one is twice as long.
    pub first_wait: Duration,
    /// The longest wait that the Hub may ask for; a longer one is an error that names it.
    pub longest_wait: Duration,
    /// How long one question may take, downloads apart.
    pub total: Duration,
    /// Pages of one listing.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            attempts: 5,
            first_wait: Duration::from_millis(300),
            longest_wait: Duration::from_mins(1),
            total: Duration::from_mins(5),
            pages: 100,
        }
    }
}

/// A token of the Hub, which no text of this program shows.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token without the white space around it; nothing where nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What was decided.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: String,
    pub(crate) cache: PathBuf,
    pub(crate) offline: bool,
    pub(crate) token: Option<Token>,
    pub(crate) limits: Limits,
}

impl Settings {
    pub(crate) fn new(overrides: Overrides) -> Self {
        Self::read(overrides, &|name| env::var(name).ok().filter(|it| !it.is_empty()))
    }

    fn read(overrides: Overrides, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let home = variable("HF_HOME").map_or_else(hf_hub::hf_home, PathBuf::from);
        let endpoint = overrides
            .endpoint
            .or_else(|| variable("HF_ENDPOINT"))
            .unwrap_or_else(|| "https://huggingface.co".to_owned());
        let cache = overrides
            .cache
            .or_else(|| variable("HF_HUB_CACHE").map(PathBuf::from))
            .or_else(|| variable("HUGGINGFACE_HUB_CACHE").map(PathBuf::from))
            .unwrap_or_else(|| home.join("hub"));
        let offline = overrides.offline.unwrap_or_else(|| is_on(variable("HF_HUB_OFFLINE")));
        let token = overrides.token.or_else(|| token(&home, variable));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, cache, offline, token, limits: overrides.limits }
    }
}

/// The token of the environment, else the one that signing in left in a file.
fn token(home: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Option<Token> {
    if is_on(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
        return None;
    }
    let file = variable("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from);
    ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
        .into_iter()
        .find_map(|name| Token::new(&variable(name)?))
        .or_else(|| Token::new(&fs::read_to_string(file).ok()?))
}

/// As the Python client reads a switch.
fn is_on(value: Option<String>) -> bool {
    value.is_some_and(|it| ["1", "ON", "YES", "TRUE"].contains(&it.to_uppercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Settings {
        Settings::read(Overrides::default(), &|name| {
            variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variables_of_every_hub_client_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let settings =
            read(&[("HF_HOME", home), ("HF_ENDPOINT", "http://a/"), ("HF_HUB_OFFLINE", "true")]);
        assert_eq!(settings.endpoint, "http://a");
        assert_eq!(settings.cache, folder.path().join("hub"));
        assert!(settings.offline);
        assert_eq!(settings.token.as_ref().unwrap().reveal(), "hf_file");
        assert!(!format!("{settings:?}").contains("hf_file"));

        let settings = read(&[
            ("HF_HOME", home),
            ("HF_TOKEN", " hf_variable "),
            ("HF_HUB_CACHE", "/c"),
            ("HF_HUB_OFFLINE", "0"),
        ]);
        assert_eq!(settings.endpoint, "https://huggingface.co");
        assert_eq!(settings.cache, Path::new("/c"));
        assert!(!settings.offline);
        assert_eq!(settings.token.unwrap().reveal(), "hf_variable");

        let none = read(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]);
        assert!(none.token.is_none());
    }
}
