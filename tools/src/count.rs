//! Counts as people read them.

use std::fmt::Display;

/// `1 file`, `0 files`, `12 files`: the number with the word that fits it.
#[expect(clippy::needless_pass_by_value, reason = "a number is a number")]
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let word = if number == N::from(1) { one } else { many };
    format!("{number} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_every_other_number_is_many() {
        let files = |number| counted(number, "file", "files");
        assert_eq!([files(0), files(1), files(2)], ["0 files", "1 file", "2 files"]);
    }
}
