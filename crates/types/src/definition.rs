//! The single definition of each input, and everything that is derived from it.
//!
//! [`section!`](section) declares an object of a request: each field with its documentation, its
//! type and its rule (range, unit, default, example). From this list are derived
//!
//! * the struct of checked values, and the *draft*: the same fields unchecked and optional, for
//!   messages;
//! * the reader of JSON ([`read`]) and the check of drafts ([`check`]), which both report all
//!   faults at once;
//! * the writer of JSON, for the assumptions in results;
//! * the JSON Schema ([`schema`]) with the same bounds, units and examples;
//! * the bytes that a digest covers ([`canonical`]).
//!
//! [`rule`] has the rules, [`kind`] the types of fields, [`object`] the reader of objects, and
//! [`fault`] the collection of faults. Rules that concern several fields are functions that a
//! section names with `with`. The inputs themselves are in [`crate::request`].

pub mod canonical;
pub mod fault;
pub mod kind;
pub mod object;
pub mod rule;
pub mod schema;

mod label;
mod tagged;

use serde::ser::SerializeMap;
use serde_json::Value;

pub use canonical::Canonical;
pub use fault::{At, Faults};
pub use kind::{Kind, Leaf};
pub use object::Object;
pub use object::snake_case;
pub use rule::{Input, Items, Part, Span, Text, Whole};
pub use schema::Member;

pub(crate) use label::label;
pub(crate) use tagged::tagged;

/// The name of a field, in both spellings.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    snake: &'static str,
    /// Whether the default spelling is `snake_case`.
    is_snake: bool,
    camel: [u8; NAME_BYTES_MAX],
    camel_bytes: usize,
}

/// The longest name of a field.
const NAME_BYTES_MAX: usize = 32;

impl Name {
    /// The name with this spelling in `snake_case`.
    pub const fn new(snake: &'static str) -> Self {
        let (mut camel, mut camel_bytes, mut at, mut raise) = ([0; NAME_BYTES_MAX], 0, 0, false);
        let bytes = snake.as_bytes();
        while at < bytes.len() {
            if bytes[at] == b'_' {
                raise = true;
            } else {
                camel[camel_bytes] = if raise { bytes[at].to_ascii_uppercase() } else { bytes[at] };
                camel_bytes += 1;
                raise = false;
            }
            at += 1;
        }
        Self { snake, is_snake: false, camel, camel_bytes }
    }

    /// Sets whether the default spelling is `snake_case`.
    #[must_use]
    pub const fn spelled(self, is_snake: bool) -> Self {
        Self { is_snake, ..self }
    }

    /// The name in its default spelling.
    pub fn usual(&self) -> &str {
        if self.is_snake { self.snake } else { self.camel() }
    }

    /// The name in `snake_case`.
    pub fn snake(&self) -> &'static str {
        self.snake
    }

    /// The name in `camelCase`.
    ///
    /// # Panics
    ///
    /// Never: names are ASCII.
    pub fn camel(&self) -> &str {
        std::str::from_utf8(&self.camel[..self.camel_bytes]).expect("names are ASCII")
    }
}

