//! A model's ancestors, and what each level changes.

use portwright_source::lineage::lineage;

use crate::fixture::Models;

fn models() -> Models {
    let clip = "from torch import nn\n\n\nclass CLIPBlock(nn.Module):\n    size = 1\n\n    def forward(self, x):\n        return x\n";
    let old =
        "from ..clip.modeling_clip import CLIPBlock\n\n\nclass OldBlock(CLIPBlock):\n    pass\n";
    let new = r"from ..clip.modeling_clip import CLIPBlock
from ..old.modeling_old import OldBlock, helper


class NewBlock(OldBlock):
    size = AttributeError()

    def forward(self, x):
        y = super().forward(x)
        return helper(y)

    def more(self):
        return 1


class NewOther(CLIPBlock):
    size = 2
";
    let written = clip.replace("CLIP", "Old") + "\n\ndef helper(x):\n    return x\n";
    Models::new(
        None,
        [
            ("clip/modeling_clip.py", clip.to_owned()),
            ("old/modeling_old.py", written),
            ("old/modular_old.py", old.to_owned()),
            ("new/modular_new.py", new.to_owned()),
        ],
    )
}

#[test]
fn each_level_says_what_it_changes() {
    let found = lineage(&models().library, "new").unwrap();
    let expected = [
        "new",
        "├── old",
        "│   │   NewBlock from OldBlock: extends forward; adds more; removes size",
        "│   │   takes helper",
        "│   └── clip",
        "│           OldBlock from CLIPBlock",
        "└── clip",
        "        NewOther from CLIPBlock: sets size",
    ];
    assert_eq!(found.to_lines(), expected, "{}", found.to_lines().join("\n"));
}

#[test]
fn parents_stand_above_children_in_mermaid() {
    let text = lineage(&models().library, "new").unwrap().to_mermaid();
    assert!(text.starts_with("flowchart TD\n"), "{text}");
    assert!(text.contains("clip[\"clip\"] -->|\"1 class, unchanged\"| old[\"old\"]"), "{text}");
    assert!(text.contains("old[\"old\"] -->|\"1 class, changed\"| new[\"new\"]"), "{text}");
}

#[test]
fn an_original_has_no_parents_and_a_stranger_is_an_error() {
    let models = models();
    assert!(lineage(&models.library, "clip").unwrap().parents.is_empty());
    assert!(lineage(&models.library, "nobody").unwrap_err().to_string().contains("`nobody`"));
}
