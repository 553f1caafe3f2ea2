//! Faults as they are found: where each is, in the caller's own spelling, and at most so many of
//! them.

use std::fmt::{self, Write as _};

use super::Name;
use crate::fault::{Fault, FieldFault};
use crate::limits::FIELD_FAULTS_MAX;

/// A place in a request, from the outside in. Its pointer is written only where there is a fault.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    outer: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    /// A pointer to begin with.
    Root { pointer: &'a str, is_snake: bool },
    /// A field of this name in either spelling, and whether it is written in `snake_case`.
    Field { camel: &'a str, snake: &'a str, is_snake: bool },
    /// An entry of a list.
    Entry(usize),
    /// A name that the caller chose.
    Key(&'a str),
}

impl<'a> At<'a> {
    /// The whole request; `pointer` stands before every pointer. Names that nobody has spelled are
    /// in `snake_case` or not.
    pub(super) fn root(pointer: &'a str, is_snake: bool) -> Self {
        Self { outer: None, step: Step::Root { pointer, is_snake } }
    }

    pub(super) fn field(&'a self, name: &'a Name, is_snake: bool) -> At<'a> {
        self.spelled(name.camel(), name.snake(), is_snake)
    }

    pub(super) fn spelled(&'a self, camel: &'a str, snake: &'a str, is_snake: bool) -> At<'a> {
        At { outer: Some(self), step: Step::Field { camel, snake, is_snake } }
    }

    pub(super) fn entry(&'a self, index: usize) -> At<'a> {
        At { outer: Some(self), step: Step::Entry(index) }
    }

    pub(super) fn key(&'a self, name: &'a str) -> At<'a> {
        At { outer: Some(self), step: Step::Key(name) }
    }

    /// Whether names of several words are written in `snake_case` around here.
    pub(super) fn is_snake(&self) -> bool {
        match (self.step, self.outer) {
            (Step::Field { is_snake, .. } | Step::Root { is_snake, .. }, _) => is_snake,
            (_, Some(outer)) => outer.is_snake(),
            (_, None) => false,
        }
    }

    /// The pointer: in the caller's spelling, or in `camelCase` throughout.
    pub(super) fn pointer(&self, as_written: bool) -> String {
        let mut pointer = String::new();
        self.write(as_written, &mut pointer);
        pointer
    }

    fn write(&self, as_written: bool, pointer: &mut String) {
        if let Some(outer) = self.outer {
            outer.write(as_written, pointer);
        }
        match self.step {
            Step::Root { pointer: root, .. } => pointer.push_str(root),
            Step::Field { camel, snake, is_snake } => {
                pointer.push('/');
                pointer.push_str(if is_snake && as_written { snake } else { camel });
            }
            Step::Entry(index) => drop(write!(pointer, "/{index}")),
            Step::Key(name) => drop(write!(pointer, "/{}", escape(name))),
        }
    }
}

/// A name as one step of a JSON pointer (RFC 6901, section 3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What is wrong with a request: the first [`FIELD_FAULTS_MAX`] faults, at most one for a field,
/// and how many more there are.
#[derive(Debug, Default)]
pub struct Faults {
    listed: Vec<(String, FieldFault)>,
    more: usize,
    /// How many readings are under way that only need some value.
    muted: usize,
    /// Whether values that break a rule are kept as they are.
    keeps_values: bool,
}

impl Faults {
    /// For what was checked before, perhaps by other rules: a value that breaks one of today's is
    /// read as it is.
    pub fn of_checked() -> Self {
        Self { keeps_values: true, ..Self::default() }
    }

    pub(super) fn keeps_values(&self) -> bool {
        self.keeps_values
    }

    /// Adds a fault at a place.
    pub fn add(&mut self, at: &At<'_>, message: fmt::Arguments<'_>) {
        if self.muted > 0 {
            return;
        }
        if self.is_full() {
            self.more += 1;
            return;
        }
        let canonical = at.pointer(false);
        if self.is_listed(&canonical) {
            return;
        }
        self.listed.push((canonical, FieldFault::new(at.pointer(true), message.to_string())));
    }

    /// Adds a fault whose pointer is known.
    pub fn push(&mut self, fault: FieldFault) {
        if self.is_full() {
            self.more += 1;
        } else if !self.is_listed(&fault.pointer) {
            self.listed.push((fault.pointer.clone(), fault));
        }
    }

    /// Faults that were found before, such as names that are given twice.
    pub fn of(faults: Vec<FieldFault>) -> Self {
        let mut all = Self::default();
        for fault in faults {
            all.push(fault);
        }
        all
    }

    /// Whether further faults are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.listed.len() >= FIELD_FAULTS_MAX
    }

    fn is_listed(&self, canonical: &str) -> bool {
        self.listed.iter().any(|(known, _)| known == canonical)
    }

    /// Whether this place, something that it lies in, or something in it is at fault. `canonical`
    /// is its pointer in `camelCase`.
    pub(super) fn concern(&self, canonical: &str) -> bool {
        let lies_in = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.muted > 0
            || self.listed.iter().any(|(known, _)| lies_in(known, canonical) || lies_in(canonical, known))
    }

    /// Reads something of which the faults don't matter.
    pub(super) fn mute<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.muted += 1;
        let value = read(self);
        self.muted -= 1;
        value
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// How many there are, listed or not.
    pub fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// `value`, if there are no faults.
    ///
    /// # Errors
    ///
    /// The fault of a request with these fields at fault.
    pub fn none_or<T>(self, value: T) -> Result<T, Fault> {
        if self.is_empty() {
            return Ok(value);
        }
        let count = self.count();
        let fault = Fault::invalid(self.listed.into_iter().map(|(_, fault)| fault).collect());
        Err(if self.more == 0 {
            fault
        } else {
            let message =
                format!("the request has {count} faults, of which the first {FIELD_FAULTS_MAX} are listed");
            Fault { message, ..fault }
        })
    }
}
