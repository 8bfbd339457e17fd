//! Which package index is asked: the one that the user's settings of uv and pip name.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use reqwest::Url;

use super::super::{error::SetupError, settings::without_credentials};

/// The variables that name the index, the first one that is set.
pub(in crate::environment) const VARIABLES: [&str; 3] =
    ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"];

/// The index that pip and uv ask where nobody says otherwise.
const DEFAULT: &str = "https://pypi.org/simple";

/// An index by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::environment) struct Place {
    /// As the user wrote it: it may hold a password.
    url: String,
    /// What names it, in a few words: a variable, a file, or that nothing does.
    from: String,
    /// `UV_OFFLINE`: nobody may be asked.
    pub(super) offline: bool,
}

impl Default for Place {
    fn default() -> Self {
        let from = format!("the default; {} and pip.conf name no other", VARIABLES.join(", "));
        Self { url: DEFAULT.to_owned(), from, offline: false }
    }
}

impl Place {
    pub(in crate::environment) fn from_environment() -> Self {
        let read = |path: &Path| match fs::read_to_string(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            read => Some(read),
        };
        Self::find(&|it| env::var_os(it).filter(|it| !it.is_empty()), &read)
    }

    #[cfg(test)]
    pub(in crate::environment) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), from: "named by the test".to_owned(), offline: false }
    }

    #[cfg(test)]
    pub(super) fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// The variables, then the files of uv and pip, then the default.
    fn find(
        variable: &dyn Fn(&str) -> Option<OsString>,
        read: &dyn Fn(&Path) -> Option<io::Result<String>>,
    ) -> Self {
        let text = |name: &str| variable(name).and_then(|it| it.into_string().ok());
        let is_set = |name: &str| {
            let set = |it: String| !["0", "false", "no", "off"].contains(&&*it.to_lowercase());
            text(name).is_some_and(set)
        };
        let offline = is_set("UV_OFFLINE");
        let named = VARIABLES.iter().find_map(|it| Some((text(it)?, format!("named by {it}"))));
        if let Some((url, from)) = named {
            return Self { url, from, offline };
        }
        let mut unread = String::new();
        for (path, index) in files(variable, is_set("UV_NO_CONFIG")) {
            let found = match read(&path) {
                None => continue,
                Some(read) => read.map_err(|err| err.to_string()).and_then(|it| index(&it)),
            };
            match found {
                Ok(Some(url)) => {
                    let from = format!("named by {}", path.display());
                    return Self { url, from, offline };
                }
                Ok(None) => {}
                Err(err) => unread += &format!("; `{}` was not read: {err}", path.display()),
            }
        }
        let default = Self::default();
        Self { from: default.from + &unread, offline, ..default }
    }

    /// Its address without a password.
    pub(in crate::environment) fn shown(&self) -> String {
        without_credentials(self.url.trim_end_matches('/'))
    }

    /// What names it, in a few words.
    pub(in crate::environment) fn from(&self) -> &str {
        &self.from
    }

    /// Where it says what it has of a package.
    pub(super) fn page(&self, package: &str) -> Result<Url, SetupError> {
        let no_address = || self.wrong("that is no address that begins with http:// or https://");
        let mut url = Url::parse(self.url.trim()).map_err(|_| no_address())?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(no_address());
        }
        url.path_segments_mut().map_err(|()| no_address())?.pop_if_empty().extend([package, ""]);
        Ok(url)
    }

    pub(super) fn unreachable(&self, detail: &str) -> SetupError {
        SetupError::IndexUnreachable {
            index: self.shown(),
            from: self.from.clone(),
            detail: detail.to_owned(),
        }
    }

    pub(in crate::environment) fn wrong(&self, detail: &str) -> SetupError {
        SetupError::IndexAnswer {
            index: self.shown(),
            from: self.from.clone(),
            detail: detail.to_owned(),
        }
    }
}

/// Takes the index out of a file of settings; `None` where it names none.
type Read = fn(&str) -> Result<Option<String>, String>;

/// The files that name an index, those of the user before those of the machine.
fn files(variable: &dyn Fn(&str) -> Option<OsString>, without_uv: bool) -> Vec<(PathBuf, Read)> {
    let path = |name: &str| variable(name).map(PathBuf::from);
    let home = path("HOME");
    let config = path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let below = |folder: &Option<PathBuf>, file: &str| Some(folder.as_ref()?.join(file));
    let uv = match path("UV_CONFIG_FILE") {
        _ if without_uv => Vec::new(),
        Some(chosen) => vec![Some(chosen)],
        None => vec![below(&config, "uv/uv.toml"), Some("/etc/uv/uv.toml".into())],
    };
    let pip = match path("PIP_CONFIG_FILE") {
        // So pip is told to read no file.
        Some(chosen) if chosen == Path::new("/dev/null") => Vec::new(),
        chosen => vec![
            chosen,
            below(&config, "pip/pip.conf"),
            below(&home, ".pip/pip.conf"),
            below(&home, "Library/Application Support/pip/pip.conf"),
            Some("/etc/xdg/pip/pip.conf".into()),
            Some("/etc/pip.conf".into()),
        ],
    };
    let uv = uv.into_iter().flatten().map(|it| (it, of_uv as Read));
    uv.chain(pip.into_iter().flatten().map(|it| (it, of_pip as Read))).collect()
}

