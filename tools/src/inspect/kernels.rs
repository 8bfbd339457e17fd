//! Which layers of a model a kernel from the Hub can replace, and why the others not.

use std::collections::{BTreeMap, HashMap};

use portwright_source::interface::{FunctionFacts, MappingKey, Replaceable};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Place, definition::Definition, structure::Described};

/// Names of layers that kernels exist for: a class called so that no kernel fits is worth a word.
const PATTERNS: [&str; 1] = ["RMSNorm"];

/// How a layer stands to the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelStatus {
    /// Its definition lets a kernel replace it, and the library knows one.
    Replaceable,
    /// Its definition names a kernel that the library does not know.
    Unknown,
    /// Its code is that of something replaceable, but it is not decorated.
    CouldBe,
    /// It has the name of something replaceable, and other code.
    Differs,
}

impl KernelStatus {
    pub fn words(self) -> &'static str {
        match self {
            Self::Replaceable => "replaceable",
            Self::Unknown => "no such kernel",
            Self::CouldBe => "could be",
            Self::Differs => "differs",
        }
    }
}

/// A layer, or a function that layers call.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct KernelLayer {
    /// The class or function.
    pub name: String,
    /// Modules of it; for a function, modules that are decorated with it.
    pub times: u32,
    pub status: KernelStatus,
    /// The kernel, e.g. `RMSNorm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Devices that it exists for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What the library knows of kernels.
#[derive(Debug)]
pub(super) struct Known {
    /// Its table of kernels; empty where it has none that could be read.
    pub(super) mapping: Vec<MappingKey>,
    pub(super) code: HashMap<u64, Replaceable>,
}

impl Known {
    fn devices(&self, kernel: &str) -> Option<Vec<String>> {
        let row = self.mapping.iter().find(|it| it.key == kernel)?;
        let mut devices = row.inner.clone();
        devices.dedup();
        Some(devices)
    }
}

pub(super) fn layers(
    described: &Described,
    definition: &Definition<'_>,
    known: &Known,
) -> Vec<KernelLayer> {
    let mut found: BTreeMap<(String, String), KernelLayer> = BTreeMap::new();
    for row in &described.modules {
        let Some((file, facts)) = definition.class(row) else { continue };
        let key = (file.to_owned(), row.class.clone());
        if let Some(layer) = found.get_mut(&key) {
            layer.times += 1;
        } else if let Some(forward) = &facts.forward {
            let place = definition.place(file, facts.line);
            let own = facts.decorators.iter().find_map(|it| it.kernel());
            found.extend(one(&row.class, own, forward.digest, &place, known).map(|it| (key, it)));
        }
        for decorator in facts.decorators.iter().filter(|it| it.name == "use_kernelized_func") {
            for name in &decorator.arguments {
                let key = (file.to_owned(), name.clone());
                if let Some(layer) = found.get_mut(&key) {
                    layer.times += 1;
                    continue;
                }
                let own = definition.functions(file).iter().find(|it| it.name == *name);
                let kernel = own.and_then(kernel_of).unwrap_or(name);
                let line = own.map_or(decorator.line, |it| it.line);
                let place = definition.place(file, line);
                found.extend(one(name, Some(kernel), 0, &place, known).map(|it| (key, it)));
            }
        }
    }
    // Functions that are what kernels replace, in files whose classes are not decorated with them.
    let files: std::collections::BTreeSet<&str> =
        described.modules.iter().filter_map(|it| it.definition()).collect();
    for file in files {
        for function in definition.functions(file) {
            let key = (file.to_owned(), function.name.clone());
            if found.contains_key(&key) {
                continue;
            }
            let place = definition.place(file, function.line);
            let layer = one(&function.name, kernel_of(function), function.digest, &place, known);
            found.extend(layer.map(|it| (key, KernelLayer { times: 0, ..it })));
        }
    }
    let mut layers: Vec<KernelLayer> = found.into_values().collect();
    layers.sort_by(|a, b| (a.status, &a.name).cmp(&(b.status, &b.name)));
    layers
}

fn kernel_of(function: &FunctionFacts) -> Option<&str> {
    function.decorators.iter().find_map(|it| it.kernel())
}

fn one(
    name: &str,
    kernel: Option<&str>,
    digest: u64,
    place: &Place,
    known: &Known,
) -> Option<KernelLayer> {
    let layer = |status, kernel: Option<&str>, devices, reason| KernelLayer {
        name: name.to_owned(),
        times: 1,
        status,
        kernel: kernel.map(str::to_owned),
        devices,
        reason,
        place: Some(place.clone()),
    };
    if let Some(kernel) = kernel {
        return Some(if let Some(devices) = known.devices(kernel) {
            let reason = format!("decorated with the kernel `{kernel}`");
            layer(KernelStatus::Replaceable, Some(kernel), devices, reason)
        } else {
            let reason = format!("the library's table has no kernel `{kernel}`");
            layer(KernelStatus::Unknown, Some(kernel), Vec::new(), reason)
        });
    }
    if let Some(same) = known.code.get(&digest) {
        let reason = format!("its code is that of `{}`, which is decorated", same.name);
        let devices = known.devices(&same.kernel).unwrap_or_default();
        return Some(layer(KernelStatus::CouldBe, Some(&same.kernel), devices, reason));
    }
    let like = PATTERNS.iter().find(|it| name.contains(**it))?;
    let reason = format!("called `{like}`, but its code is of nothing that a kernel replaces");
    Some(layer(KernelStatus::Differs, None, Vec::new(), reason))
}
