//! What a tap's path says: a module's output, or behind a colon something that went into it.
//!
//! `model.layers.1` is what the layer returned, `model.layers.1:input` what it was given, and
//! `model.layers.1.self_attn:query` what that attention compared with its keys. The native engines' workers
//! write these paths.

/// What is tapped beside outputs, and how a sentence calls it.
const PARTS: [(&str, &str); 8] = [
    (INPUT, "the input of"),
    ("value", "the values of"),
    ("key", "the keys, after norm and rotation, of"),
    ("query", "the queries, after norm, rotation and scale, of"),
    ("mask", "the mask of"),
    ("sinks", "the sinks of"),
    ("scores", "the scores of the keys in"),
    ("attended", "what is attended to in"),
];

/// What a layer is given.
pub const INPUT: &str = "input";

/// How a layer turns its keys and queries: measured by itself, not tapped.
const ROTATION: (&str, &str) = ("rotation", "the rotation of");

/// The rotation of the attention that a tap lies in: of a part, its module's, of what ends an attention, that one's.
pub fn rotation(path: &str) -> String {
    let module = module(path);
    let inner = module.rsplit_once('.').filter(|it| it.1.contains("proj") || it.1.contains("out"));
    format!("{}:{}", inner.map_or(module, |it| it.0), ROTATION.0)
}

/// The module of a tap.
pub fn module(path: &str) -> &str {
    path.split_once(':').map_or(path, |it| it.0)
}

/// What else than the module's output it is, with the number of the call where it is not the first.
pub fn part(path: &str) -> Option<&str> {
    path.split_once(':').map(|it| it.1)
}

/// Whether `inner` lies within the module `outer`, or is a part of it.
pub fn lies_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', ':']))
}

/// As a sentence names it.
pub fn says(path: &str) -> String {
    let mut parts = PARTS.iter().chain([&ROTATION]);
    let named = |part: &str| parts.find(|it| Some(it.0) == part.split('#').next());
    match part(path).and_then(named) {
        Some((_, noun)) => format!("{noun} {}", module(path)),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tapped_beside_outputs_is_named_by_what_it_is() {
        assert_eq!(says("layers.0.mlp"), "layers.0.mlp");
        assert_eq!(says("layers.0:input"), "the input of layers.0");
        assert_eq!(says("layers.0.attn:mask#2"), "the mask of layers.0.attn");
        assert_eq!(says(&rotation("layers.0.attn:key")), "the rotation of layers.0.attn");
        assert_eq!(rotation("layers.0.attn.o_proj"), "layers.0.attn:rotation");
        assert!(lies_within("layers.0.attn:mask", "layers.0.attn"));
        assert!(!lies_within("layers.0.attn_norm", "layers.0.attn"));
    }

    #[test]
    fn the_native_engines_tap_these_parts() {
        for source in [
            include_str!("../workers/portwright_worker/torch_side/taps.py"),
            include_str!("../workers/portwright_worker/mlx_side/taps.py"),
        ] {
            for (part, _) in PARTS {
                let written = [format!("\"{part}\":"), format!("}}:{part}\"")];
                assert!(written.iter().any(|it| source.contains(it)), "{part}");
            }
        }
    }
}
