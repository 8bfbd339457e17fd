//! Measured numbers and what each is held to: the ground that evidence, facts and bounds stand on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A measured number. Unlike JSON's it may be NaN or infinite, which no bound admits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Real(pub f64);

impl Serialize for Real {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self(number.as_f64().unwrap_or(f64::NAN))),
            Value::String(text) if matches!(text.as_str(), "NaN" | "inf" | "-inf") => {
                Ok(Self(text.parse().expect("one of three that parse")))
            }
            other => Err(serde::de::Error::custom(format!("{other} is not a measured number"))),
        }
    }
}

impl JsonSchema for Real {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Real".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A measured number; NaN and infinities are strings",
            "anyOf": [{"type": "number"}, {"enum": ["NaN", "inf", "-inf"]}],
        })
    }
}

/// How a figure grows with the error of a logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Differences, gaps, relative errors.
    Linear,
    /// NMSE, KL divergence and cosine distance: a tenfold error is a hundredfold figure.
    Quadratic,
}

impl Order {
    /// A multiple of a figure of this order as a multiple of the error that made it.
    pub fn of_error(self, multiple: f64) -> f64 {
        match self {
            Self::Linear => multiple,
            Self::Quadratic => multiple.sqrt(),
        }
    }
}

/// Which side of its limit a figure must lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    AtMost,
    AtLeast,
}

impl Direction {
    /// As a sentence says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
        }
    }
}

/// How a figure decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Bound {
    /// At most `factor` times the measured noise floor.
    TimesFloor { factor: Real, floor: Real, order: Order },
    /// At most this much.
    AtMost { limit: Real },
    /// At least this much.
    AtLeast { limit: Real },
}

impl Bound {
    pub fn times_floor(factor: f64, floor: f64, order: Order) -> Self {
        Self::TimesFloor { factor: Real(factor), floor: Real(floor), order }
    }

    pub fn at_most(limit: f64) -> Self {
        Self::AtMost { limit: Real(limit) }
    }

    pub fn at_least(limit: f64) -> Self {
        Self::AtLeast { limit: Real(limit) }
    }

    /// The number that the figure is held to.
    pub fn limit(self) -> f64 {
        match self {
            Self::TimesFloor { factor, floor, .. } => factor.0 * floor.0,
            Self::AtMost { limit } | Self::AtLeast { limit } => limit.0,
        }
    }

    /// Which side of the limit is right.
    pub fn direction(self) -> Direction {
        match self {
            Self::TimesFloor { .. } | Self::AtMost { .. } => Direction::AtMost,
            Self::AtLeast { .. } => Direction::AtLeast,
        }
    }

    /// The noise floor that it was made from, where there is one.
    pub fn floor(self) -> Option<f64> {
        match self {
            Self::TimesFloor { floor, .. } => Some(floor.0),
            Self::AtMost { .. } | Self::AtLeast { .. } => None,
        }
    }

    /// Whether `measured` is within the bound. NaN never is, on either side.
    pub fn admits(self, measured: f64) -> bool {
        match self.direction() {
            Direction::AtMost => measured <= self.limit(),
            Direction::AtLeast => self.limit() <= measured,
        }
    }
}

/// One measured number of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What code finds it by, e.g. `max-abs`; unique in its check.
    pub id: String,
    /// As people read it, e.g. `max |Δ|`.
    pub name: String,
    pub measured: Real,
    /// Absent for a figure that only informs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

impl Figure {
    pub fn judged(
        id: impl Into<String>,
        name: impl Into<String>,
        measured: f64,
        bound: Bound,
    ) -> Self {
        Self { bound: Some(bound), ..Self::informs(id, name, measured) }
    }

    pub fn informs(id: impl Into<String>, name: impl Into<String>, measured: f64) -> Self {
        Self { id: id.into(), name: name.into(), measured: Real(measured), bound: None }
    }

    /// The figure as a multiple of its noise floor; of one that grows with the square of the error,
    /// the root. `None` for figures that are not held to a floor.
    pub fn multiple(&self) -> Option<f64> {
        let Some(Bound::TimesFloor { floor, order, .. }) = self.bound else { return None };
        Some(order.of_error(self.measured.0 / floor.0))
    }

    /// Whether it is held to something.
    pub fn is_judged(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether the figure is within its bound; one without a bound always is.
    pub fn holds(&self) -> bool {
        self.bound.is_none_or(|it| it.admits(self.measured.0))
    }
}

/// A number with so many significant digits, e.g. `1.2e-5`: the one way in which sentences and tables of
/// the harness write what was measured. Reports have filters of their own.
pub fn significant(number: f64, digits: usize) -> String {
    format!("{number:.*e}", digits.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_to_the_digits_that_are_asked_for() {
        assert_eq!(significant(1.26e-5, 2), "1.3e-5");
        assert_eq!(significant(1.387, 4), "1.387e0");
        assert_eq!(significant(0.0, 1), "0e0");
        assert_eq!(significant(f64::NAN, 2), "NaN");
    }

    #[test]
    fn nan_is_admitted_by_no_bound_and_survives_json() {
        let floor = |floor| Bound::times_floor(4.0, floor, Order::Linear);
        for bound in [Bound::at_most(1.0), Bound::at_least(0.0), floor(f64::NAN)] {
            assert!(!bound.admits(f64::NAN));
        }
        assert!(!floor(f64::NAN).admits(0.0));
        let text = serde_json::to_string(&Real(f64::NAN)).unwrap();
        assert!(serde_json::from_str::<Real>(&text).unwrap().0.is_nan());
        assert!(serde_json::from_str::<Real>("\"1.0\"").is_err());
    }

    #[test]
    fn a_multiple_follows_the_order_that_the_bound_states_not_the_size_of_its_factor() {
        let of = |order| Figure::judged("a", "a", 9.0, Bound::times_floor(100.0, 1.0, order));
        assert_eq!(of(Order::Linear).multiple(), Some(9.0));
        assert_eq!(of(Order::Quadratic).multiple(), Some(3.0));
        assert_eq!(Figure::judged("a", "a", 9.0, Bound::at_most(1.0)).multiple(), None);
    }

    #[test]
    fn a_bound_from_below_says_so() {
        let bound = Bound::at_least(1.0);
        assert_eq!(bound.direction().words(), "at least");
        assert!(bound.admits(2.0) && !bound.admits(0.0));
    }
}
