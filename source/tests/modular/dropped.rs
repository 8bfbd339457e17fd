//! What a modular file has and none of the files it stands for: each kind is named with its line.

use portwright_source::modular::{self, Dropped};

use crate::fixture::Models;

const PARENT: &str = "from torch import nn


class OldMLP(nn.Module):
    def forward(self, x):
        return self.up(x)
";

/// The modular file below these lines of imports, converted.
fn convert(body: &str) -> Result<Vec<Dropped>, String> {
    let text = format!("from ..old.modeling_old import OldMLP\n{body}");
    let files =
        [("old/modeling_old.py", PARENT.to_owned()), ("new/modular_new.py", text.to_owned())];
    let models = Models::new(None, files);
    let path = &models.modular_files[0];
    let written = modular::convert(&models.library, path).map_err(|it| it.to_string())?;
    modular::dropped(&models.library, path, &written).map_err(|it| it.to_string())
}

fn lines(body: &str) -> Vec<(usize, String, Vec<String>)> {
    convert(body).unwrap().into_iter().map(|it| (it.line, it.text, it.undefined)).collect()
}

#[test]
fn what_is_carried_over_is_not_named() {
    let body = r#"
SCALE = 2


def helper(x):
    return x * SCALE


class NewMLP(OldMLP):
    """Ours."""

    @property
    def width(self):
        return self._width

    @width.setter
    def width(self, value):
        self._width = value

    def forward(self, x):
        return helper(x)


__all__ = ["NewMLP"]
"#;
    assert_eq!(lines(body), []);
}

#[test]
fn a_statement_that_reaches_no_file_is_named_with_its_line_and_with_the_names_it_leaves_undefined()
{
    let uses = "class NewMLP(OldMLP):\n    def forward(self, x):\n        return ";
    let named = |statement: &str, used: &str| {
        let found = lines(&format!("{statement}\n\n\n{uses}{used}\n"));
        assert_eq!(found.len(), 1, "{statement}: {found:?}");
        assert_eq!(found[0].0, 2, "{statement}");
        found[0].2.clone()
    };
    assert_eq!(named("SCALE: float = 0.5", "x * SCALE"), ["SCALE"]);
    assert_eq!(named("LOW, HIGH = 1, 2", "x + LOW"), ["LOW"]);
    assert_eq!(
        named("try:\n    import einops as E\nexcept ImportError:\n    E = None", "E.f(x)"),
        ["E"]
    );
    assert_eq!(named("def unused(x):\n    return x", "x"), [""; 0]);
    assert_eq!(named("print(\"hello\")", "x"), [""; 0]);
}

#[test]
fn a_change_of_a_name_that_is_carried_over_is_named() {
    let body = "TABLE = {}\nTABLE.update(a=1)\n\n\nclass NewMLP(OldMLP):\n    def forward(self, x):\n        return TABLE[x]\n";
    assert_eq!(lines(body), [(3, "TABLE.update(a=1)".to_owned(), vec![])]);
}

#[test]
fn a_part_of_a_property_that_is_taken_out_is_named() {
    let body = "
class NewMLP(OldMLP):
    @property
    def width(self):
        return self._width

    @width.setter
    def width(self, value):
        self._width = value

    @width.deleter
    def width(self):
        self._width = None
";
    assert_eq!(lines(body), [(8, "@width.setter of NewMLP.width".to_owned(), vec![])]);
}

#[test]
fn a_method_that_is_defined_twice_in_a_merged_class_is_refused() {
    let twice = "
class NewMLP(OldMLP):
    def scale(self, x):
        return x

    def scale(self, x):
        return 2 * x
";
    let overloads = "from typing import overload\n\nclass NewMLP(OldMLP):\n    @overload\n    def scale(self, x: int) -> int: ...\n\n    def scale(self, x):\n        return x\n";
    for body in [twice, overloads] {
        let err = convert(body).unwrap_err();
        assert!(err.contains("`scale` is defined twice in `NewMLP`"), "{err}");
    }
    // A class of its own is carried over as it is.
    let own = twice.replace("(OldMLP)", "").replace("import OldMLP", "import OldMLP");
    assert!(convert(&format!("{own}\n\nclass OtherMLP(OldMLP):\n    pass\n")).is_ok());
}
