//! The names of models: model type to class prefix and back, and which file a class belongs to.
//!
//! transformers keeps one table of model types and their configuration classes, and its modular
//! system derives every other spelling from it. The table is read from the release in use.

use std::collections::HashMap;

use indexmap::IndexMap;
use ruff_python_ast::{Expr, Stmt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::problem::Problem;
use crate::rules::Rules;
use crate::text::Source;

/// A file of a model, in the order in which the modular system lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Modeling,
    Configuration,
    Tokenization,
    Processing,
    ImageProcessingPil,
    ImageProcessing,
    /// Image processors on torch as releases before 5.4 have them, beside slow ones.
    ImageProcessingFast,
    VideoProcessing,
    FeatureExtraction,
}

/// The suffixes of class names and the file that each routes to; anything else is modeling.
const SUFFIXES: &[(&str, FileKind)] = &[
    ("Config", FileKind::Configuration),
    ("Tokenizer", FileKind::Tokenization),
    ("Processor", FileKind::Processing),
    ("ImageProcessor", FileKind::ImageProcessing),
    ("ImageProcessorPil", FileKind::ImageProcessingPil),
    ("VideoProcessor", FileKind::VideoProcessing),
    ("VideoProcessorInitKwargs", FileKind::VideoProcessing),
    ("FeatureExtractor", FileKind::FeatureExtraction),
    ("ProcessorKwargs", FileKind::Processing),
    ("VideosKwargs", FileKind::Processing),
    ("ImagesKwargs", FileKind::Processing),
    ("TextKwargs", FileKind::Processing),
    ("ImageProcessorKwargs", FileKind::ImageProcessing),
];

/// Suffixes of classes in the files of [`FileKind::ImageProcessingFast`].
const FAST: &[&str] = &["ImageProcessorFast", "FastImageProcessorKwargs"];

impl FileKind {
    pub const ALL: [Self; 9] = [
        Self::Modeling,
        Self::Configuration,
        Self::Tokenization,
        Self::Processing,
        Self::ImageProcessingPil,
        Self::ImageProcessing,
        Self::ImageProcessingFast,
        Self::VideoProcessing,
        Self::FeatureExtraction,
    ];

    /// The prefix of the file's name: `modeling` of `modeling_llama.py`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Modeling => "modeling",
            Self::Configuration => "configuration",
            Self::Tokenization => "tokenization",
            Self::Processing => "processing",
            Self::ImageProcessingPil => "image_processing_pil",
            Self::ImageProcessing | Self::ImageProcessingFast => "image_processing",
            Self::VideoProcessing => "video_processing",
            Self::FeatureExtraction => "feature_extraction",
        }
    }

    /// The module of this kind of the model: `modeling_llama`.
    pub fn module(self, model: &str) -> String {
        let end = if self == Self::ImageProcessingFast { "_fast" } else { "" };
        format!("{}_{model}{end}", self.prefix())
    }

    /// The kind of a module name such as `image_processing_pil_clip`.
    pub fn of_module(module: &str) -> Option<Self> {
        Self::split(module).map(|(kind, _)| kind)
    }

    /// The kind and the model of a module name: what [`module`](Self::module) puts together.
    pub fn split(module: &str) -> Option<(Self, &str)> {
        let model = |kind: Self| module.strip_prefix(kind.prefix())?.strip_prefix('_');
        let named = Self::ALL.into_iter().filter_map(|kind| Some((kind, model(kind)?))).rev();
        let (kind, model) = named.max_by_key(|(kind, _)| kind.prefix().len())?;
        match model.strip_suffix("_fast") {
            Some(model) if kind == Self::ImageProcessing => {
                Some((Self::ImageProcessingFast, model))
            }
            _ => Some((kind, model)),
        }
    }

    /// The file of a class (or name in `__all__`) of the model whose class prefix is `camel`.
    pub(crate) fn of_class(class: &str, camel: &str, rules: Rules) -> Self {
        let bare = if camel.is_empty() { class.to_owned() } else { class.replace(camel, "") };
        if rules.video_kwargs_with_video && bare.ends_with("VideoProcessorKwargs") {
            return Self::VideoProcessing;
        }
        if rules.fast_image_processors && FAST.iter().any(|suffix| bare.ends_with(suffix)) {
            return Self::ImageProcessingFast;
        }
        // The leftmost match is the longest suffix.
        SUFFIXES
            .iter()
            .filter(|(suffix, _)| bare.ends_with(suffix))
            .max_by_key(|(suffix, _)| suffix.len())
            .map_or(Self::Modeling, |(_, kind)| *kind)
    }
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(if *self == Self::ImageProcessingFast {
            "image_processing_fast"
        } else {
            self.prefix()
        })
    }
}

