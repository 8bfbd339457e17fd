//! What an uncaught exception becomes: its place in the definition, its module, its traceback.

use std::ops::Range;

use rustpython_vm::{
    AsObject, VirtualMachine,
    builtins::{PyBaseExceptionRef, PyCode},
};

use crate::{
    error::{Place, Raised, RuntimeError},
    sources::{FROZEN, Sources},
};

pub(super) fn describe(
    exception: &PyBaseExceptionRef,
    sources: &Sources,
    vm: &VirtualMachine,
) -> RuntimeError {
    let mut traceback = String::new();
    if vm.write_exception(&mut traceback, exception).is_err() {
        traceback.push_str("(the traceback cannot be written)");
    }
    let object = exception.as_object();
    let message = match object.str(vm) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => "(the exception's own text cannot be made)".to_owned(),
    };
    let module = object
        .get_attr("_portwright_module", vm)
        .and_then(|it| it.str(vm))
        .map(|it| it.to_string_lossy().into_owned())
        .ok();
    RuntimeError::Raised(Box::new(Raised {
        class: object.class().name().to_string(),
        message,
        place: place(exception, sources),
        module,
        traceback,
    }))
}

/// The innermost frame outside the dialect and the standard library; else the innermost of all.
fn place(exception: &PyBaseExceptionRef, sources: &Sources) -> Option<Place> {
    let mut inner = None;
    let mut own = None;
    let mut next = exception.__traceback__();
    while let Some(entry) = next {
        let file = entry.frame.code.source_path().to_string();
        let columns = columns(&entry.frame.code, entry.lasti, entry.lineno.get());
        let place = (file.clone(), entry.lineno.get(), columns);
        if sources.packages.iter().any(|it| file.starts_with(&*it.folder.to_string_lossy())) {
            own = Some(place.clone());
        }
        inner = Some(place);
        let following = entry.next.lock().clone();
        next = following;
    }
    let (file, line, columns) = own.or(inner)?;
    let whole = sources.line(&file, line).unwrap_or_default();
    let text = whole.trim().to_owned();
    let indentation = whole.chars().take_while(|it| it.is_whitespace()).count();
    let length = text.chars().count();
    let columns = columns
        .map(|it| it.start.saturating_sub(indentation)..it.end.saturating_sub(indentation))
        .filter(|it| it.end <= length)
        .map(|it| it.start..it.end + attributes(text.chars().skip(it.end)))
        .unwrap_or(0..length);
    let file = file.strip_prefix(FROZEN).map_or(file.clone(), |it| format!("dialects/{it}"));
    Some(Place { file, line, text, columns })
}

/// How long the attributes are that follow an expression: the interpreter gives `a.b.c` the place of
/// its `a`.
fn attributes(rest: impl Iterator<Item = char>) -> usize {
    let mut rest = rest.peekable();
    let mut length = 0;
    let mut dot = false;
    while let Some(it) = rest.next() {
        let named = |it: &char| it.is_alphabetic() || *it == '_';
        match it {
            '.' if rest.peek().is_some_and(named) => dot = true,
            '_' => {}
            _ if dot && it.is_alphanumeric() => {}
            _ => break,
        }
        length += 1;
    }
    if dot { length } else { 0 }
}

/// The characters of its line that a raising instruction was made of, counted from 0.
fn columns(code: &PyCode, lasti: u32, line: usize) -> Option<Range<usize>> {
    // Instructions are two bytes each.
    let (start, end) = code.locations.get(usize::try_from(lasti).ok()? / 2)?;
    let one_line = start.line.get() == line && end.line.get() == line;
    let range = start.character_offset.to_zero_indexed()..end.character_offset.to_zero_indexed();
    (one_line && range.start < range.end).then_some(range)
}
