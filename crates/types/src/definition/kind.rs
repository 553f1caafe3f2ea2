//! The types of fields, and how each is read, checked, written, described and digested.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::fault::{At, Faults};
use super::object::{ALIKE_MIN, Object};
use super::rule::{Input, Items, Letters, Part, Presence, Span, Text, Whole};
use super::schema::{self, Components, Member};
use super::{Canonical, Name, Section};
use crate::limits::TEXT_CHARS_MAX;

/// The longest text that is repeated in messages.
const SHOWN_BYTES_MAX: usize = 40;

/// A type of a field.
pub trait Kind: Sized + Serialize {
    /// The unchecked type.
    type Draft: Clone + Debug + Default + PartialEq;
    /// The type of its rule.
    type Rule;

    /// Reads a JSON value, or returns the value of an absent field. A faulty value is replaced by a
    /// valid one, so that the rest can be read.
    fn read(rule: &Self::Rule, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self;
    /// Checks a value of a draft.
    fn check(rule: &Self::Rule, draft: Self::Draft, at: &At<'_>, faults: &mut Faults) -> Self;
    /// The draft of a value.
    fn to_draft(&self) -> Self::Draft;
    /// Whether the value is left out in JSON.
    fn is_absent(&self) -> bool {
        false
    }
    /// Adds the bytes that a digest covers.
    fn canonical(&self, rule: &Self::Rule, name: &Name, canonical: &mut Canonical);
    /// The JSON Schema of the field.
    fn schema(rule: &Self::Rule) -> Value;
    /// Whether the field is required.
    fn is_required(rule: &Self::Rule) -> bool;
    /// Adds the schemas to which its own schema refers.
    fn components(_: &mut Components) {}
}

/// A single value.
pub trait Leaf: Sized + Clone + Debug + PartialEq + Serialize {
    /// The type of its constraint.
    type Rule: Copy + Debug;
    /// The type of values in a rule.
    type Const: Copy + Debug;
    /// The unchecked type.
    type Wire: Clone + Debug + PartialEq;

    /// Reads JSON. The error is the expected kind of value, which continues "must be …".
    fn parse(value: &Value, rule: &Self::Rule) -> Result<Self::Wire, String>;
    /// Checks a value. The error is a message about the value.
    fn judge(wire: Self::Wire, rule: &Self::Rule) -> Result<Self, String>;
    /// The value unchanged, even if it breaks the rule; a valid one if it can't be represented.
    fn keep(wire: Self::Wire, rule: &Self::Rule) -> Self {
        Self::judge(wire, rule).unwrap_or_else(|_| Self::stand_in(rule))
    }
    /// The value of a rule.
    fn of(value: Self::Const) -> Self;
    /// Any valid value.
    fn stand_in(rule: &Self::Rule) -> Self;
    /// The unchecked value.
    fn to_wire(&self) -> Self::Wire;
    /// The JSON Schema.
    fn schema(rule: &Self::Rule) -> Value;
    /// The name and the schema to which its own schema refers, if it does.
    fn component() -> Option<(&'static str, Value)> {
        None
    }
    /// The bytes for a digest.
    fn digest_bytes(&self) -> Vec<u8>;
    /// A placeholder for a default that depends on other fields. No valid value equals it.
    fn unknown(rule: &Self::Rule) -> Self {
        Self::stand_in(rule)
    }
}

/// The value of a field, or its default.
fn settle<T: Leaf>(rule: &Input<T>, wire: Option<T::Wire>, at: &At<'_>, faults: &mut Faults) -> T {
    match (wire, rule.presence) {
        (Some(wire), _) => judge(rule, wire, at, faults),
        (None, Presence::Default(value)) => T::of(value),
        (None, Presence::Implied(_)) => T::unknown(&rule.rule),
        (None, Presence::Required | Presence::Optional) => {
            faults.add(at, format_args!("is required"));
            T::stand_in(&rule.rule)
        }
    }
}

fn judge<T: Leaf>(rule: &Input<T>, wire: T::Wire, at: &At<'_>, faults: &mut Faults) -> T {
    if faults.keeps_values() {
        return T::keep(wire, &rule.rule);
    }
    T::judge(wire, &rule.rule).unwrap_or_else(|message| {
        faults.add(at, format_args!("{message}"));
        T::stand_in(&rule.rule)
    })
}

fn parse<T: Leaf>(rule: &Input<T>, value: &Value, at: &At<'_>, faults: &mut Faults) -> T {
    match T::parse(value, &rule.rule) {
        Ok(wire) => judge(rule, wire, at, faults),
        Err(expected) => {
            faults.add(at, format_args!("must be {expected}, not {}", kind(value)));
            T::stand_in(&rule.rule)
        }
    }
}

/// Adds a field with one value, unless it is at its fixed default.
fn digest<T: Leaf>(value: &T, rule: &Input<T>, name: &Name, canonical: &mut Canonical) {
    let is_default = matches!(rule.presence, Presence::Default(default) if T::of(default) == *value);
    if rule.is_in_digest && !is_default {
        canonical.entry(name, b'=', &value.digest_bytes());
    }
}

impl<T: Leaf> Kind for T {
    type Draft = Option<T::Wire>;
    type Rule = Input<T>;

    fn read(rule: &Input<T>, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        match value {
            Some(value) => parse(rule, value, at, faults),
            None => settle(rule, None, at, faults),
        }
    }

    fn check(rule: &Input<T>, draft: Option<T::Wire>, at: &At<'_>, faults: &mut Faults) -> Self {
        settle(rule, draft, at, faults)
    }

    fn to_draft(&self) -> Option<T::Wire> {
        Some(self.to_wire())
    }

    fn canonical(&self, rule: &Input<T>, name: &Name, canonical: &mut Canonical) {
        digest(self, rule, name, canonical);
    }

    fn schema(rule: &Input<T>) -> Value {
        schema::of_input(rule)
    }

    fn is_required(rule: &Input<T>) -> bool {
        matches!(rule.presence, Presence::Required)
    }

    fn components(components: &mut Components) {
        components.add_leaf::<T>();
    }
}

impl<T: Leaf> Kind for Option<T> {
    type Draft = Option<T::Wire>;
    type Rule = Input<T>;

    fn read(rule: &Input<T>, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        value.map(|value| parse(rule, value, at, faults))
    }

    fn check(rule: &Input<T>, draft: Option<T::Wire>, at: &At<'_>, faults: &mut Faults) -> Self {
        draft.map(|wire| judge(rule, wire, at, faults))
    }

    fn to_draft(&self) -> Option<T::Wire> {
        self.as_ref().map(Leaf::to_wire)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn canonical(&self, rule: &Input<T>, name: &Name, canonical: &mut Canonical) {
        if let Some(value) = self {
            digest(value, rule, name, canonical);
        }
    }

    fn schema(rule: &Input<T>) -> Value {
        schema::of_input(rule)
    }

    fn is_required(_: &Input<T>) -> bool {
        false
    }

    fn components(components: &mut Components) {
        components.add_leaf::<T>();
    }
}

/// The entries of a list. Its length is checked before they are read.
fn entries<'v>(part: Part, value: Option<&'v Value>, at: &At<'_>, faults: &mut Faults) -> &'v [Value] {
    let Some(value) = value else {
        if part.is_required {
            faults.add(at, format_args!("is required"));
        }
        return &[];
    };
    let Some(entries) = value.as_array() else {
        faults.add(at, format_args!("must be a list, not {}", kind(value)));
        return &[];
    };
    if is_count_right(part, entries.len(), at, faults) { entries } else { &[] }
}

fn is_count_right(part: Part, count: usize, at: &At<'_>, faults: &mut Faults) -> bool {
    let Part { entries_min: min, entries_max: max, .. } = part;
    if (min..=max).contains(&count) || faults.keeps_values() {
        return true;
    }
    if min == 0 {
        faults.add(at, format_args!("must have at most {max} entries, not {count}"));
    } else if max == usize::MAX {
        faults.add(at, format_args!("must have at least {min} entries, not {count}"));
    } else {
        faults.add(at, format_args!("must have {min} to {max} entries, not {count}"));
    }
    false
}

/// Like [`entries`] for a draft, in which an empty list is an absent one.
fn drafts<D>(part: Part, drafts: Vec<D>, at: &At<'_>, faults: &mut Faults) -> Vec<D> {
    if drafts.is_empty() {
        if part.is_required {
            faults.add(at, format_args!("is required"));
        }
        return drafts;
    }
    if is_count_right(part, drafts.len(), at, faults) { drafts } else { Vec::new() }
}

impl<T: Leaf> Kind for Vec<T> {
    type Draft = Vec<T::Wire>;
    type Rule = Items<T>;

    fn read(rule: &Items<T>, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        let entries = entries(rule.part, value, at, faults).iter().enumerate();
        entries.map(|(i, entry)| parse(&rule.item, entry, &at.entry(i), faults)).collect()
    }

    fn check(rule: &Items<T>, draft: Vec<T::Wire>, at: &At<'_>, faults: &mut Faults) -> Self {
        let drafts = drafts(rule.part, draft, at, faults).into_iter().enumerate();
        drafts.map(|(i, wire)| judge(&rule.item, wire, &at.entry(i), faults)).collect()
    }

    fn to_draft(&self) -> Vec<T::Wire> {
        self.iter().map(Leaf::to_wire).collect()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn canonical(&self, _: &Items<T>, name: &Name, canonical: &mut Canonical) {
        canonical.nested(name, false, |inner| self.iter().for_each(|item| inner.bytes(&item.digest_bytes())));
    }

    fn schema(rule: &Items<T>) -> Value {
        let mut schema = schema::of_list(rule.part, &schema::of_item(&rule.item));
        if rule.is_unique {
            schema["uniqueItems"] = true.into();
        }
        schema
    }

    fn is_required(rule: &Items<T>) -> bool {
        rule.part.is_required
    }

    fn components(components: &mut Components) {
        components.add_leaf::<T>();
    }
}

impl Kind for Vec<Vec<f64>> {
    type Draft = Vec<Vec<f64>>;
    type Rule = Items<f64>;

    fn read(rule: &Items<f64>, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        let row = row(rule);
        let rows = entries(rule.part, value, at, faults).iter().enumerate();
        rows.map(|(i, entry)| Vec::<f64>::read(&row, Some(entry), &at.entry(i), faults)).collect()
    }

    fn check(rule: &Items<f64>, draft: Vec<Vec<f64>>, at: &At<'_>, faults: &mut Faults) -> Self {
        let row = row(rule);
        let rows = drafts(rule.part, draft, at, faults).into_iter().enumerate();
        rows.map(|(i, draft)| Vec::<f64>::check(&row, draft, &at.entry(i), faults)).collect()
    }

    fn to_draft(&self) -> Vec<Vec<f64>> {
        self.clone()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn canonical(&self, _: &Items<f64>, name: &Name, canonical: &mut Canonical) {
        canonical.nested(name, false, |inner| {
            for row in self {
                inner.item(|inner| row.iter().for_each(|value| inner.bytes(&value.digest_bytes())));
            }
        });
    }

    fn schema(rule: &Items<f64>) -> Value {
        schema::of_list(rule.part, &Vec::<f64>::schema(&row(rule)))
    }

    fn is_required(rule: &Items<f64>) -> bool {
        rule.part.is_required
    }
}

/// The rule of one row.
fn row(rule: &Items<f64>) -> Items<f64> {
    Items {
        item: rule.item,
        part: super::rule::list(rule.row_max).required().at_least(1),
        row_max: 0,
        is_unique: false,
    }
}

impl Kind for BTreeMap<String, f64> {
    type Draft = Self;
    type Rule = Items<f64>;

    fn read(rule: &Items<f64>, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        let Some(value) = value else { return Self::new() };
        let Some(entries) = value.as_object() else {
            faults.add(at, format_args!("must be an object, not {}", kind(value)));
            return Self::new();
        };
        if !is_count_right(rule.part, entries.len(), at, faults) {
            return Self::new();
        }
        let amounts = entries.iter().map(|(name, value)| {
            let at = at.key(name);
            is_name_short(name, &at, faults);
            (name.clone(), parse(&rule.item, value, &at, faults))
        });
        amounts.collect()
    }

    fn check(rule: &Items<f64>, draft: Self, at: &At<'_>, faults: &mut Faults) -> Self {
        if !is_count_right(rule.part, draft.len(), at, faults) {
            return Self::new();
        }
        let amounts = draft.into_iter().map(|(name, amount)| {
            let at = at.key(&name);
            is_name_short(&name, &at, faults);
            let amount = judge(&rule.item, amount, &at, faults);
            (name, amount)
        });
        amounts.collect()
    }

    fn to_draft(&self) -> Self {
        self.clone()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn canonical(&self, rule: &Items<f64>, name: &Name, canonical: &mut Canonical) {
        if rule.item.is_in_digest {
            canonical.nested(name, false, |inner| {
                for (name, amount) in self {
                    inner.text(name);
                    inner.bytes(&amount.digest_bytes());
                }
            });
        }
    }

    fn schema(rule: &Items<f64>) -> Value {
        json!({
            "type": ["object", "null"],
            "propertyNames": {"maxLength": TEXT_CHARS_MAX},
            "additionalProperties": schema::of_item(&rule.item),
            "maxProperties": rule.part.entries_max,
        })
    }

    fn is_required(_: &Items<f64>) -> bool {
        false
    }
}

fn is_name_short(name: &str, at: &At<'_>, faults: &mut Faults) {
    let length = name.chars().count();
    if length > TEXT_CHARS_MAX {
        faults.add(at, format_args!("must have a name of at most {TEXT_CHARS_MAX} characters, not {length}"));
    }
}

/// Reads a section from JSON.
pub(super) fn read_section<S: Section>(value: &Value, at: &At<'_>, faults: &mut Faults) -> S {
    if !value.is_object() {
        faults.add(at, format_args!("must be an object, not {}", kind(value)));
        return faults.mute(|faults| absent_section(at, faults));
    }
    let mut object = Object::of_json(value, at, faults);
    let section = S::from_object(&mut object);
    object.refuse_others(&S::members(), S::TITLE);
    section
}

/// The value of an absent section, whose fields may be required.
pub(crate) fn absent_section<S: Section>(at: &At<'_>, faults: &mut Faults) -> S {
    S::from_object(&mut Object::of_json(&Value::Object(Map::new()), at, faults))
}

/// Reads a field with a section.
pub(crate) fn read_part<S: Section>(value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> S {
    match value {
        Some(value) => read_section(value, at, faults),
        None => absent_section(at, faults),
    }
}

/// Reads a list of sections.
pub(crate) fn read_list<S: Section>(
    part: Part,
    value: Option<&Value>,
    at: &At<'_>,
    faults: &mut Faults,
) -> Vec<S> {
    let entries = entries(part, value, at, faults).iter().enumerate();
    entries.map(|(i, entry)| read_section(entry, &at.entry(i), faults)).collect()
}

/// Checks a section of a draft.
pub(crate) fn check_part<S: Section>(draft: S::Draft, at: &At<'_>, faults: &mut Faults) -> S {
    S::from_draft(draft, &mut Object::of_draft(at, faults))
}

/// Checks a list of sections of a draft.
pub(crate) fn check_list<S: Section>(
    part: Part,
    draft: Vec<S::Draft>,
    at: &At<'_>,
    faults: &mut Faults,
) -> Vec<S> {
    let drafts = drafts(part, draft, at, faults).into_iter().enumerate();
    drafts.map(|(i, draft)| check_part(draft, &at.entry(i), faults)).collect()
}

/// Makes a section a type of fields: required, optional, and as a list.
macro_rules! section_kinds {
    ($name:ident, $draft:ident) => {
        const _: () = {
            use $crate::definition::kind::{self, Kind};
            use $crate::definition::schema::{self, Components};
            use $crate::definition::{At, Canonical, Faults, Name, Part, Section};

            type Json = serde_json::Value;

            impl Kind for $name {
                type Draft = $draft;
                type Rule = Part;

                fn read(_: &Part, value: Option<&Json>, at: &At<'_>, faults: &mut Faults) -> Self {
                    kind::read_part(value, at, faults)
                }

                fn check(_: &Part, draft: $draft, at: &At<'_>, faults: &mut Faults) -> Self {
                    kind::check_part(draft, at, faults)
                }

                fn to_draft(&self) -> $draft {
                    Section::to_draft(self)
                }

                fn canonical(&self, _: &Part, name: &Name, canonical: &mut Canonical) {
                    canonical.nested(name, false, |inner| Section::canonical(self, inner));
                }

                fn schema(rule: &Part) -> Json {
                    schema::of_part(*rule, <$name>::TITLE)
                }

                fn is_required(rule: &Part) -> bool {
                    rule.is_required()
                }

                fn components(components: &mut Components) {
                    components.add::<$name>();
                }
            }

            impl Kind for Option<$name> {
                type Draft = Option<$draft>;
                type Rule = Part;

                fn read(rule: &Part, value: Option<&Json>, at: &At<'_>, faults: &mut Faults) -> Self {
                    value.map(|value| Kind::read(rule, Some(value), at, faults))
                }

                fn check(rule: &Part, draft: Self::Draft, at: &At<'_>, faults: &mut Faults) -> Self {
                    draft.map(|draft| Kind::check(rule, draft, at, faults))
                }

                fn to_draft(&self) -> Self::Draft {
                    self.as_ref().map(Section::to_draft)
                }

                fn is_absent(&self) -> bool {
                    self.is_none()
                }

                fn canonical(&self, _: &Part, name: &Name, canonical: &mut Canonical) {
                    if let Some(section) = self {
                        canonical.nested(name, true, |inner| Section::canonical(section, inner));
                    }
                }

                fn schema(rule: &Part) -> Json {
                    <$name as Kind>::schema(rule)
                }

                fn is_required(_: &Part) -> bool {
                    false
                }

                fn components(components: &mut Components) {
                    <$name as Kind>::components(components);
                }
            }

            impl Kind for Vec<$name> {
                type Draft = Vec<$draft>;
                type Rule = Part;

                fn read(rule: &Part, value: Option<&Json>, at: &At<'_>, faults: &mut Faults) -> Self {
                    kind::read_list(*rule, value, at, faults)
                }

                fn check(rule: &Part, draft: Self::Draft, at: &At<'_>, faults: &mut Faults) -> Self {
                    kind::check_list(*rule, draft, at, faults)
                }

                fn to_draft(&self) -> Self::Draft {
                    self.iter().map(Section::to_draft).collect()
                }

                fn is_absent(&self) -> bool {
                    self.is_empty()
                }

                fn canonical(&self, _: &Part, name: &Name, canonical: &mut Canonical) {
                    let item = |inner: &mut Canonical, section: &$name| {
                        inner.item(|inner| Section::canonical(section, inner));
                    };
                    canonical
                        .nested(name, false, |inner| self.iter().for_each(|section| item(inner, section)));
                }

                fn schema(rule: &Part) -> Json {
                    schema::of_list(*rule, &schema::reference(<$name>::TITLE))
                }

                fn is_required(rule: &Part) -> bool {
                    rule.is_required()
                }

                fn components(components: &mut Components) {
                    <$name as Kind>::components(components);
                }
            }
        };
    };
}
pub(crate) use section_kinds;

/// An object with a member, the tag, that determines the other members.
pub trait Tagged: Sized {
    /// The name of the schema.
    const TITLE: &'static str;
    /// The description, in Markdown.
    const DOC: &'static str;
    /// The name of the tag.
    const TAG: &'static Name;
    /// The labels of the tag.
    const WORDS: &'static [&'static str];
    /// The unchecked type.
    type Draft: Clone + Debug + PartialEq;

    /// Reads the variant with this label; `None` for an unknown label.
    fn from_word(word: &str, object: &mut Object<'_>) -> Option<Self>;
    /// The members of the variant with this label.
    fn members_of(word: &str) -> Vec<Member>;
    /// All variants: label, title of the schema, description, members.
    fn variants() -> Vec<(&'static str, &'static str, &'static str, Vec<Member>)>;
    /// Checks a draft.
    fn from_draft(draft: Self::Draft, object: &mut Object<'_>) -> Self;
    /// The draft of a value.
    fn to_draft(&self) -> Self::Draft;
    /// Adds the bytes that a digest covers.
    fn canonical(&self, canonical: &mut Canonical);
    /// The label of the variant.
    fn word(&self) -> &'static str;
}

/// Reads an object by its tag.
pub(crate) fn read_tagged<T: Tagged>(value: &Value, at: &At<'_>, faults: &mut Faults) -> Option<T> {
    if !value.is_object() {
        faults.add(at, format_args!("must be an object, not {}", kind(value)));
        return None;
    }
    let mut object = Object::of_json(value, at, faults);
    let words = T::WORDS.join(", ");
    let pointer = format!("/{}", T::TAG.camel());
    let Some(tag) = object.given(T::TAG) else {
        object.fault(&[&pointer], format_args!("is required, and must be one of {words}"));
        return None;
    };
    let word = tag.as_str().unwrap_or_default();
    let Some(read) = T::from_word(word, &mut object) else {
        object.fault(&[&pointer], format_args!("must be one of {words}, not {}", shown(tag)));
        return None;
    };
    let mut members = T::members_of(word);
    members.push(Member::tag(T::TAG));
    object.refuse_others(&members, &format!("{} of the {} {word}", T::TITLE, T::TAG.camel()));
    Some(read)
}

/// Writes an object with its tag first.
pub(crate) fn serialize_tagged<T: Section, S: Serializer>(
    tag: &str,
    word: &str,
    section: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry(tag, word)?;
    section.write(&mut map)?;
    map.end()
}

/// Makes a tagged object a type of fields.
macro_rules! tagged_kinds {
    ($name:ident, $draft:ident) => {
        const _: () = {
            use $crate::definition::kind::{self, Kind, Tagged};
            use $crate::definition::schema::{self, Components};
            use $crate::definition::{At, Canonical, Faults, Name, Object, Part};

            type Json = serde_json::Value;

            impl Kind for Option<$name> {
                type Draft = Option<$draft>;
                type Rule = Part;

                fn read(_: &Part, value: Option<&Json>, at: &At<'_>, faults: &mut Faults) -> Self {
                    value.and_then(|value| kind::read_tagged(value, at, faults))
                }

                fn check(_: &Part, draft: Self::Draft, at: &At<'_>, faults: &mut Faults) -> Self {
                    draft.map(|draft| <$name>::from_draft(draft, &mut Object::of_draft(at, faults)))
                }

                fn to_draft(&self) -> Self::Draft {
                    self.as_ref().map(Tagged::to_draft)
                }

                fn is_absent(&self) -> bool {
                    self.is_none()
                }

                fn canonical(&self, _: &Part, name: &Name, canonical: &mut Canonical) {
                    if let Some(tagged) = self {
                        canonical.nested(name, true, |inner| {
                            inner.text(tagged.word());
                            Tagged::canonical(tagged, inner);
                        });
                    }
                }

                fn schema(rule: &Part) -> Json {
                    schema::of_part(*rule, <$name>::TITLE)
                }

                fn is_required(_: &Part) -> bool {
                    false
                }

                fn components(components: &mut Components) {
                    components.add_tagged::<$name>();
                }
            }
        };
    };
}
pub(crate) use tagged_kinds;

/// An unknown label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", .0.join(", "))]
pub struct UnknownWord(Vec<&'static str>);

impl UnknownWord {
    pub(crate) fn new(words: impl Iterator<Item = &'static str>) -> Self {
        Self(words.collect())
    }

    /// The message with the found value, if it is short.
    pub(crate) fn instead_of(&self, word: &str) -> String {
        let proposal = self.alike(word).map(|known| format!("; did you mean {known}?"));
        format!("{self}, not {}{}", shown(&Value::from(word)), proposal.unwrap_or_default())
    }

    /// The label that was probably meant.
    fn alike(&self, word: &str) -> Option<&'static str> {
        if word.len() > SHOWN_BYTES_MAX {
            return None;
        }
        let likeness = |known: &str| strsim::normalized_damerau_levenshtein(word, known);
        let best = self.0.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(best) >= ALIKE_MIN).then_some(best)
    }
}

/// Reads one of these labels.
pub(crate) fn parse_word(value: &Value, words: impl Iterator<Item = &'static str>) -> Result<String, String> {
    let words: Vec<_> = words.collect();
    match value.as_str() {
        Some(word) => Ok(word.to_owned()),
        None => Err(format!("one of {}", words.join(", "))),
    }
}

impl Leaf for f64 {
    type Rule = Span;
    type Const = f64;
    type Wire = f64;

    fn parse(value: &Value, _: &Span) -> Result<f64, String> {
        value.as_f64().ok_or_else(|| "a number".to_owned())
    }

    fn judge(value: f64, span: &Span) -> Result<f64, String> {
        if span.contains(value) {
            // Minus zero is normalized, because it would give another digest.
            Ok(value + 0.0)
        } else if value.is_finite() {
            Err(format!("must be {}, not {value}", span.words()))
        } else {
            Err("must be a finite number".to_owned())
        }
    }

    fn keep(value: f64, _: &Span) -> f64 {
        value
    }

    fn of(value: f64) -> f64 {
        value
    }

    fn stand_in(span: &Span) -> f64 {
        if span.is_low_open { span.high.min(span.low + 1.0) } else { span.low }
    }

    fn to_wire(&self) -> f64 {
        *self
    }

    fn schema(span: &Span) -> Value {
        let low = if span.is_low_open { "exclusiveMinimum" } else { "minimum" };
        let high = if span.is_high_open { "exclusiveMaximum" } else { "maximum" };
        json!({"type": "number", "format": "double", low: span.low, high: span.high})
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn unknown(_: &Span) -> f64 {
        f64::NAN
    }
}

/// A whole number, also in forms like `1e6` or `36.0`.
fn parse_whole(value: &Value) -> Option<u64> {
    /// 2⁶⁴. Numbers with a point or an exponent are parsed as floating-point numbers.
    const ABOVE: f64 = 18_446_744_073_709_551_616.0;
    value.as_u64().or_else(|| {
        let is_exact = |number: &f64| number.fract() == 0.0 && (0.0..ABOVE).contains(number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
        value.as_f64().filter(is_exact).map(|number| number as u64)
    })
}

macro_rules! whole_leaf {
    ($($type:ident $format:literal),*) => { $(
        impl Leaf for $type {
            type Rule = Whole;
            type Const = $type;
            type Wire = u64;

            fn parse(value: &Value, range: &Whole) -> Result<u64, String> {
                let expected = || format!("a whole number from {} to {}", range.low, range.high);
                parse_whole(value).ok_or_else(expected)
            }

            fn judge(value: u64, range: &Whole) -> Result<$type, String> {
                let Whole { low, high } = *range;
                let checked = (low..=high).contains(&value).then(|| $type::try_from(value).ok());
                let message = || format!("must be a whole number from {low} to {high}, not {value}");
                checked.flatten().ok_or_else(message)
            }

            fn keep(value: u64, range: &Whole) -> $type {
                $type::try_from(value).unwrap_or_else(|_| Self::stand_in(range))
            }

            fn of(value: $type) -> $type {
                value
            }

            fn stand_in(range: &Whole) -> $type {
                $type::try_from(range.low).unwrap_or($type::MAX)
            }

            fn to_wire(&self) -> u64 {
                (*self).into()
            }

            fn schema(range: &Whole) -> Value {
                json!({"type": "integer", "format": $format, "minimum": range.low, "maximum": range.high})
            }

            fn digest_bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }

            fn unknown(_: &Whole) -> $type {
                $type::MAX
            }
        }
    )* };
}
whole_leaf!(u32 "int32", u64 "int64");

impl Leaf for bool {
    type Rule = ();
    type Const = bool;
    type Wire = bool;

    fn parse(value: &Value, (): &()) -> Result<bool, String> {
        value.as_bool().ok_or_else(|| "true or false".to_owned())
    }

    fn judge(value: bool, (): &()) -> Result<bool, String> {
        Ok(value)
    }

    fn of(value: bool) -> bool {
        value
    }

    fn stand_in((): &()) -> bool {
        false
    }

    fn to_wire(&self) -> bool {
        *self
    }

    fn schema((): &()) -> Value {
        json!({"type": "boolean"})
    }

    fn digest_bytes(&self) -> Vec<u8> {
        vec![u8::from(*self)]
    }
}

fn is_of_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte)
}

impl Leaf for String {
    type Rule = Text;
    type Const = &'static str;
    type Wire = String;

    fn parse(value: &Value, _: &Text) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| "a text".to_owned())
    }

    fn judge(text: String, rule: &Text) -> Result<String, String> {
        let Text { chars_min: min, chars_max: max, letters } = *rule;
        match letters {
            Letters::NoControls if text.chars().any(char::is_control) => {
                return Err("must have no control characters".to_owned());
            }
            Letters::Identifier
                if !text.bytes().all(is_of_identifier) || !(min..=max).contains(&text.len()) =>
            {
                return Err(format!("must be {min} to {max} letters, digits or any of . _ - @ +"));
            }
            Letters::Pointer if !text.starts_with('/') => {
                return Err("must be a JSON pointer, like /plan/incomeUntil".to_owned());
            }
            _ => {}
        }
        match text.chars().count() {
            length if (min..=max).contains(&length) => Ok(text),
            length if min == 0 => Err(format!("must have at most {max} characters, not {length}")),
            length => Err(format!("must have {min} to {max} characters, not {length}")),
        }
    }

    fn keep(text: String, _: &Text) -> String {
        text
    }

    fn of(value: &'static str) -> String {
        value.to_owned()
    }

    fn stand_in(_: &Text) -> String {
        String::new()
    }

    fn to_wire(&self) -> String {
        self.clone()
    }

    fn schema(rule: &Text) -> Value {
        let mut schema = json!({"type": "string", "maxLength": rule.chars_max});
        if rule.chars_min > 0 {
            schema["minLength"] = rule.chars_min.into();
        }
        match rule.letters {
            Letters::Any => {}
            Letters::NoControls => schema["pattern"] = r"^[^\u0000-\u001f\u007f-\u009f]*$".into(),
            Letters::Identifier => schema["pattern"] = "^[A-Za-z0-9._@+-]+$".into(),
            Letters::Pointer => schema["pattern"] = "^/".into(),
        }
        schema
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// A seed of 64 bits, written as a decimal string because JSON numbers can't hold all digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Leaf for Seed {
    type Rule = ();
    type Const = Seed;
    type Wire = u64;

    fn parse(value: &Value, (): &()) -> Result<u64, String> {
        let text = || value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        parse_whole(value)
            .or_else(|| text()?.parse().ok())
            .ok_or_else(|| format!("a whole number from 0 to {}, or one in a text", u64::MAX))
    }

    fn judge(value: u64, (): &()) -> Result<Seed, String> {
        Ok(Seed(value))
    }

    fn of(value: Seed) -> Seed {
        value
    }

    fn stand_in((): &()) -> Seed {
        Seed(0)
    }

    fn to_wire(&self) -> u64 {
        self.0
    }

    fn schema((): &()) -> Value {
        schema::of_seed()
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }
}

/// Any JSON object, stored unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(String);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::judge(text.get().to_owned(), &JsonBytes(usize::MAX)).map_err(serde::de::Error::custom)
    }
}

/// The largest size of a JSON object, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct JsonBytes(pub usize);

impl Leaf for Json {
    type Rule = JsonBytes;
    type Const = ();
    type Wire = String;

    fn parse(value: &Value, _: &JsonBytes) -> Result<String, String> {
        value.as_object().map(|_| value.to_string()).ok_or_else(|| "an object".to_owned())
    }

    fn judge(text: String, JsonBytes(max): &JsonBytes) -> Result<Self, String> {
        if text.len() > *max {
            return Err(format!("must have at most {max} bytes, not {}", text.len()));
        }
        match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err("must be a JSON object".to_owned()),
        }
    }

    fn of((): ()) -> Self {
        Self("{}".to_owned())
    }

    fn stand_in(_: &JsonBytes) -> Self {
        Self::of(())
    }

    fn to_wire(&self) -> String {
        self.0.clone()
    }

    fn schema(_: &JsonBytes) -> Value {
        json!({"type": "object", "additionalProperties": true})
    }

    fn digest_bytes(&self) -> Vec<u8> {
        self.to_wire().into_bytes()
    }
}

/// A value in messages.
pub fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A value in messages, with short texts in full.
fn shown(value: &Value) -> String {
    let text = value.as_str().filter(|text| text.len() <= SHOWN_BYTES_MAX);
    text.map_or_else(|| kind(value), |text| format!("{text:?}"))
}
