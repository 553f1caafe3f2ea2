//! The parameter `?fields=a,b`, which selects members of a job's results.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use carlo_rest::job::JobResults;
use carlo_types::results::Results;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::entity::Entity;
use crate::problem::Failure;
use crate::query;

/// The selected members; `None` for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields(Option<BTreeSet<String>>);

impl Fields {
    fn parse(list: &str) -> Result<Self, String> {
        let known = members();
        let wanted: BTreeSet<String> =
            list.split(',').map(|name| name.trim_matches(' ').to_owned()).collect();
        let unknown: Vec<&str> =
            wanted.iter().filter(|name| !known.contains(*name)).map(|name| &**name).collect();
        if !unknown.is_empty() {
            let known: Vec<_> = known.into_iter().collect();
            return Err(format!("must name members of results: {}", known.join(", ")));
        }
        Ok(Self(Some(wanted)))
    }

    /// The entity with only these members in its `results`.
    pub(crate) fn select(self, entity: Entity) -> Result<Entity, Failure> {
        let Self(Some(wanted)) = self else { return Ok(entity) };
        let mut value: Value = serde_json::from_slice(entity.body())
            .map_err(|error| Failure::internal(format!("an entity is not JSON: {error}")))?;
        if let Some(results) = value.get_mut("results").and_then(Value::as_object_mut) {
            results.retain(|name, _| wanted.contains(name));
        }
        Entity::new(&value)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let mut fields = Self::default();
        query::each(parts, |name, value| {
            if name != "fields" {
                return Err("is not a parameter of this call: expected fields".to_owned());
            }
            fields = Self::parse(value)?;
            Ok(())
        })?;
        Ok(fields)
    }
}

/// A regular expression for the values of the parameter.
pub(crate) fn pattern() -> String {
    let names = members().into_iter().collect::<Vec<_>>().join("|");
    format!("^ *({names}) *(, *({names}) *)*$")
}

/// The names of all members of results.
fn members() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    add_members(&Results::schema(), &mut names);
    add_members(&JobResults::schema(), &mut names);
    names
}

/// Adds the properties of an object, or of the objects that a schema is composed of.
fn add_members(schema: &RefOr<Schema>, names: &mut BTreeSet<String>) {
    match schema {
        RefOr::T(Schema::Object(object)) => names.extend(object.properties.keys().cloned()),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().for_each(|item| add_members(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_members_that_the_contract_names() {
        for name in
            ["successProbability", "percentiles", "histogram", "digest", "assumptions", "medianOutcome"]
        {
            assert!(members().contains(name), "{name} in {:?}", members());
        }
    }
}
