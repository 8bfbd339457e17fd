//! One configuration is no proof: what the definition reads of its config is changed on both sides, and
//! the port must still compute what the definition computes.
//!
//! # Where to start
//!
//! [`ask`] is the whole of it. The fields and their other values come from the definition (`domain`). Each
//! value is put to both sides by itself (`one`), and so is, for each field, a port with the base's value
//! written in: would it be seen at all? Then the values that were right by themselves stand together in rows
//! of a covering array ([`cover`]), and of a row that fails the fewest values that still fail are kept
//! ([`shrink`]). Last, config.json leaves out what has the definition's default ([`defaults`]).
//!
//! # Invariants
//!
//! - A row that the definition itself refuses, or whose noise hides everything, says nothing of the port.
//! - A row fails only when it fails again with other weights and other tokens: near a tie of a router one
//!   alone may.
//! - What is asked follows from the question alone, never from the clock.

mod cover;
mod defaults;
mod domain;
mod one;
mod shrink;

use std::{collections::BTreeSet, path::Path};

use crate::{
    answers::Asked,
    engine::{EngineError, Operation},
    gather::{Lane, Question, reference_absence},
    kept::Files,
    outcome::Absence,
    progress::{Progress, Step},
    varied::{Setting, Variations, Varied},
};
use cover::{Choice, Cover};
use domain::Domain;
use one::{Said, Sides};

/// Rows of values together that are asked; most pairs stand in them.
const MOST_ROWS: usize = 12;
/// Configs that are asked for the rows, those of looking for the fields that matter among them.
const MOST_CONFIGS: usize = 36;

/// Vary the fields of the question's config on both sides. Files go below `work`.
///
/// # Errors
///
/// An engine that ends while it is asked ends the asking; a refusal is an answer.
pub fn ask(
    lane: &mut Lane,
    question: &Question,
    work: &Path,
    progress: &dyn Progress,
) -> Result<Asked<Variations>, EngineError> {
    if question.checkpoint.is_some() {
        let reason = "a real checkpoint's weights fit one config".into();
        return Ok(Err(Absence::NotApplicable { reason }));
    }
    if let Err(lacks) = lane.pair().reference().offers(Operation::OtherValues) {
        return Ok(Err(lacks.into()));
    }
    with_sides(lane, question, work, |sides| vary(sides, question, progress))
}

