//! Parameters and answers that several calls have in common, each described once.

use std::collections::BTreeMap;

use carlo_types::limits::{IDEMPOTENCY_KEY_BYTES_MAX, PAGE_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use crate::fields;

/// `Idempotency-Key`, of what creates something.
pub(crate) struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key =
            text().min_length(Some(1)).max_length(Some(IDEMPOTENCY_KEY_BYTES_MAX)).pattern(Some("^[!-~]+$"));
        let words = "The same key with the same body gets the first answer for 24 hours";
        vec![header("Idempotency-Key", words, key)]
    }
}

/// `If-None-Match`, of what is worth keeping.
pub(crate) struct IfNoneMatch;

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("If-None-Match", "An ETag of an earlier answer", text())]
    }
}

/// `Last-Event-ID`, of streams of events.
pub(crate) struct LastEventId;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("Last-Event-ID", "The last event that the client has seen", text())]
    }
}

/// `Prefer: wait`, of what changes.
pub(crate) struct PreferWait;

impl IntoParams for PreferWait {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "`wait=N`: answer once the status has changed, or after N seconds, at most 30";
        vec![header("Prefer", words, text())]
    }
}

/// `fields`, of what has results.
pub(crate) struct FieldsOfResults;

impl IntoParams for FieldsOfResults {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "Members of `results` that are wanted, separated by commas; all where absent";
        vec![parameter("fields", ParameterIn::Query, words, text().pattern(Some(fields::pattern())))]
    }
}

/// The page of a list.
pub(crate) struct Page;

impl IntoParams for Page {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let number = |maximum: u32| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
                .minimum(Some(1))
                .maximum(Some(maximum))
        };
        let size = format!("Entries on a page; {PAGE_SIZE_DEFAULT} where absent");
        vec![
            parameter("page", ParameterIn::Query, "Which page, from 1", number(PAGE_MAX)),
            parameter("page_size", ParameterIn::Query, &size, number(PAGE_SIZE_MAX)),
        ]
    }
}

/// 304.
pub(crate) struct NotModified;

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        let words = "Nothing has changed since the ETag of If-None-Match";
        [("304".to_owned(), ResponseBuilder::new().description(words).build().into())].into()
    }
}

/// 409, of what ends something.
pub(crate) struct HasEnded;

impl IntoResponses for HasEnded {
    fn responses() -> Responses {
        conflict("It has ended")
    }
}

/// 409, of what waits for a job.
pub(crate) struct CancelledMeanwhile;

impl IntoResponses for CancelledMeanwhile {
    fn responses() -> Responses {
        conflict("The job was cancelled meanwhile")
    }
}

type Responses = BTreeMap<String, RefOr<Response>>;

fn conflict(words: &str) -> Responses {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response =
        ResponseBuilder::new().description(words).content(carlo_rest::problem::CONTENT_TYPE, problem);
    [("409".to_owned(), response.build().into())].into()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn header(name: &str, words: &str, schema: ObjectBuilder) -> Parameter {
    parameter(name, ParameterIn::Header, words, schema)
}

fn parameter(name: &str, place: ParameterIn, words: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(words))
        .schema(Some(Schema::Object(schema.build())))
        .build()
}
