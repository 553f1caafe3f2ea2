//! Parameters and responses that several calls have in common.

use std::collections::BTreeMap;

use carlo_rest::order::JobOrder;
use carlo_types::limits::{
    IDEMPOTENCY_KEY_BYTES_MAX, NAME_BYTES_MAX, NAME_CHARS_MAX, PAGE_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX,
};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use crate::fields;

/// The parameter `{id}` of paths below `/api/jobs`.
pub(crate) struct JobId;

impl IntoParams for JobId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path("id", "A job's id, `job_…`")]
    }
}

/// The parameter `{job_id}` of paths below `/simulations`.
pub(crate) struct SimulationId;

impl IntoParams for SimulationId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path("job_id", "A job's id, `job_…`")]
    }
}

/// The parameter `{batch_id}`.
pub(crate) struct BatchId;

impl IntoParams for BatchId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path("batch_id", "A batch's id, `batch_…`")]
    }
}

/// The header `Idempotency-Key`, of calls that create something.
pub(crate) struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key =
            text().min_length(Some(1)).max_length(Some(IDEMPOTENCY_KEY_BYTES_MAX)).pattern(Some("^[!-~]+$"));
        let words = "A request with the same key and body gets the first response for 24 hours";
        vec![header("Idempotency-Key", words, key)]
    }
}

/// The header `If-None-Match`, of calls whose response has an `ETag`.
pub(crate) struct IfNoneMatch;

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("If-None-Match", "The ETag of an earlier response", text())]
    }
}

/// The header `Last-Event-ID`, of streams of events.
pub(crate) struct LastEventId;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header("Last-Event-ID", "The id of the last event that the client has received", text())]
    }
}

/// The header `Prefer: wait`, of calls that can wait for a change.
pub(crate) struct PreferWait;

impl IntoParams for PreferWait {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "`wait=N`: respond when the status changes, or after N seconds, at most 30";
        vec![header("Prefer", words, text())]
    }
}

/// The parameter `fields`, of calls whose response contains results.
pub(crate) struct FieldsOfResults;

impl IntoParams for FieldsOfResults {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "The members of `results` to be sent, separated by commas; by default all";
        vec![parameter("fields", ParameterIn::Query, words, text().pattern(Some(fields::pattern())))]
    }
}

/// The parameters of a list.
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
        let size = format!("The number of entries on a page; by default {PAGE_SIZE_DEFAULT}");
        vec![
            parameter("page", ParameterIn::Query, "The number of the page, from 1", number(PAGE_MAX)),
            parameter("page_size", ParameterIn::Query, &size, number(PAGE_SIZE_MAX)),
        ]
    }
}

/// Filters of lists of jobs, and their order.
pub(crate) struct JobFilters;

impl IntoParams for JobFilters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = || text().max_length(Some(NAME_CHARS_MAX));
        let time = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let query = |name, words, schema| parameter(name, ParameterIn::Query, words, schema);
        let order = "The order, descending after a minus sign; by default `-created`. Jobs without the value are last. Of a list in another order than that of submission only the first 10,000 jobs can be asked for";
        vec![
            query("name", "Only jobs with this in their name, whatever the case of letters", words()),
            query("text", "Only jobs with this in their name, their ids or their owner", words()),
            query("since", "Only jobs that were submitted then or later", time()),
            query("until", "Only jobs that were submitted before", time()),
            query("sort", order, text().pattern(Some(JobOrder::pattern()))),
        ]
    }
}

/// Whose jobs or batches a list is of.
pub(crate) struct OwnerParameters;

impl IntoParams for OwnerParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let user = "Those of this user, `*` for everybody; for administrators, unless it is oneself";
        vec![
            parameter("all", ParameterIn::Query, "Everybody's; for administrators", flag()),
            parameter("user", ParameterIn::Query, user, text().max_length(Some(NAME_BYTES_MAX))),
        ]
    }
}

/// Filters and the page of a list of deliveries.
pub(crate) struct DeliveryFilters;

impl IntoParams for DeliveryFilters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let query = |name, words: &str, schema| parameter(name, ParameterIn::Query, words, schema);
        let id = || text().pattern(Some("^[A-Za-z0-9_]{1,64}$"));
        let size = format!("The number of entries on a page; by default {PAGE_SIZE_DEFAULT}");
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(1))
            .maximum(Some(PAGE_SIZE_MAX));
        vec![
            query("object", "Only those of the job or the batch with this id", id()),
            query("webhook", "Only those to the webhook with this id", id()),
            query("cursor", "`nextCursor` of the page before", id()),
            query("page_size", &size, number),
        ]
    }
}

/// The key that a call about a webhook is for.
pub(crate) struct KeyOfWebhook;

impl IntoParams for KeyOfWebhook {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words =
            "A key's id: another one of the caller's, for administrators any; by default that of the call";
        vec![parameter("key", ParameterIn::Query, words, text().pattern(Some("^[A-Za-z0-9_]{1,64}$")))]
    }
}

/// `preview`, of what answers with results.
pub(crate) struct PreviewParameter;

impl IntoParams for PreviewParameter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "The answer is looked at once: the job beneath has at most 100,000 simulations, is in no list, is deleted a minute after its end, and is no job to quotas. It costs what any job costs";
        vec![parameter("preview", ParameterIn::Query, words, flag())]
    }
}

/// The response 304.
pub(crate) struct NotModified;

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        let words = "Nothing has changed since the response with this ETag";
        [("304".to_owned(), ResponseBuilder::new().description(words).build().into())].into()
    }
}

/// The response 204, of streams of events.
pub(crate) struct NoMoreEvents;

impl IntoResponses for NoMoreEvents {
    fn responses() -> Responses {
        let words = "The client has already received the last event";
        [("204".to_owned(), ResponseBuilder::new().description(words).build().into())].into()
    }
}

/// The response 409 of calls that end something.
pub(crate) struct HasEnded;

impl IntoResponses for HasEnded {
    fn responses() -> Responses {
        conflict("It has already ended")
    }
}

/// 409, of what deletes something.
pub(crate) struct HasNotEnded;

impl IntoResponses for HasNotEnded {
    fn responses() -> Responses {
        conflict("It has not ended")
    }
}

/// The response 404 of calls about the webhook of a key.
pub(crate) struct NoSuchKey;

impl IntoResponses for NoSuchKey {
    fn responses() -> Responses {
        refused("404", "There is no such key, or it has no webhook")
    }
}

/// The response 409 of calls that wait for a job.
pub(crate) struct CancelledMeanwhile;

impl IntoResponses for CancelledMeanwhile {
    fn responses() -> Responses {
        conflict("The job was cancelled during the call")
    }
}

type Responses = BTreeMap<String, RefOr<Response>>;

fn conflict(words: &str) -> Responses {
    refused("409", words)
}

fn refused(status: &str, words: &str) -> Responses {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response =
        ResponseBuilder::new().description(words).content(carlo_rest::problem::CONTENT_TYPE, problem);
    [(status.to_owned(), response.build().into())].into()
}

fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A part of the path. It is always there.
fn path(name: &str, words: &str) -> Parameter {
    let mut part = parameter(name, ParameterIn::Path, words, text());
    part.required = Required::True;
    part
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
