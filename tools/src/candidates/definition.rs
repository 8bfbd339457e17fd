//! What a release of transformers says about the config of a model type, read from its sources: which
//! fields there are, what they are when a config leaves them out, and which names its files use at all.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use portwright_source::{
    Library, Problem, Source,
    config_class::{ConfigClass, Literal, config_classes},
};
use serde_json::{Map, Number, Value};

/// The class that every configuration class extends, under its two names.
const BASES: [&str; 2] = ["PreTrainedConfig", "PretrainedConfig"];
/// The base of the rotation where neither a config nor its class names one.
const DEFAULT_THETA: f64 = 10_000.0;
/// Configs inside configs inside configs.
const DEEPEST: usize = 4;

/// The config of one model type, as its class declares it.
#[derive(Debug, Default)]
pub(super) struct Definition {
    pub(super) root: Declared,
    /// Every name that the configuration and modeling files of its models use.
    words: HashSet<String>,
}

/// One class, and the classes of its parts.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) class: ConfigClass,
    pub(super) parts: Vec<(String, Declared)>,
}

impl Definition {
    /// Reads it; nothing where the release has no such model type.
    ///
    /// # Errors
    ///
    /// Where a file of the definition cannot be read.
    pub(super) fn read(library: &Library, model_type: &str) -> Result<Option<Self>, Problem> {
        let mut reading = Reading { library, words: HashSet::new(), base: base(library) };
        let root = reading.of_type(model_type, DEEPEST)?;
        Ok(root.map(|root| Self { root, words: reading.words }))
    }

    /// Whether anything in the definition's files has the name of a field.
    pub(super) fn names(&self, path: &str) -> bool {
        let (mut declared, mut rest) = (&self.root, path);
        while let Some((part, below)) = rest.split_once('.')
            && let Some((_, it)) = declared.parts.iter().find(|it| it.0 == part)
        {
            (declared, rest) = (it, below);
        }
        let name = rest.split('.').next().unwrap_or(rest);
        declared.class.fields.contains_key(name) || self.words.contains(name)
    }

    /// The number that a field has when a config leaves it out.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        let (mut declared, mut rest) = (&self.root, path);
        while let Some((part, below)) = rest.split_once('.') {
            if part == "rope_parameters" {
                return path.ends_with(".rope_theta").then(|| declared.theta());
            }
            let (_, it) = declared.parts.iter().find(|it| it.0 == part)?;
            (declared, rest) = (it, below);
        }
        value(declared.class.fields.get(rest)?.as_ref()?).as_f64()
    }

    #[cfg(test)]
    pub(super) fn of(source: &str) -> Self {
        let source = Source::parse("configuration_toy.py", source).unwrap();
        let mut classes = config_classes(&source);
        let class = classes.pop().unwrap();
        let parts = class.parts.iter().filter_map(|part| {
            let class = classes.iter().find(|it| Some(&it.name) == part.class.as_ref())?.clone();
            Some((part.field.clone(), Declared { class, parts: Vec::new() }))
        });
        let parts = parts.collect();
        Self { root: Declared { class, parts }, words: words(&source).collect() }
    }
}

impl Declared {
    /// The fields that have a default.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (&str, Value)> {
        let fields = self.class.fields.iter();
        fields.filter_map(|(name, default)| Some((name.as_str(), value(default.as_ref()?))))
    }

    pub(super) fn theta(&self) -> f64 {
        self.class.default_theta.unwrap_or(DEFAULT_THETA)
    }
}

struct Reading<'a> {
    library: &'a Library,
    words: HashSet<String>,
    base: Option<ConfigClass>,
}