/// What `ask` makes of both sides; the sources that it rests on are noted where somebody wants to know.
fn with_sides<T>(
    lane: &mut Lane,
    question: &Question,
    work: &Path,
    ask: impl FnOnce(&mut Sides<'_>) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let notes_files = lane.notes_files();
    let mut sides = Sides::open(lane, question, work)?;
    let said = ask(&mut sides);
    let files = if notes_files { sides.imported() } else { Files::default() };
    drop(sides);
    lane.note(files);
    said
}

/// Of fields that a wrong port drops, those that are not why it is wrong. With all `suspects` at the values
/// that it may assume for them it is right or not; where it is, the fewest that bring this about are why.
///
/// # Errors
///
/// A cancelled asking; where an engine ends, nothing is known, and every field stays a suspect.
pub fn bystanders(
    lane: &mut Lane,
    question: &Question,
    work: &Path,
    suspects: &[Setting],
) -> Result<BTreeSet<String>, EngineError> {
    let cannot = lane.pair().reference().offers(Operation::OtherValues).is_err();
    if suspects.is_empty() || question.checkpoint.is_some() || cannot {
        return Ok(BTreeSet::new());
    }
    let guilty = match with_sides(lane, question, work, |sides| guilty(sides, suspects)) {
        Ok(guilty) => guilty,
        Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
        Err(_) => suspects.to_vec(),
    };
    let names = suspects.iter().filter(|it| !guilty.contains(it)).map(|it| it.field.clone());
    Ok(names.collect())
}

fn guilty(sides: &mut Sides<'_>, suspects: &[Setting]) -> Result<Vec<Setting>, EngineError> {
    match sides.ask(suspects, 0)? {
        Said::Right => shrink::smallest(suspects, &mut |them: &[Setting]| {
            Ok(sides.ask(them, 0)? == Said::Right)
        }),
        Said::Deviates(_) => Ok(Vec::new()),
        Said::Nothing { .. } => Ok(suspects.to_vec()),
    }
}

fn vary(
    sides: &mut Sides<'_>,
    question: &Question,
    progress: &dyn Progress,
) -> Result<Asked<Variations>, EngineError> {
    let domain = match Domain::of(sides, question) {
        Ok(domain) => domain,
        Err(err) if err.failure().is_some() => return Ok(Err(reference_absence(&err))),
        Err(err) => return Err(err),
    };
    if domain.fields.is_empty() {
        let reason = "the definition reads no field that could have another value".into();
        return Ok(Err(Absence::NotApplicable { reason }));
    }
    let step = Step::start(progress, "varying the config", None);
    let mut search = Search {
        cover: Cover::new(domain.sizes()),
        domain: &domain,
        sides,
        asked: 0,
        found: Variations {
            unvaried: domain.unvaried.clone(),
            refused_by_definition: domain.refused.clone(),
            ..Variations::default()
        },
    };
    search.each_value()?;
    search.together()?;
    let mut found = search.found;
    found.defaults = defaults::ask(sides, &domain, &found.deviations)?;
    drop(step);
    Ok(Ok(found))
}

struct Search<'a, 'b> {
    cover: Cover,
    domain: &'a Domain,
    sides: &'a mut Sides<'b>,
    /// Configs that were asked for the rows.
    asked: usize,
    found: Variations,
}

impl Search<'_, '_> {
    /// Every value by itself.
    fn each_value(&mut self) -> Result<(), EngineError> {
        for (at, field) in self.domain.fields.iter().enumerate() {
            let mut hidden = Vec::new();
            let (mut is_varied, mut is_shown) = (false, false);
            for value in 1..=field.values.len() {
                let choice = (at, value);
                let setting = self.domain.setting(choice);
                let (said, written_in) = self.sides.ask_alone(setting.clone())?;
                match said {
                    Said::Right => self.cover.seen(choice),
                    Said::Nothing { why } => {
                        self.cover.bar(choice);
                        self.found.refused_by_definition.push((vec![setting.clone()], why));
                        continue;
                    }
                    Said::Deviates(_) => self.keep_if_again(&[choice])?,
                }
                self.found.compared += 1;
                is_varied = true;
                match written_in {
                    Said::Right => hidden.push(setting),
                    Said::Deviates(_) => is_shown = true,
                    Said::Nothing { .. } => {}
                }
            }
            let varied = if is_varied { &mut self.found.fields } else { &mut self.found.unvaried };
            varied.push(field.name.clone());
            if is_shown {
                self.found.shown.push(field.name.clone());
            }
            self.found.hidden.extend(hidden);
        }
        Ok(())
    }

    /// The values that are right by themselves, together.
    fn together(&mut self) -> Result<(), EngineError> {
        let mut rows = 0;
        while rows < MOST_ROWS && self.asked < MOST_CONFIGS {
            let Some(row) = self.cover.next_row() else { break };
            let changes: Vec<Choice> =
                row.iter().enumerate().filter(|it| *it.1 != 0).map(|(at, &of)| (at, of)).collect();
            match self.one(&changes)? {
                Said::Right => {
                    self.cover.shown(&row);
                    rows += 1;
                }
                // These say something of their own values only; the row is made anew without them.
                Said::Nothing { why } => self.blame_definition(&changes, &why)?,
                Said::Deviates(_) => self.blame_port(&changes)?,
            }
        }
        self.found.pairs = self.cover.pairs();
        Ok(())
    }

    fn one(&mut self, changes: &[Choice]) -> Result<Said, EngineError> {
        self.asked += 1;
        let said = self.sides.ask(&self.settings(changes), 0)?;
        self.found.compared += usize::from(!matches!(said, Said::Nothing { .. }));
        Ok(said)
    }

    /// The definition does not take these together: which ones it does not, is kept and not asked again.
    fn blame_definition(&mut self, changes: &[Choice], why: &str) -> Result<(), EngineError> {
        // The fewest may be refused for another reason than all of them together.
        let mut last = why.to_owned();
        let smallest = shrink::smallest(changes, &mut |them: &[Choice]| {
            let said = self.one(them)?;
            if let Said::Nothing { why } = &said {
                last.clone_from(why);
            }
            Ok::<_, EngineError>(matches!(said, Said::Nothing { .. }))
        })?;
        self.cover.bar_together(&smallest);
        self.found.refused_by_definition.push((self.settings(&smallest), last));
        Ok(())
    }

    /// The port deviates: the fewest values that it deviates for, if it does so again.
    fn blame_port(&mut self, changes: &[Choice]) -> Result<(), EngineError> {
        let smallest = shrink::smallest(changes, &mut |them: &[Choice]| {
            Ok::<_, EngineError>(matches!(self.one(them)?, Said::Deviates(_)))
        })?;
        self.keep_if_again(&smallest)
    }

    /// With other weights and other tokens: near a tie of a router one row alone may deviate.
    fn keep_if_again(&mut self, changes: &[Choice]) -> Result<(), EngineError> {
        self.cover.bar_together(changes);
        let settings = self.settings(changes);
        if let Said::Deviates(deviation) = self.sides.ask(&settings, 1)? {
            self.found.deviations.push(Varied { settings, deviation });
        }
        Ok(())
    }

    fn settings(&self, changes: &[Choice]) -> Vec<Setting> {
        changes.iter().map(|&it| self.domain.setting(it)).collect()
    }
}
