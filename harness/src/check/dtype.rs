//! Dtype: a stream that silently widens costs speed and memory, and shows in no logit.

use super::{Finding, weights::count};
use crate::{
    answers::{Answers, DtypePair},
    case::Precision,
    figure::Figure,
    layer::is_decoder_layer,
    outcome::Absence,
};

pub(super) fn stream(answers: &Answers) -> Result<Finding, Absence> {
    let pairs = answers.dtypes()?;
    let wider = |it: &&DtypePair| match (
        Precision::width_of(&it.reference_dtype),
        Precision::width_of(&it.port_dtype),
    ) {
        (Some(reference), Some(port)) => reference < port,
        _ => false,
    };
    let found: Vec<_> = pairs.iter().filter(wider).collect();
    // A branch may be wider inside (a router, a state); what it hands back to the stream may not.
    let stream = |it: &DtypePair| is_decoder_layer(&it.reference) || it.reference == "logits";
    if !pairs.iter().any(stream) {
        let reason = "no layer's dtype was compared".to_owned();
        return Err(Absence::Blocked { reason });
    }
    let notes = found.iter().take(8).map(|it| {
        let (reference, port) = (&it.reference_dtype, &it.port_dtype);
        format!("`{}` is {port}, the reference's `{}` is {reference}", it.port, it.reference)
    });
    let (all, compared) = (found.len() as f64, pairs.len() as f64);
    let wide = found.iter().filter(|it| stream(it)).count();
    let figures = vec![
        count("wider-stream", "layers and logits wider than the reference's", wide),
        Figure::informs("wider-taps", "taps wider than the reference's", all),
        Figure::informs("compared", "taps compared", compared),
    ];
    Ok(Finding::of(figures)?.with_notes(notes.collect()))
}
