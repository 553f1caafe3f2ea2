//! Labels: enums with fixed texts.

/// Declares an enum whose variants have labels in requests. The first variant is the default.
macro_rules! label {
    (
        $(#[doc = $doc:literal])*
        pub $name:ident { $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* #[doc = concat!("`", $word, "`")] $variant, )*
        }

        impl $name {
            /// All variants, in the order in which they are listed.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The label.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::definition::kind::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().copied().find(|known| known.as_str() == word);
                known.ok_or_else(|| $crate::definition::kind::UnknownWord::new(Self::ALL.iter().map(|known| known.as_str())))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($crate::definition::paragraphs(concat!($($doc, "\n"),*))))
                    .enum_values(Some(Self::ALL.iter().map(|known| known.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $crate::definition::Leaf for $name {
            type Rule = ();
            type Const = Self;
            type Wire = String;

            fn parse(value: &serde_json::Value, (): &()) -> Result<String, String> {
                $crate::definition::kind::parse_word(value, Self::ALL.iter().map(|known| known.as_str()))
            }

            fn judge(word: String, (): &()) -> Result<Self, String> {
                word.parse().map_err(|unknown: $crate::definition::kind::UnknownWord| unknown.instead_of(&word))
            }

            fn of(value: Self) -> Self {
                value
            }

            fn stand_in((): &()) -> Self {
                Self::ALL[0]
            }

            fn to_wire(&self) -> String {
                self.as_str().to_owned()
            }

            fn schema((): &()) -> serde_json::Value {
                $crate::definition::schema::reference(stringify!($name))
            }

            fn component() -> Option<(&'static str, serde_json::Value)> {
                let words: Vec<_> = Self::ALL.iter().map(|known| known.as_str()).collect();
                let doc = $crate::definition::paragraphs(concat!($($doc, "\n"),*));
                Some((stringify!($name), serde_json::json!({"type": "string", "enum": words, "description": doc})))
            }

            fn digest_bytes(&self) -> Vec<u8> {
                self.as_str().as_bytes().to_vec()
            }
        }
    };
}
pub(crate) use label;
