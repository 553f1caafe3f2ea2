//! The collection of faults: their pointers in the caller's own spelling, and a limit on their
//! number.

use std::fmt::{self, Write as _};

use super::Name;
use crate::fault::{Fault, FieldFault};
use crate::limits::FIELD_FAULTS_MAX;

/// A place in a request, as a path from the outside. The pointer is only made for faults.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    outer: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    /// The pointer of the outermost object.
    Root { pointer: &'a str, is_snake: bool },
    /// A field with this name, and whether it is written in `snake_case`.
    Field { camel: &'a str, snake: &'a str, is_snake: bool },
    /// An entry of a list.
    Entry(usize),
    /// A name from the request itself.
    Key(&'a str),
}

impl<'a> At<'a> {
    /// The whole request. `pointer` is the prefix of all pointers. The flag is the default spelling
    /// of names.
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

    /// Whether names of several words are written in `snake_case` at this place.
    pub(super) fn is_snake(&self) -> bool {
        match (self.step, self.outer) {
            (Step::Field { is_snake, .. } | Step::Root { is_snake, .. }, _) => is_snake,
            (_, Some(outer)) => outer.is_snake(),
            (_, None) => false,
        }
    }

    /// The pointer, either in the caller's spelling or in `camelCase`.
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

/// A name as one token of a JSON pointer (RFC 6901, section 3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The faults of a request: the first [`FIELD_FAULTS_MAX`], at most one per field, and the total
/// number.
#[derive(Debug, Default)]
pub struct Faults {
    listed: Vec<(String, FieldFault)>,
    more: usize,
    /// The number of nested [`mute`](Self::mute) calls.
    muted: usize,
    /// Whether values that break a rule are kept unchanged.
    keeps_values: bool,
}

impl Faults {
    /// For requests that were checked before, perhaps with older rules. Values that break a current
    /// rule are kept unchanged.
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

    /// Adds faults that were found before, such as duplicate names.
    pub fn of(faults: Vec<FieldFault>) -> Self {
        let mut all = Self::default();
        for fault in faults {
            all.push(fault);
        }
        all
    }

    /// Whether the limit is reached, so that further faults are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.listed.len() >= FIELD_FAULTS_MAX
    }

    fn is_listed(&self, canonical: &str) -> bool {
        self.listed.iter().any(|(known, _)| known == canonical)
    }

    /// Whether there is a fault at this place, around it or within it. `canonical` is its pointer
    /// in `camelCase`.
    pub(super) fn concern(&self, canonical: &str) -> bool {
        let lies_in = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.muted > 0
            || self.listed.iter().any(|(known, _)| lies_in(known, canonical) || lies_in(canonical, known))
    }

    /// Reads something without collecting its faults.
    pub(super) fn mute<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.muted += 1;
        let value = read(self);
        self.muted -= 1;
        value
    }

    /// Whether there are no faults.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The number of all faults, listed or not.
    pub fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// `value`, if there are no faults.
    ///
    /// # Errors
    ///
    /// The fault of the request, with all faulty fields.
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
