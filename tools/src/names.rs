//! The model types of the transformers that is at hand.

use portwright_harness::environment::Home;

use crate::modular;

/// Every model type, sorted; none where no transformers is installed yet: nothing is installed for it.
pub fn model_types(home: &Home) -> Vec<String> {
    let library = modular::at_hand(home).ok().flatten();
    let names = library.iter().flat_map(|it| it.names().iter()).map(|it| it.0.to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}
