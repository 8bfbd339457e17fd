//! The next step, kept apart from the fact: an error says what is, its hint says what to do.

use std::borrow::Cow;

/// What the user could do next. Rendered under the error as `hint: …`, never inside it.
pub trait Hint: std::error::Error {
    fn hint(&self) -> Option<Cow<'static, str>> {
        None
    }
}
