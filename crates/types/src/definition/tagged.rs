//! Objects with a member that determines the other members.

/// Declares an enum of sections. A JSON member, the tag, selects the variant. The first variant
/// applies if the whole object is absent.
macro_rules! tagged {
    (
        $(#[doc = $doc:literal])*
        pub $name:ident / $draft:ident as $title:literal by $tag:literal {
            $( $(#[doc = $variant_doc:literal])* $variant:ident($section:ident / $section_draft:ident) = $word:literal, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant($section), )*
        }

        #[doc = concat!("[`", stringify!($name), "`] unchecked.")]
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the variants are those of the checked type")]
        pub enum $draft {
            $( $variant($section_draft), )*
        }

        impl $name {
            /// The label of the variant.
            pub const fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word ),* }
            }
        }

        impl $crate::definition::kind::Tagged for $name {
            const TITLE: &'static str = $title;
            const DOC: &'static str = concat!($($doc, "\n"),*);
            const TAG: &'static $crate::definition::Name = &$crate::definition::Name::new($tag);
            const WORDS: &'static [&'static str] = &[$($word),*];
            type Draft = $draft;

            fn from_word(word: &str, object: &mut $crate::definition::Object<'_>) -> Option<Self> {
                use $crate::definition::Section as _;
                match word {
                    $( $word => Some(Self::$variant($section::from_object(object))), )*
                    _ => None,
                }
            }

            fn members_of(word: &str) -> Vec<$crate::definition::Member> {
                use $crate::definition::Section as _;
                match word {
                    $( $word => $section::members(), )*
                    _ => Vec::new(),
                }
            }

            fn variants() -> Vec<(&'static str, &'static str, &'static str, Vec<$crate::definition::Member>)> {
                use $crate::definition::Section as _;
                vec![ $( (
                    $word,
                    <$section as $crate::definition::Section>::TITLE,
                    concat!($($variant_doc, "\n"),*),
                    $section::members(),
                ) ),* ]
            }

            fn from_draft(draft: $draft, object: &mut $crate::definition::Object<'_>) -> Self {
                use $crate::definition::Section as _;
                match draft {
                    $( $draft::$variant(draft) => Self::$variant($section::from_draft(draft, object)), )*
                }
            }

            fn to_draft(&self) -> $draft {
                use $crate::definition::Section as _;
                match self { $( Self::$variant(section) => $draft::$variant(section.to_draft()), )* }
            }

            fn canonical(&self, canonical: &mut $crate::definition::Canonical) {
                use $crate::definition::Section as _;
                match self { $( Self::$variant(section) => section.canonical(canonical), )* }
            }

            fn word(&self) -> &'static str {
                Self::word(self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $( Self::$variant(section) => {
                        $crate::definition::kind::serialize_tagged($tag, $word, section, serializer)
                    } )*
                }
            }
        }

        $crate::definition::kind::tagged_kinds!($name, $draft);
    };
}
pub(crate) use tagged;
