//! The reader of objects, field by field: from JSON, in either spelling, or from a draft.

use serde_json::{Map, Value};

use super::Name;
use super::fault::{At, Faults};
use super::kind::Kind;
use super::schema::Member;

/// The lowest similarity with which a known name is suggested for an unknown one; 1 means equal.
pub(super) const ALIKE_MIN: f64 = 0.8;
/// The longest unknown name for which a known one is suggested.
const UNKNOWN_BYTES_MAX: usize = 64;

/// An object that is being read.
#[derive(Debug)]
pub struct Object<'a> {
    at: &'a At<'a>,
    /// The object itself, if it is JSON.
    value: Option<&'a Value>,
    /// Whether names of several words are written in `snake_case`, once this is determined.
    is_snake: bool,
    faults: &'a mut Faults,
}

impl<'a> Object<'a> {
    /// A JSON object at a place.
    pub(super) fn of_json(value: &'a Value, at: &'a At<'a>, faults: &'a mut Faults) -> Self {
        Self { at, value: Some(value), is_snake: spells_snake(value, at.is_snake()), faults }
    }

    /// A draft at a place.
    pub(crate) fn of_draft(at: &'a At<'a>, faults: &'a mut Faults) -> Self {
        Self { at, value: None, is_snake: false, faults }
    }

    fn fields(&self) -> Option<&'a Map<String, Value>> {
        self.value.and_then(Value::as_object)
    }

    /// Reads a field from JSON, by its rule.
    pub fn read<K: Kind>(&mut self, name: &Name, rule: &K::Rule) -> K {
        let camel = self.fields().and_then(|fields| fields.get(name.camel()));
        let snake = self.fields().and_then(|fields| fields.get(name.snake()));
        let is_one_word = name.camel() == name.snake();
        let is_snake = if camel.is_some() && !is_one_word {
            false
        } else {
            snake.is_some() && !is_one_word || self.is_snake
        };
        let at = self.at.field(name, is_snake);
        if camel.is_some() && snake.is_some() && !is_one_word {
            self.faults.add(&at, format_args!("is given twice, as {} and as {}", name.camel(), name.snake()));
        }
        K::read(rule, camel.or(snake).filter(|value| !value.is_null()), &at, self.faults)
    }

    /// Checks a field of a draft, by its rule.
    pub fn check<K: Kind>(&mut self, name: &Name, rule: &K::Rule, draft: K::Draft) -> K {
        K::check(rule, draft, &self.at.field(name, false), self.faults)
    }

    /// The value of a field, in either spelling.
    pub(super) fn given(&self, name: &Name) -> Option<&'a Value> {
        let fields = self.fields()?;
        fields.get(name.camel()).or_else(|| fields.get(name.snake())).filter(|value| !value.is_null())
    }

    /// Whether the JSON has a value at this relative pointer, which is in `camelCase`, in either
    /// spelling.
    pub(crate) fn is_given(&self, pointer: &str) -> bool {
        let step = |value: &'a Value, step: &str| {
            step.parse().map_or_else(
                |_| value.get(step).or_else(|| value.get(snake_case(step))),
                |index: usize| value.get(index),
            )
        };
        let value = self.value.and_then(|value| pointer.split('/').skip(1).try_fold(value, step));
        value.is_some_and(|value| !value.is_null())
    }

    /// Adds a fault that concerns several fields, unless one of them has a fault of its own.
    /// `fields` are relative pointers in `camelCase`; the fault gets the first of them.
    pub fn fault(&mut self, fields: &[&str], message: std::fmt::Arguments<'_>) {
        let here = self.at.pointer(false);
        if fields.iter().any(|field| self.faults.concern(&format!("{here}{field}"))) {
            return;
        }
        let (at, value, is_snake) = (self.at, self.value, self.is_snake);
        self.fault_in(fields[0], at, value, is_snake, message);
    }

    /// Adds a fault at the end of `path`, in the spelling of the objects on the path.
    fn fault_in(
        &mut self,
        path: &str,
        at: &At<'_>,
        value: Option<&Value>,
        is_snake: bool,
        message: std::fmt::Arguments<'_>,
    ) {
        let Some(path) = path.strip_prefix('/') else { return self.faults.add(at, message) };
        let (step, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let spells = |value: Option<&Value>| value.map_or(is_snake, |value| spells_snake(value, is_snake));
        if let Ok(index) = step.parse() {
            let entry = value.and_then(|list| list.get(index));
            return self.fault_in(rest, &at.entry(index), entry, spells(entry), message);
        }
        let snake = snake_case(step);
        let camel = value.and_then(|fields| fields.get(step));
        let given = camel.or_else(|| value.and_then(|fields| fields.get(&snake)));
        let is_camel = camel.is_some() && snake != step;
        let at = at.spelled(step, &snake, !is_camel && (given.is_some() && snake != step || is_snake));
        self.fault_in(rest, &at, given, spells(given), message);
    }

    /// Adds a fault for each field that is not in `members`, because a mistyped name must not
    /// silently get a default.
    pub(super) fn refuse_others(&mut self, members: &[Member], title: &str) {
        for name in self.fields().into_iter().flat_map(Map::keys) {
            if members.iter().any(|member| member.name.camel() == name || member.name.snake() == name) {
                continue;
            }
            let at = At::key(self.at, name);
            let proposal = if self.faults.is_full() { None } else { self.alike(name, members) };
            match proposal {
                Some(known) => {
                    self.faults.add(&at, format_args!("is not a field of {title}; did you mean {known}?"));
                }
                None => self.faults.add(&at, format_args!("is not a field of {title}")),
            }
        }
    }

    /// The known name that was probably meant.
    fn alike(&self, name: &str, members: &[Member]) -> Option<String> {
        if name.len() > UNKNOWN_BYTES_MAX {
            return None;
        }
        let snake = snake_case(name);
        let likeness = |member: &Member| strsim::normalized_damerau_levenshtein(&snake, member.name.snake());
        let best = members.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        let is_snake = self.is_snake || name.contains('_');
        let spelled = if is_snake { best.name.snake() } else { best.name.camel() };
        (likeness(best) >= ALIKE_MIN).then(|| spelled.to_owned())
    }
}

/// Whether the names of an object are written in `snake_case`. If it has no name of several words,
/// the spelling of the outer object applies.
fn spells_snake(value: &Value, around: bool) -> bool {
    let has = |is: fn(u8) -> bool| {
        value.as_object().is_some_and(|fields| fields.keys().any(|name| name.bytes().any(is)))
    };
    has(|letter| letter == b'_') || around && !has(|letter| letter.is_ascii_uppercase())
}

/// Converts `camelCase` to `snake_case`.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
