//! A subcommand that was mistyped where its command takes a name as well, such as `port scafold`.

use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// Names that are less alike (by Jaro and Winkler) were not meant.
const ALIKE: f64 = 0.85;

/// The command that `words` most likely meant, e.g. `portwright port scaffold` for `port scafold`; nothing
/// where the first word that is no subcommand is like none.
pub(crate) fn meant<'a>(
    program: &Command,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let mut command = program;
    let mut path = vec![program.get_name()];
    for word in words.into_iter().filter(|it| !it.starts_with('-')) {
        if let Some(found) = command.find_subcommand(word) {
            command = found;
            path.push(found.get_name());
            continue;
        }
        let alike = |it: &&str| ALIKE < strsim::jaro_winkler(word, it);
        let mut names = command.get_subcommands().map(Command::get_name);
        path.push(names.find(alike)?);
        return Some(path.join(" "));
    }
    None
}

/// The parser's refusal, with the subcommand that was meant where one was.
pub(crate) fn told(mut refusal: Error, program: &Command, words: &[String]) -> Error {
    // What follows the mistyped one is taken for another argument, or for a subcommand beside it.
    let kinds = [ErrorKind::UnknownArgument, ErrorKind::ArgumentConflict];
    if kinds.contains(&refusal.kind())
        && let Some(meant) = meant(program, words.iter().map(String::as_str))
    {
        let tip = format!("did you mean `{meant}`?");
        refusal.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    refusal
}
