//! Values as Python writes them: `json.dumps` for the filter `tojson`, `str` for what a template prints.

use std::fmt::Write;

use minijinja::{
    Error, ErrorKind, Value,
    value::{Kwargs, ValueKind},
};

/// How deep a value may nest.
const DEEPEST: usize = 200;

/// How `json.dumps` was asked to write.
#[derive(Clone, Debug)]
struct Layout {
    indent: Option<String>,
    item: String,
    key: String,
    ascii: bool,
    sorted: bool,
}

/// The filter `tojson` of transformers' chat templates: `json.dumps`, nothing escaped for HTML.
///
/// `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`
#[expect(clippy::needless_pass_by_value, reason = "a template's arguments arrive by value")]
pub(super) fn tojson(
    value: &Value,
    ensure_ascii: Option<Value>,
    indent: Option<Value>,
    separators: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let pick = |placed: Option<Value>, name: &str| -> Result<Option<Value>, Error> {
        let found = match placed {
            Some(it) => Some(it),
            None => named.get::<Option<Value>>(name)?,
        };
        Ok(found.filter(|it| !it.is_none() && !it.is_undefined()))
    };
    let ascii = pick(ensure_ascii, "ensure_ascii")?.is_some_and(|it| it.is_true());
    let indent = pick(indent, "indent")?.map(|it| match usize::try_from(it.clone()) {
        Ok(width) => " ".repeat(width.min(80)),
        Err(_) => it.as_str().unwrap_or_default().to_owned(),
    });
    let separators = pick(separators, "separators")?;
    let sorted = pick(None, "sort_keys")?.is_some_and(|it| it.is_true());
    named.assert_all_used()?;
    let item = if indent.is_some() { "," } else { ", " };
    let (item, key) = match separators {
        Some(pair) => {
            let text = |at: usize| -> Result<String, Error> {
                Ok(pair.get_item_by_index(at)?.as_str().unwrap_or_default().to_owned())
            };
            (text(0)?, text(1)?)
        }
        None => (item.to_owned(), ": ".to_owned()),
    };
    let layout = Layout { indent, item, key, ascii, sorted };
    let mut out = String::new();
    layout.write(value, 0, &mut out)?;
    Ok(Value::from_safe_string(out))
}

impl Layout {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        if DEEPEST < depth {
            return Err(failed("the value nests too deep for `tojson`"));
        }
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value, ["NaN", "Infinity", "-Infinity"])),
            ValueKind::String => self.quote(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let rows: Vec<Value> = value.try_iter()?.collect();
                self.block(['[', ']'], depth, &rows, out, |it, out| {
                    self.write(it, depth + 1, out)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sorted {
                    keys.sort();
                }
                self.block(['{', '}'], depth, &keys, out, |it, out| {
                    match it.as_str() {
                        Some(text) => self.quote(text, out),
                        None => self.quote(&key(it), out),
                    }
                    out.push_str(&self.key);
                    self.write(&value.get_item(it)?, depth + 1, out)
                })?;
            }
            kind => return Err(failed(format!("`tojson` cannot write a value of kind {kind}"))),
        }
        Ok(())
    }

    fn block(
        &self,
        [open, close]: [char; 2],
        depth: usize,
        rows: &[Value],
        out: &mut String,
        mut write: impl FnMut(&Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        for (idx, row) in rows.iter().enumerate() {
            if 0 < idx {
                out.push_str(&self.item);
            }
            self.new_line(depth + 1, out);
            write(row, out)?;
        }
        if !rows.is_empty() {
            self.new_line(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn new_line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    }

    fn quote(&self, text: &str, out: &mut String) {
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                _ if letter < ' ' || self.ascii && !(' '..='~').contains(&letter) => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                _ => out.push(letter),
            }
        }
        out.push('"');
    }
}

/// A key that is no text, as `json.dumps` turns it into one.
fn key(value: &Value) -> String {
    match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => value.is_true().to_string(),
        _ => number(value, ["NaN", "Infinity", "-Infinity"]),
    }
}

/// What `str(value)` gives, which is what Jinja prints.
pub(super) fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(String::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => {
            let mut out = String::new();
            repr(value, 0, &mut out)?;
            Ok(out)
        }
    }
}

fn repr(value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
    if DEEPEST < depth {
        return Err(failed("the value nests too deep to be printed"));
    }
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push_str(&number(value, ["nan", "inf", "-inf"])),
        ValueKind::String => quote_python(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq => {
            out.push('[');
            for (idx, it) in value.try_iter()?.enumerate() {
                out.push_str(if idx == 0 { "" } else { ", " });
                repr(&it, depth + 1, out)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (idx, it) in value.try_iter()?.enumerate() {
                out.push_str(if idx == 0 { "" } else { ", " });
                repr(&it, depth + 1, out)?;
                out.push_str(": ");
                repr(&value.get_item(&it)?, depth + 1, out)?;
            }
            out.push('}');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
    Ok(())
}

/// A string as `repr` writes it: single quotes unless only double ones avoid an escape.
fn quote_python(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if letter == quote => out.extend(['\\', quote]),
            _ if letter.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push(quote);
}

/// A number as Python prints it; the three words are for NaN and the infinities.
fn number(value: &Value, [nan, above, below]: [&str; 3]) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(number) = f64::try_from(value.clone()) else { return value.to_string() };
    if number.is_nan() {
        return nan.to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { above } else { below }.to_owned();
    }
    // The shortest digits that read back; Python writes an exponent below 1e-4 and from 1e16 on.
    let digits = format!("{number:e}");
    let Some((mantissa, exponent)) = digits.split_once('e') else { return digits };
    match exponent.parse::<i32>() {
        Ok(power) if number != 0.0 && !(-4..16).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", power.abs())
        }
        _ if number.fract() == 0.0 => format!("{number:.1}"),
        _ => number.to_string(),
    }
}

fn failed(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.into())
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;

    #[test]
    fn numbers_look_as_python_prints_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(&Value::from(number)).unwrap(), expected);
        }
        assert_eq!(text(&Value::from(7)).unwrap(), "7");
    }

    #[test]
    fn containers_look_as_python_prints_them() {
        let value = Value::from(Serde(serde_json::json!({"a": [1, null, true, "it's", "x\n"]})));
        assert_eq!(text(&value).unwrap(), r#"{'a': [1, None, True, "it's", 'x\n']}"#);
    }
}