/// `index-url = "…"`, or the table `[[index]]` with `default = true`.
fn of_uv(text: &str) -> Result<Option<String>, String> {
    let read: toml::Table =
        text.parse().map_err(|err: toml::de::Error| err.message().to_owned())?;
    let url = |it: &toml::Table, key: &str| Some(it.get(key)?.as_str()?.to_owned());
    let tables = read.get("index").and_then(toml::Value::as_array).into_iter().flatten();
    let is_default =
        |it: &&toml::Table| it.get("default").and_then(toml::Value::as_bool) == Some(true);
    let default = tables.filter_map(toml::Value::as_table).find(is_default);
    Ok(default
        .and_then(|it| url(it, "url"))
        .or_else(|| url(&read, "index-url"))
        .or_else(|| url(read.get("pip")?.as_table()?, "index-url")))
}

/// `index-url` of `[install]`, else of `[global]`.
#[expect(clippy::unnecessary_wraps, reason = "a row of the same table as uv's file")]
fn of_pip(text: &str) -> Result<Option<String>, String> {
    let (mut section, mut global, mut install) = ("", None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            section = name.trim();
            continue;
        }
        let Some(at) = line.find(['=', ':']).filter(|_| !line.starts_with(['#', ';'])) else {
            continue;
        };
        let (key, value) = (line[..at].trim(), line[at + 1..].trim());
        if !["index-url", "index_url"].contains(&key) || value.is_empty() {
            continue;
        }
        match section {
            "install" => install = Some(value.to_owned()),
            "global" => global = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(install.or(global))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn find(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Place {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        let files: BTreeMap<&Path, &str> =
            files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        Place::find(&|it| variables.get(it).map(OsString::from), &|it| {
            files.get(it).map(|it| Ok((*it).to_owned()))
        })
    }

    #[test]
    fn variables_go_before_files_and_files_before_the_default() {
        let pip = ("/etc/pip.conf", "[global]\ntimeout = 3\nindex-url = https://pip/simple\n");
        let uv = ("/u/.config/uv/uv.toml", "[[index]]\nurl = \"https://uv/\"\ndefault = true\n");
        let home = ("HOME", "/u");
        let chosen = |variables: &[_], files: &[_]| {
            let place = find(variables, files);
            let from = place.from().trim_start_matches("named by ").to_owned();
            (place.shown(), from)
        };
        let [one, two] = ["UV_DEFAULT_INDEX", "PIP_INDEX_URL"];
        let all = [home, (one, "https://one/"), (two, "https://two/")];
        assert_eq!(chosen(&all, &[pip, uv]), ("https://one".into(), one.into()));
        assert_eq!(chosen(&[home, all[2]], &[pip, uv]), ("https://two".into(), two.into()));
        assert_eq!(chosen(&[home], &[pip, uv]), ("https://uv".into(), uv.0.into()));
        assert_eq!(chosen(&[home], &[pip]), ("https://pip/simple".into(), pip.0.into()));
        let (url, from) = chosen(&[], &[]);
        assert!(url == DEFAULT && VARIABLES.iter().all(|it| from.contains(it)), "{from}");
    }

    #[test]
    fn a_file_that_cannot_be_read_as_settings_is_told() {
        let place = find(&[("HOME", "/u")], &[("/u/.config/uv/uv.toml", "index-url = [")]);
        assert_eq!(place.shown(), DEFAULT);
        assert!(place.from().contains("`/u/.config/uv/uv.toml` was not read"), "{}", place.from());
    }

    #[test]
    fn of_pips_sections_install_goes_first_and_comments_count_for_nothing() {
        let text = "[install]\nindex_url: https://b/\n[global]\n#index-url = https://c/\nindex-url=https://a/";
        assert_eq!(of_pip(text), Ok(Some("https://b/".into())));
        assert_eq!(of_pip("[freeze]\nindex-url = https://a/"), Ok(None));
        assert_eq!(of_uv("[pip]\nindex-url = \"https://a/\""), Ok(Some("https://a/".into())));
    }

    #[test]
    fn no_password_is_shown_and_no_other_scheme_is_asked() {
        let place = Place::new("https://user:s3cret@mirror.example/simple/");
        let page = place.page("mlx-lm").unwrap();
        assert_eq!(page.as_str(), "https://user:s3cret@mirror.example/simple/mlx-lm/");
        let said = format!("{} {}", place.wrong("x"), place.unreachable("y"));
        assert!(
            said.contains("https://mirror.example/simple") && !said.contains("s3cret"),
            "{said}"
        );
        for other in ["./wheels", "file:///wheels", "mirror.example"] {
            let said = Place::new(other).page("mlx-lm").unwrap_err().to_string();
            assert!(said.contains("http://"), "{said}");
        }
    }
}