impl Reading<'_> {
    fn of_type(&mut self, model_type: &str, depth: usize) -> Result<Option<Declared>, Problem> {
        let names = self.library.names();
        let Some((_, class)) = names.iter().find(|(it, _)| *it == model_type) else {
            return Ok(None);
        };
        let Some(file) = self.file_of(model_type, class) else { return Ok(None) };
        let source = self.library.load(&file)?;
        self.words.extend(words(&source));
        for it in modeling_files(&file) {
            self.words.extend(words(&*self.library.load(&it)?));
        }
        let classes = config_classes(&source);
        match classes.iter().find(|it| it.name == *class) {
            Some(class) => self.declared(class, &classes, depth).map(Some),
            None => Ok(None),
        }
    }

    fn declared(
        &mut self,
        class: &ConfigClass,
        beside: &[ConfigClass],
        depth: usize,
    ) -> Result<Declared, Problem> {
        let mut class = class.clone();
        for (name, default) in self.base.iter().flat_map(|it| &it.fields) {
            class.fields.entry(name.clone()).or_insert_with(|| default.clone());
        }
        let mut parts = Vec::new();
        for part in class.parts.clone() {
            let here = beside.iter().find(|it| Some(&it.name) == part.class.as_ref());
            let declared = match (here, &part.model_type) {
                _ if depth == 0 => None,
                (Some(here), _) => Some(self.declared(here, beside, depth - 1)?),
                (None, Some(model_type)) => self.of_type(model_type, depth - 1)?,
                (None, None) => None,
            };
            parts.extend(declared.map(|it| (part.field, it)));
        }
        Ok(Declared { class, parts })
    }

    /// The file of a configuration class: in the folder of its model type, or in that of another.
    fn file_of(&self, model_type: &str, class: &str) -> Option<PathBuf> {
        let head = format!("class {class}(");
        let has = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|it| it.contains(&head));
        let name = model_type.replace('-', "_");
        let own = self.library.models().join(&name).join(format!("configuration_{name}.py"));
        if has(&own) {
            return Some(own);
        }
        let mut folders = paths(&self.library.models());
        folders.sort();
        folders
            .iter()
            .flat_map(|it| paths(it))
            .find(|it| is_python(it, "configuration_") && has(it))
    }
}

/// The class that all others extend.
fn base(library: &Library) -> Option<ConfigClass> {
    let source = library.load(&library.package().join("configuration_utils.py")).ok()?;
    config_classes(&source).into_iter().find(|it| BASES.contains(&it.name.as_str()))
}

fn modeling_files(configuration: &Path) -> Vec<PathBuf> {
    let mut files = configuration.parent().map(paths).unwrap_or_default();
    files.retain(|it| is_python(it, "modeling_"));
    files.sort();
    files
}

fn is_python(file: &Path, prefix: &str) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(prefix) && file.extension().is_some_and(|it| it == "py")
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|it| Some(it.ok()?.path())).collect()
}

/// The words of a file; a name in a comment counts, so that nothing is called unknown too early.
fn words(source: &Source) -> impl Iterator<Item = String> {
    let parts = source.text().split(|it: char| !it.is_alphanumeric() && it != '_');
    parts.filter(|it| !it.is_empty()).map(str::to_owned)
}

fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(it) => Value::Bool(*it),
        Literal::Int(it) => Value::from(*it),
        Literal::Float(it) => Number::from_f64(*it).map_or(Value::Null, Value::Number),
        Literal::Text(it) => Value::from(it.as_str()),
        Literal::List(items) => Value::Array(items.iter().map(value).collect()),
        Literal::Map(entries) => {
            let entries = entries.iter().map(|(key, it)| (key.clone(), value(it)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOY: &str = r#"
class TextConfig(PreTrainedConfig):
    default_theta = 500_000.0
    rms_norm_eps: float = 1e-5

class ToyConfig(PreTrainedConfig):
    sub_configs_defaults = {"text_config": SubConfigSpec(config_class=TextConfig)}
    layer_norm_eps: float = 1e-6
    def __post_init__(self, **kwargs):
        self.pattern = kwargs.get("sliding_window_pattern", 6)
"#;

    #[test]
    fn defaults_are_found_by_path() {
        let definition = Definition::of(TOY);
        assert_eq!(definition.number("layer_norm_eps"), Some(1e-6));
        assert_eq!(definition.number("text_config.rms_norm_eps"), Some(1e-5));
        let theta = "text_config.rope_parameters.full_attention.rope_theta";
        assert_eq!(definition.number(theta), Some(500_000.0));
        assert_eq!(definition.number("rope_parameters.rope_theta"), Some(10_000.0));
        assert_eq!(definition.number("text_config.absent"), None);
    }

    #[test]
    fn a_name_that_no_file_uses_is_unknown() {
        let definition = Definition::of(TOY);
        for name in ["sliding_window_pattern", "text_config.rms_norm_eps", "layer_norm_eps"] {
            assert!(definition.names(name), "{name}");
        }
        assert!(!definition.names("unsloth_fixed"));
        assert!(!definition.names("text_config.unsloth_fixed"));
    }
}
