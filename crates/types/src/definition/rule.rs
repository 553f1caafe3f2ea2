//! The rules of fields: ranges, lengths, defaults, units and examples. All rules are constants.

use super::Leaf;
use super::kind::{Json, JsonBytes};

/// The rule of a field with one value.
#[derive(Debug)]
pub struct Input<T: Leaf> {
    /// The constraint on the value.
    pub(super) rule: T::Rule,
    pub(super) presence: Presence<T::Const>,
    /// The unit, like `dollars a month`; empty if there is none.
    pub(super) unit: &'static str,
    pub(super) example: Option<T::Const>,
    /// Whether a digest covers it.
    pub(super) is_in_digest: bool,
}

/// The meaning of an absent field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence<C> {
    /// The field is required, so this is a fault.
    Required,
    /// The field has no value then.
    Optional,
    /// This value.
    Default(C),
    /// A default that depends on other fields; the text describes it.
    Implied(&'static str),
}

#[expect(clippy::expl_impl_clone_on_copy, reason = "a derive would ask for `T: Copy`")]
impl<T: Leaf> Clone for Input<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Leaf> Copy for Input<T> {}

impl<T: Leaf> Input<T> {
    /// An optional field with this rule.
    pub const fn new(rule: T::Rule) -> Self {
        Self { rule, presence: Presence::Optional, unit: "", example: None, is_in_digest: true }
    }

    /// Makes the field required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// Sets the default.
    #[must_use]
    pub const fn default(self, value: T::Const) -> Self {
        Self { presence: Presence::Default(value), ..self }
    }

    /// Sets that the default depends on other fields. The section's own rules fill it in, and
    /// `words` describe it.
    #[must_use]
    pub const fn implied(self, words: &'static str) -> Self {
        Self { presence: Presence::Implied(words), ..self }
    }

    /// Sets the unit.
    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Sets an example that differs from the default.
    #[must_use]
    pub const fn example(self, example: T::Const) -> Self {
        Self { example: Some(example), ..self }
    }

    /// Excludes the field from digests, because the model doesn't read it, or reads it through
    /// other fields.
    #[must_use]
    pub const fn outside_digest(self) -> Self {
        Self { is_in_digest: false, ..self }
    }
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether the bounds are excluded.
    pub(super) is_low_open: bool,
    pub(super) is_high_open: bool,
}

/// A number from `low` to `high`, inclusive.
pub const fn number(low: f64, high: f64) -> Input<f64> {
    Input::new(Span { low, high, is_low_open: false, is_high_open: false })
}

impl Input<f64> {
    /// Excludes `low`.
    #[must_use]
    pub const fn above(self, low: f64) -> Self {
        Self { rule: Span { low, is_low_open: true, ..self.rule }, ..self }
    }

    /// Excludes `high`.
    #[must_use]
    pub const fn below(self, high: f64) -> Self {
        Self { rule: Span { high, is_high_open: true, ..self.rule }, ..self }
    }
}

impl Span {
    pub(super) fn contains(self, value: f64) -> bool {
        (if self.is_low_open { value > self.low } else { value >= self.low })
            && (if self.is_high_open { value < self.high } else { value <= self.high })
    }

    pub(super) fn words(self) -> String {
        let Self { low, high, .. } = self;
        match (self.is_low_open, self.is_high_open) {
            (false, false) => format!("between {low} and {high}"),
            (true, false) => format!("above {low} and at most {high}"),
            (false, true) => format!("at least {low} and below {high}"),
            (true, true) => format!("above {low} and below {high}"),
        }
    }
}

/// An inclusive range of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// A whole number from `low` to `high`, inclusive.
pub const fn whole<T: Leaf<Rule = Whole>>(low: u64, high: u64) -> Input<T> {
    Input::new(Whole { low, high })
}

/// Lengths of a text, in characters (Unicode scalar values), as JSON Schema counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    pub(super) chars_min: usize,
    pub(super) chars_max: usize,
    pub(super) letters: Letters,
}

/// The allowed characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Any,
    NoControls,
    /// ASCII letters, digits and `. _ - @ +`.
    Identifier,
    /// Anything after a slash.
    Pointer,
}

/// A text with this largest number of characters.
pub const fn text(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 0, chars_max, letters: Letters::Any })
}

/// A name with at least one and at most this number of characters, without control characters.
pub const fn name(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 1, chars_max, letters: Letters::NoControls })
}

/// An identifier with at least one and at most this number of letters, digits and `. _ - @ +`.
pub const fn identifier(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 1, chars_max, letters: Letters::Identifier })
}

/// A JSON pointer (RFC 6901) to a member, with this largest number of characters.
pub const fn pointer(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 1, chars_max, letters: Letters::Pointer })
}

/// A JSON object with this largest size in bytes.
pub const fn json(bytes_max: usize) -> Input<Json> {
    Input::new(JsonBytes(bytes_max))
}

/// True or false.
pub const fn flag() -> Input<bool> {
    Input::new(())
}

/// One of the labels of a `label!`.
pub const fn word<T: Leaf<Rule = ()>>() -> Input<T> {
    Input::new(())
}

/// The rule of a field with a section or a list of sections.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub(super) is_required: bool,
    pub(super) entries_min: usize,
    pub(super) entries_max: usize,
}

/// An optional section.
pub const fn part() -> Part {
    Part { is_required: false, entries_min: 0, entries_max: usize::MAX }
}

/// A list with this largest number of sections.
pub const fn list(entries_max: usize) -> Part {
    Part { entries_max, ..part() }
}

impl Part {
    /// Makes the field required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Sets the least number of entries of a given list.
    #[must_use]
    pub const fn at_least(self, entries_min: usize) -> Self {
        Self { entries_min, ..self }
    }
}

/// The rule of a list of values.
#[derive(Debug, Clone, Copy)]
pub struct Items<T: Leaf> {
    /// The rule of each value.
    pub(super) item: Input<T>,
    /// The allowed numbers of entries of a given list.
    pub(super) part: Part,
    /// The allowed numbers of values in each row.
    pub(super) row_max: usize,
    /// Whether the schema says that all values are different. The section's own rules check it.
    pub(super) is_unique: bool,
}

/// A list with this largest number of values.
pub const fn items<T: Leaf>(item: Input<T>, entries_max: usize) -> Items<T> {
    Items { item, part: list(entries_max), row_max: 0, is_unique: false }
}

/// A list with this largest number of rows, each with 1 to `row_max` values.
pub const fn rows(item: Input<f64>, entries_max: usize, row_max: usize) -> Items<f64> {
    Items { item, part: list(entries_max), row_max, is_unique: false }
}

impl<T: Leaf> Items<T> {
    /// Makes the field required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { part: self.part.required().at_least(1), ..self }
    }

    /// Says in the schema that all values are different, which the section's own rules check.
    #[must_use]
    pub const fn unique(self) -> Self {
        Self { is_unique: true, ..self }
    }
}