/// An object of a request.
pub trait Section: Sized + 'static {
    /// The name of the schema.
    const TITLE: &'static str;
    /// The description, in Markdown.
    const DOC: &'static str;
    /// Whether the default spelling of its names is `snake_case`.
    const IS_SNAKE: bool;
    /// The same fields, unchecked and optional.
    type Draft;

    /// The fields, in order.
    fn members() -> Vec<Member>;
    /// Reads the fields from a JSON object.
    fn from_object(object: &mut Object<'_>) -> Self;
    /// Checks the fields of a draft.
    fn from_draft(draft: Self::Draft, object: &mut Object<'_>) -> Self;
    /// The draft with the same values.
    fn to_draft(&self) -> Self::Draft;
    /// Writes the fields to a JSON object. Absent ones are left out.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
    /// Adds the bytes that a digest covers.
    fn canonical(&self, canonical: &mut Canonical);
}

/// Reads a section from a whole body.
///
/// The result may only be used if there are no faults, because faulty values are replaced by valid
/// ones.
pub fn read<S: Section>(value: &Value, faults: &mut Faults) -> S {
    kind::read_section(value, &At::root("", S::IS_SNAKE), faults)
}

/// Checks a draft. `pointer` is the prefix of the pointers of its faults.
pub fn check<S: Section>(draft: S::Draft, pointer: &str, faults: &mut Faults) -> S {
    S::from_draft(draft, &mut Object::of_draft(&At::root(pointer, false), faults))
}

/// Joins the lines of a doc comment into paragraphs of Markdown.
pub(crate) fn paragraphs(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Declares an object of a request: its fields with their documentation, types and rules. See the
/// [module](crate::definition).
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($derive:ident)])?
        pub $name:ident / $draft:ident as $title:literal $(in $case:ident)? $(with $rules:path)? {
            $( ..$inner:ident: $inner_type:ty; )?
            $( $(#[doc = $field_doc:literal])* $field:ident $(as $json:literal)?: $type:ty = $rule:expr; )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq $(, $derive)?)]
        pub struct $name {
            $( #[doc = "The fields that it has in common with other objects."] pub $inner: $inner_type, )?
            $( $(#[doc = $field_doc])* pub $field: $type, )*
        }

        #[doc = concat!("[`", stringify!($name), "`] unchecked: everything is optional.")]
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $draft {
            $( #[doc = "The fields that it has in common with other objects."] pub $inner: <$inner_type as $crate::definition::Section>::Draft, )?
            $( $(#[doc = $field_doc])* pub $field: <$type as $crate::definition::Kind>::Draft, )*
        }

        #[allow(non_upper_case_globals, reason = "a rule has the name of its field")]
        impl $name {
            $( #[doc = concat!("The rule of [`Self::", stringify!($field), "`].")]
            pub const $field: <$type as $crate::definition::Kind>::Rule = $rule; )*
        }

        impl $crate::definition::Section for $name {
            const TITLE: &'static str = $title;
            const DOC: &'static str = concat!($($doc, "\n"),*);
            const IS_SNAKE: bool = $crate::definition::section!(@is_snake $($case)?);
            type Draft = $draft;

            fn members() -> Vec<$crate::definition::Member> {
                let members = [ $( $crate::definition::Member::new(
                    const { &$crate::definition::section!(@name $name $field $($json)?) },
                    concat!($($field_doc, "\n"),*),
                    || <$type as $crate::definition::Kind>::schema(&Self::$field),
                    || <$type as $crate::definition::Kind>::is_required(&Self::$field),
                    <$type as $crate::definition::Kind>::components,
                ) ),* ];
                let inner = Vec::new();
                $( let inner = [inner, <$inner_type as $crate::definition::Section>::members()].concat(); )?
                [inner.as_slice(), &members].concat()
            }

            fn from_object(object: &mut $crate::definition::Object<'_>) -> Self {
                let _ = &object;
                #[allow(unused_mut, reason = "only some sections have rules of their own")]
                let mut section = Self { $( $inner: $crate::definition::Section::from_object(object), )? $( $field: object.read::<$type>(
                    const { &$crate::definition::section!(@name $name $field $($json)?) },
                    &Self::$field,
                ) ),* };
                $( $rules(&mut section, object); )?
                section
            }

            fn from_draft(draft: $draft, object: &mut $crate::definition::Object<'_>) -> Self {
                let _ = &object;
                let $draft { $($inner,)? $($field),* } = draft;
                #[allow(unused_mut, reason = "only some sections have rules of their own")]
                let mut section = Self { $( $inner: $crate::definition::Section::from_draft($inner, object), )? $( $field: object.check::<$type>(
                    const { &$crate::definition::section!(@name $name $field $($json)?) },
                    &Self::$field,
                    $field,
                ) ),* };
                $( $rules(&mut section, object); )?
                section
            }

            fn to_draft(&self) -> $draft {
                $draft { $( $inner: $crate::definition::Section::to_draft(&self.$inner), )? $( $field: $crate::definition::Kind::to_draft(&self.$field) ),* }
            }

            fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                let _ = &map;
                $( $crate::definition::Section::write(&self.$inner, map)?; )?
                $(
                    if !$crate::definition::Kind::is_absent(&self.$field) {
                        let name = const { &$crate::definition::section!(@name $name $field $($json)?) };
                        map.serialize_entry(name.usual(), &self.$field)?;
                    }
                )*
                Ok(())
            }

            fn canonical(&self, canonical: &mut $crate::definition::Canonical) {
                let _ = &canonical;
                $( $crate::definition::Section::canonical(&self.$inner, canonical); )?
                $( $crate::definition::Kind::canonical(
                    &self.$field,
                    &Self::$field,
                    const { &$crate::definition::section!(@name $name $field $($json)?) },
                    canonical,
                ); )*
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $crate::definition::Section::write(self, &mut map)?;
                map.end()
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                // The document takes the whole schema from `schema::Components`.
                utoipa::openapi::schema::Object::new().into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }
        }

        $crate::definition::kind::section_kinds!($name, $draft);
    };
    (@name $name:ident $field:ident) => { $crate::definition::section!(@name $name $field stringify!($field)) };
    (@name $name:ident $field:ident $json:expr) => {
        $crate::definition::Name::new($json).spelled(<$name as $crate::definition::Section>::IS_SNAKE)
    };
    (@is_snake) => { false };
    (@is_snake snake_case) => { true };
}
pub(crate) use section;

#[cfg(test)]
mod tests;