/// The table of model types of one release (`CONFIG_MAPPING_NAMES`).
#[derive(Debug)]
pub struct ModelNames {
    configs: IndexMap<String, String>,
    types: HashMap<String, String>,
    pub(crate) rules: Rules,
}

impl ModelNames {
    /// Reads the table from the sources that define it, in order.
    pub(crate) fn read(sources: &[&Source], rules: Rules) -> Result<Self, Problem> {
        let mut configs = IndexMap::new();
        for source in sources {
            for stmt in source.stmts() {
                match stmt {
                    Stmt::Assign(assign) if is_table(&assign.targets[0]) => {
                        let mut first = IndexMap::new();
                        pairs(&assign.value, &mut first);
                        if first.is_empty() && configs.is_empty() {
                            return Err(source.problem(
                                assign.range,
                                "the table of model types is not a literal",
                            ));
                        }
                        // What is put in front keeps its place; the rest follows.
                        for (key, value) in configs.drain(..) {
                            first.insert(key, value);
                        }
                        configs = first;
                    }
                    Stmt::Expr(expr) => {
                        if let Expr::Call(call) = &*expr.value
                            && let Expr::Attribute(function) = &*call.func
                            && function.attr.as_str() == "update"
                            && is_table(&function.value)
                        {
                            call.arguments
                                .args
                                .iter()
                                .for_each(|argument| pairs(argument, &mut configs));
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { rules, ..Self::from_pairs(configs) })
    }

    pub fn from_pairs(configs: impl IntoIterator<Item = (String, String)>) -> Self {
        let configs: IndexMap<_, _> = configs.into_iter().collect();
        let types =
            configs.iter().map(|(key, class)| (class.clone(), key.replace('-', "_"))).collect();
        Self { configs, types, rules: Rules::of(None) }
    }

    /// The file of a class of the model whose class prefix is `camel`.
    pub fn kind_of(&self, class: &str, camel: &str) -> FileKind {
        FileKind::of_class(class, camel, self.rules)
    }

    /// The model types with their configuration classes, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.configs.iter().map(|(key, class)| (key.as_str(), class.as_str()))
    }

    /// The class prefix of a model type: `qwen2_vl` gives `Qwen2VL`.
    pub fn camel(&self, snake: &str) -> String {
        let class = self.configs.get(snake).or_else(|| self.configs.get(&snake.replace('_', "-")));
        class.map_or_else(
            || snake.split('_').map(title).collect(),
            |class| class.replace("Config", ""),
        )
    }

    /// The model type of a class prefix: `Qwen2VL` gives `qwen2_vl`.
    pub fn snake(&self, camel: &str) -> String {
        if let Some(known) = self.types.get(&format!("{camel}Config")) {
            return known.clone();
        }
        let mut words: Vec<String> = Vec::new();
        for c in camel.chars() {
            if c.is_uppercase() {
                words.push(c.to_lowercase().collect());
            } else if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        words.join("_")
    }
}

/// Python's `str.title`: a letter after anything but a letter is upper case, every other lower.
fn title(word: &str) -> String {
    let mut after_letter = false;
    word.chars()
        .map(|c| {
            let out = if after_letter { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            after_letter = c.is_alphabetic();
            out
        })
        .collect()
}

fn is_table(expr: &Expr) -> bool {
    matches!(expr, Expr::Name(name) if name.id.as_str() == "CONFIG_MAPPING_NAMES")
}

/// The string pairs of a mapping however it is written: a dict, a list of pairs, or a call around them.
pub(crate) fn pairs(expr: &Expr, into: &mut IndexMap<String, String>) {
    match expr {
        Expr::Dict(dict) => {
            for item in &dict.items {
                match (&item.key, &item.value) {
                    (Some(Expr::StringLiteral(key)), Expr::StringLiteral(value)) => {
                        into.insert(key.value.to_str().into(), value.value.to_str().into());
                    }
                    (None, inner) => pairs(inner, into),
                    _ => {}
                }
            }
        }
        Expr::List(list) => {
            for element in &list.elts {
                if let Expr::Tuple(tuple) = element
                    && let [Expr::StringLiteral(key), Expr::StringLiteral(value)] =
                        tuple.elts.as_slice()
                {
                    into.insert(key.value.to_str().into(), value.value.to_str().into());
                }
            }
        }
        Expr::Call(call) => {
            call.arguments.args.iter().for_each(|argument| pairs(argument, into));
            call.arguments
                .keywords
                .iter()
                .filter(|keyword| keyword.arg.is_none())
                .for_each(|k| pairs(&k.value, into));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> ModelNames {
        ModelNames::from_pairs(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())))
    }

    /// Each expected word is what Python's `str.title` makes of it.
    #[test]
    fn titles_are_those_of_python() {
        for (word, expected) in
            [("llama", "Llama"), ("qwen2vl", "Qwen2Vl"), ("BERT", "Bert"), ("2d", "2D"), ("", "")]
        {
            assert_eq!(title(word), expected);
        }
    }

    #[test]
    fn known_types_go_by_the_table_and_others_by_their_letters() {
        let names = names(&[("qwen2_vl", "Qwen2VLConfig"), ("gpt-sw3", "GPT3Config")]);
        for (snake, camel) in [("qwen2_vl", "Qwen2VL"), ("gpt_sw3", "GPT3"), ("a_bc2d", "ABc2D")] {
            assert_eq!(names.camel(snake), camel);
        }
        for (camel, snake) in [
            ("Qwen2VL", "qwen2_vl"),
            ("GPT3", "gpt_sw3"),
            ("CLIPFoo", "c_l_i_p_foo"),
            ("lostHead", "head"),
            ("", ""),
        ] {
            assert_eq!(names.snake(camel), snake);
        }
    }

    #[test]
    fn of_two_types_with_one_config_the_last_is_meant() {
        assert_eq!(names(&[("a", "XConfig"), ("b", "XConfig")]).snake("X"), "b");
    }

    #[test]
    fn classes_go_to_the_file_of_their_longest_ending() {
        for (class, camel, kind) in [
            ("NewModel", "New", FileKind::Modeling),
            ("NewConfig", "New", FileKind::Configuration),
            ("NewProcessor", "New", FileKind::Processing),
            ("NewImageProcessor", "New", FileKind::ImageProcessing),
            ("NewImageProcessorPil", "New", FileKind::ImageProcessingPil),
            ("NewImageProcessorKwargs", "New", FileKind::ImageProcessing),
            ("NewImagesKwargs", "New", FileKind::Processing),
            ("NewVideoProcessorInitKwargs", "New", FileKind::VideoProcessing),
            ("NewConfigTester", "New", FileKind::Modeling),
            // Without the model's name this is a processor.
            ("Sam2VideoProcessor", "Sam2Video", FileKind::Processing),
            ("Sam2VideoVideoProcessor", "Sam2Video", FileKind::VideoProcessing),
        ] {
            assert_eq!(FileKind::of_class(class, camel, Rules::of(None)), kind, "{class}");
        }
    }

    #[test]
    fn endings_route_as_the_release_has_it() {
        for (class, release, kind) in [
            ("NewVideoProcessorKwargs", (5, 17), FileKind::Processing),
            ("NewVideoProcessorKwargs", (5, 18), FileKind::VideoProcessing),
            ("NewImageProcessorFast", (5, 3), FileKind::ImageProcessingFast),
            ("NewImageProcessorFast", (5, 4), FileKind::Modeling),
        ] {
            let rules = Rules::of(Some(release));
            assert_eq!(FileKind::of_class(class, "New", rules), kind, "{class} of {release:?}");
        }
    }

    #[test]
    fn modules_say_their_kind() {
        for kind in FileKind::ALL {
            assert_eq!(FileKind::of_module(&kind.module("new")), Some(kind));
        }
        for module in ["modeling", "modular_new", "configuration", ""] {
            assert_eq!(FileKind::of_module(module), None);
        }
    }

    #[test]
    fn the_table_is_read_from_every_form_it_takes() {
        let text = "CONFIG_MAPPING_NAMES = OrderedDict([(\"b\", \"BConfig\")])\n\
                    CONFIG_MAPPING_NAMES.update({\"c\": \"CConfig\"})\n\
                    CONFIG_MAPPING_NAMES = OrderedDict(**{\"a\": \"AConfig\"}, **CONFIG_MAPPING_NAMES)\n";
        let source = Source::parse("auto.py", text).unwrap();
        let names = ModelNames::read(&[&source], Rules::of(None)).unwrap();
        let types: Vec<&str> = names.iter().map(|(model_type, _)| model_type).collect();
        assert_eq!(types, ["a", "b", "c"]);
    }

    #[test]
    fn a_table_that_is_no_literal_is_refused() {
        let source = Source::parse("auto.py", "CONFIG_MAPPING_NAMES = make()\n").unwrap();
        let problem = ModelNames::read(&[&source], Rules::of(None)).unwrap_err();
        assert_eq!(problem.message, "the table of model types is not a literal");
    }
}
