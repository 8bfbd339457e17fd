//! A checkpoint's tokenizer: text to ids and back, as transformers' own class would do it.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use portwright_harness::hint::Hint;
use serde_json::{Map, Value};
use tokenizers::{AddedToken, Tokenizer};

use super::chat::ChatTemplate;
use crate::error::Failure;

/// The names of special tokens in `tokenizer_config.json`, in transformers' order.
const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    #[error("`{folder}` has no tokenizer.json{beside}", folder = folder.display())]
    Missing { folder: PathBuf, beside: String },

    #[error("`{file}` cannot be read as a tokenizer: {detail}", file = file.display())]
    Unreadable { file: PathBuf, detail: String },

    #[error("`{file}` is not JSON: {detail}", file = file.display())]
    NotJson { file: PathBuf, detail: String },

    #[error("failed to read `{file}`", file = file.display())]
    Read { file: PathBuf, source: io::Error },

    #[error("the tokenizer cannot {verb}: {detail}")]
    Failed { verb: &'static str, detail: String },
}

impl Failure for TokensError {}

impl Hint for TokensError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Missing { .. } => Some(
                "transformers writes one: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
                    .into(),
            ),
            _ => None,
        }
    }
}

/// A tokenizer and what its checkpoint says about it.
#[derive(Debug)]
pub struct Tokens {
    tokenizer: Tokenizer,
    /// Tokens set before and after every text: `add_bos_token` and `add_eos_token` of the config,
    /// which take the place of what `tokenizer.json` would add.
    around: Option<(Vec<u32>, Vec<u32>)>,
    /// The chat template, where there is one.
    pub chat: Option<ChatTemplate>,
}

impl Tokens {
    /// The tokenizer of a checkpoint's folder.
    ///
    /// # Errors
    ///
    /// The file that is missing or cannot be read.
    pub fn open(folder: &Path) -> Result<Self, TokensError> {
        let file = folder.join("tokenizer.json");
        if !file.is_file() {
            return Err(TokensError::Missing { folder: folder.to_owned(), beside: beside(folder) });
        }
        let config = json(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let unreadable = |err: tokenizers::Error| TokensError::Unreadable {
            file: file.clone(),
            detail: err.to_string(),
        };
        let mut tokenizer = Tokenizer::from_file(&file).map_err(unreadable)?;
        // The library asks for neither when it makes a prompt.
        tokenizer.with_truncation(None).map_err(unreadable)?;
        tokenizer.with_padding(None);
        let special = special_tokens(folder, &config)?;
        let named: Vec<AddedToken> = special
            .values()
            .filter_map(Value::as_str)
            .filter(|it| {
                !tokenizer.get_added_tokens_decoder().values().any(|known| known.content == *it)
            })
            .map(|it| AddedToken::from(it.to_owned(), true))
            .collect();
        tokenizer.add_special_tokens(named).map_err(unreadable)?;
        let around = around(&config, &special, &tokenizer);
        let chat = ChatTemplate::find(folder, &config, special);
        Ok(Self { tokenizer, around, chat })
    }

    /// The ids of a text; with the tokens that the checkpoint sets around one unless `bare`, as the
    /// text of a chat template has them already.
    pub fn encode(&self, text: &str, around: Around) -> Result<Vec<u32>, TokensError> {
        let wanted = matches!(around, Around::Added);
        let encoded =
            self.tokenizer.encode(text, wanted && self.around.is_none()).map_err(|err| {
                TokensError::Failed { verb: "encode the prompt", detail: err.to_string() }
            })?;
        let ids = encoded.get_ids().to_vec();
        Ok(match &self.around {
            Some((before, after)) if wanted => [before.as_slice(), &ids, after].concat(),
            _ => ids,
        })
    }

    /// The text of ids, without special tokens.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokensError> {
        self.tokenizer
            .decode(ids, true)
            .map_err(|err| TokensError::Failed { verb: "decode", detail: err.to_string() })
    }

    /// The token of an id as it is written in the vocabulary.
    pub fn name(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }
}

/// Whether the tokens that a checkpoint sets around a text are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    Added,
    Bare,
}

/// The named special tokens, as text.
fn special_tokens(folder: &Path, config: &Value) -> Result<Map<String, Value>, TokensError> {
    let map = json(&folder.join("special_tokens_map.json"))?.unwrap_or_default();
    let text = |it: &Value| match it {
        Value::String(text) => Some(text.clone()),
        Value::Object(token) => Some(token.get("content")?.as_str()?.to_owned()),
        _ => None,
    };
    let found = NAMED.iter().filter_map(|name| {
        let token = text(&config[name]).or_else(|| text(&map[name]))?;
        Some(((*name).to_owned(), Value::from(token)))
    });
    Ok(found.collect())
}

/// What the config says about tokens around a text, when it says anything.
fn around(
    config: &Value,
    special: &Map<String, Value>,
    tokenizer: &Tokenizer,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let (begin, end) = (config.get("add_bos_token"), config.get("add_eos_token"));
    if begin.is_none() && end.is_none() {
        return None;
    }
    let id = |wanted: Option<&Value>, name: &str| -> Vec<u32> {
        let wanted = wanted.and_then(Value::as_bool).unwrap_or_default();
        let token = special.get(name).and_then(Value::as_str).filter(|_| wanted);
        token.and_then(|it| tokenizer.token_to_id(it)).into_iter().collect()
    };
    Some((id(begin, "bos_token"), id(end, "eos_token")))
}

/// Other files that hold a vocabulary, for the message.
fn beside(folder: &Path) -> String {
    let known =
        ["tokenizer.model", "spiece.model", "tekken.json", "vocab.json", "merges.txt", "vocab.txt"];
    let there: Vec<&str> = known.into_iter().filter(|it| folder.join(it).is_file()).collect();
    match there.as_slice() {
        [] => String::new(),
        names => format!(", only {}", names.join(", ")),
    }
}

/// A JSON file; nothing where there is none.
pub(super) fn json(file: &Path) -> Result<Option<Value>, TokensError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TokensError::Read { file: file.to_owned(), source }),
    };
    let parsed = serde_json::from_str(&text);
    parsed
        .map(Some)
        .map_err(|err| TokensError::NotJson { file: file.to_owned(), detail: err.to_string() })
}
