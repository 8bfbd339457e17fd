//! Chat templates: which one a checkpoint has, and what it makes of messages.
//!
//! The environment is the one that transformers gives them: blocks are trimmed, loops may `break`,
//! values print as Python prints them, and `raise_exception`, `strftime_now` and `tojson` are there.

use std::{borrow::Cow, fmt, fs, path::Path};

use jiff::Zoned;
use minijinja::{Environment, Error, ErrorKind, Value, syntax::SyntaxConfig, value::Serde};
use portwright_harness::hint::Hint;
use serde_json::{Map, Value as Json};

use super::python;
use crate::error::Failure;

/// Instructions that a template may take: a template from a stranger may loop for ever.
const FUEL: u64 = 3_000_000;

/// A chat template, and the names of special tokens that it may print.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatTemplate {
    /// The file that it stands in, for messages.
    pub file: String,
    pub text: String,
    /// `bos_token` and the others, as transformers hands them over.
    pub tokens: Map<String, Json>,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    #[error("`{file}` line {line}: {detail}{}", shown(.source_line))]
    Template { file: String, line: usize, detail: String, source_line: String },

    #[error("the chat template refuses the messages: {0}")]
    Refused(String),
}

impl Failure for ChatError {}

impl Hint for ChatError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("`--no-chat-template` gives the prompt to the model as it is".into())
    }
}

fn shown(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("\n    {line}") }
}

/// What a template says with `raise_exception`.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

impl ChatTemplate {
    /// The template of a checkpoint: `chat_template.jinja`, else the field of `tokenizer_config.json`.
    pub fn find(folder: &Path, config: &Json, tokens: Map<String, Json>) -> Option<Self> {
        const FILE: &str = "chat_template.jinja";
        if let Ok(text) = fs::read_to_string(folder.join(FILE)) {
            return Some(Self { file: FILE.to_owned(), text, tokens });
        }
        let text = match config.get("chat_template")? {
            Json::String(text) => text,
            Json::Array(named) => {
                let default = named.iter().find(|it| it["name"] == "default");
                default?["template"].as_str()?
            }
            _ => return None,
        };
        Some(Self { file: "tokenizer_config.json".to_owned(), text: text.to_owned(), tokens })
    }

    /// The text that the model gets; `variables` are `messages`, `add_generation_prompt` and whatever
    /// else a template asks for; `now` is what `strftime_now` reads.
    ///
    /// # Errors
    ///
    /// The line that is wrong, or what the template itself refuses.
    pub fn render(&self, variables: &Json, now: &Zoned) -> Result<String, ChatError> {
        let mut context = self.tokens.clone();
        context.insert("tools".to_owned(), Json::Null);
        context.insert("documents".to_owned(), Json::Null);
        if let Json::Object(more) = variables {
            context.extend(more.clone());
        }
        let text = without_generation_blocks(&self.text);
        let environment = environment(now.clone()).map_err(|err| self.explain(&err))?;
        let template =
            environment.template_from_named_str("chat", &text).map_err(|err| self.explain(&err))?;
        template.render(Value::from(Serde(&context))).map_err(|err| self.explain(&err))
    }

    fn explain(&self, err: &Error) -> ChatError {
        let mut cause: Option<&dyn std::error::Error> = Some(err);
        while let Some(it) = cause {
            if let Some(Raised(text)) = it.downcast_ref::<Raised>() {
                return ChatError::Refused(text.clone());
            }
            cause = it.source();
        }
        let line = err.line().unwrap_or(1);
        let source_line = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let mut detail = err.kind().to_string();
        if let Some(more) = err.detail() {
            detail = format!("{detail}: {more}");
        }
        // Templates that came in one line of JSON are long.
        let source_line: String = source_line.trim().chars().take(160).collect();
        ChatError::Template { file: self.file.clone(), line, detail, source_line }
    }
}

fn environment(now: Zoned) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::text(value)?)?));
    environment.add_filter("tojson", python::tojson);
    environment.add_filter("string", |value: &Value| python::text(value));
    environment.add_function("raise_exception", |message: &Value| -> Result<String, Error> {
        let text = python::text(message)?;
        Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(text)))
    });
    environment.add_function("strftime_now", move |format: &str| {
        jiff::fmt::strtime::format(format, &now)
            .map_err(|err| Error::new(ErrorKind::InvalidOperation, err.to_string()))
    });
    Ok(environment)
}

/// `{% generation %}` only marks what an assistant wrote, for training: its block stands for itself.
fn without_generation_blocks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = tag.find("%}") else { break };
        let inner = &tag[2..end];
        let word = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let block = match word {
            "generation" => "if true",
            "endgeneration" => "endif",
            _ => "",
        };
        if block.is_empty() {
            out.push_str(&tag[..end + 2]);
        } else {
            let left = if inner.starts_with(['-', '+']) { &inner[..1] } else { "" };
            let right = if inner.ends_with(['-', '+']) { &inner[inner.len() - 1..] } else { "" };
            out.extend(["{%", left, " ", block, " ", right, "%}"]);
        }
        rest = &tag[end + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use jiff::{civil::date, tz::TimeZone};
    use serde_json::json;

    use super::*;

    fn render(text: &str) -> Result<String, ChatError> {
        let tokens = json!({"bos_token": "<s>"}).as_object().unwrap().clone();
        let template =
            ChatTemplate { file: "chat_template.jinja".into(), text: text.into(), tokens };
        let now = date(2026, 1, 31).at(12, 5, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        template.render(&json!({"messages": [{"role": "user", "content": "hi"}]}), &now)
    }

    #[test]
    fn a_mistake_names_its_line() {
        let err = render("{{ bos_token }}\n{% for m in messages %}\n{{ m.content.nothing() }}")
            .unwrap_err();
        assert!(matches!(err, ChatError::Template { line: 3, .. }), "{err}");
        let err =
            render("{{ bos_token }}\n{{ messages[0]['content'] | no_such_filter }}").unwrap_err();
        assert!(err.to_string().contains("`chat_template.jinja` line 2: "), "{err}");
        assert!(err.to_string().contains("no_such_filter"), "{err}");
    }

    #[test]
    fn what_a_template_refuses_is_told_in_its_words() {
        let err = render("{{ raise_exception('Roles must alternate') }}").unwrap_err();
        assert_eq!(err.to_string(), "the chat template refuses the messages: Roles must alternate");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let text =
            "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        let long = text.replace('x', "{% if b %}{% endif %}");
        assert!(render(&long).unwrap_err().to_string().contains("fuel"));
    }

    #[test]
    fn generation_blocks_are_what_they_hold() {
        let text = "a{%- generation -%} {{ bos_token }} {%- endgeneration %}b";
        assert_eq!(render(text).unwrap(), "a<s>b");
    }
}
