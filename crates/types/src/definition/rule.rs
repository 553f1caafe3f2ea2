//! The rules of fields: ranges, lengths, defaults, units and examples. Every rule is a constant.

use super::Leaf;
use super::kind::{Json, JsonBytes};

/// The rule of a field that holds one value.
#[derive(Debug)]
pub struct Input<T: Leaf> {
    /// What a value has to be.
    pub(super) rule: T::Rule,
    pub(super) presence: Presence<T::Const>,
    /// In words, like `dollars a month`; empty for what has none.
    pub(super) unit: &'static str,
    pub(super) example: Option<T::Const>,
    /// Whether a digest covers it.
    pub(super) is_in_digest: bool,
}

/// What holds where a field is absent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence<C> {
    /// That is a fault.
    Required,
    /// Nothing.
    Optional,
    /// This value.
    Default(C),
    /// What other fields imply, as these words say.
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

    /// The same, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// The same, with this value where it is absent.
    #[must_use]
    pub const fn default(self, value: T::Const) -> Self {
        Self { presence: Presence::Default(value), ..self }
    }

    /// The same, with a value that other fields imply where it is absent: the section's own rules
    /// put it in. `words` say which.
    #[must_use]
    pub const fn implied(self, words: &'static str) -> Self {
        Self { presence: Presence::Implied(words), ..self }
    }

    /// The same, with this unit.
    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// The same, with this example, which is not the default.
    #[must_use]
    pub const fn example(self, example: T::Const) -> Self {
        Self { example: Some(example), ..self }
    }

    /// The same, but no part of a digest: the model doesn't read it, or has read it into other
    /// fields.
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
    /// Whether the bounds themselves are outside.
    pub(super) is_low_open: bool,
    pub(super) is_high_open: bool,
}

/// A number from `low` to `high`, both included.
pub const fn number(low: f64, high: f64) -> Input<f64> {
    Input::new(Span { low, high, is_low_open: false, is_high_open: false })
}

impl Input<f64> {
    /// The same, above `low`.
    #[must_use]
    pub const fn above(self, low: f64) -> Self {
        Self { rule: Span { low, is_low_open: true, ..self.rule }, ..self }
    }

    /// The same, below `high`.
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

/// A range of whole numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// A whole number from `low` to `high`.
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

/// What a text may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Any,
    NoControls,
    /// ASCII letters, digits and `. _ - @ +`.
    Identifier,
}

/// A text of at most so many characters.
pub const fn text(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 0, chars_max, letters: Letters::Any })
}

/// A name of 1 to so many characters, without control characters.
pub const fn name(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 1, chars_max, letters: Letters::NoControls })
}

/// An identifier of 1 to so many letters, digits and `. _ - @ +`.
pub const fn identifier(chars_max: usize) -> Input<String> {
    Input::new(Text { chars_min: 1, chars_max, letters: Letters::Identifier })
}

/// An object of JSON of at most so many bytes.
pub const fn json(bytes_max: usize) -> Input<Json> {
    Input::new(JsonBytes(bytes_max))
}

/// True or false.
pub const fn flag() -> Input<bool> {
    Input::new(())
}

/// One of the words of a `label!`.
pub const fn word<T: Leaf<Rule = ()>>() -> Input<T> {
    Input::new(())
}

/// The rule of a field that is a section, or a list of them.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub(super) is_required: bool,
    pub(super) entries_min: usize,
    pub(super) entries_max: usize,
}

/// A section that may be absent.
pub const fn part() -> Part {
    Part { is_required: false, entries_min: 0, entries_max: usize::MAX }
}

/// A list of at most so many sections.
pub const fn list(entries_max: usize) -> Part {
    Part { entries_max, ..part() }
}

impl Part {
    /// The same, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same, with at least so many entries where it is given.
    #[must_use]
    pub const fn at_least(self, entries_min: usize) -> Self {
        Self { entries_min, ..self }
    }
}

/// The rule of a list of values.
#[derive(Debug, Clone, Copy)]
pub struct Items<T: Leaf> {
    /// That of each.
    pub(super) item: Input<T>,
    /// How many; they may be absent altogether.
    pub(super) part: Part,
    /// Of rows: how many values each may have.
    pub(super) row_max: usize,
}

/// A list of at most so many values.
pub const fn items<T: Leaf>(item: Input<T>, entries_max: usize) -> Items<T> {
    Items { item, part: list(entries_max), row_max: 0 }
}

/// A list of at most so many rows, each of 1 to `row_max` values.
pub const fn rows(item: Input<f64>, entries_max: usize, row_max: usize) -> Items<f64> {
    Items { item, part: list(entries_max), row_max }
}

impl<T: Leaf> Items<T> {
    /// The same, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { part: self.part.required().at_least(1), ..self }
    }
}
