//! Query parameters. A refusal names every fault at once.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carlo_rest::Label;
use carlo_rest::order::{JobOrder, OrderError};
use carlo_rest::webhook::DeliveryState;
use carlo_types::FieldFault;
use carlo_types::limits::{PAGE_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, SAMPLES_MAX, SIMULATIONS_MAX};

use crate::problem::Failure;

/// The longest id.
const ID_BYTES_MAX: usize = 64;
/// The most past months that are listed, and the default.
const PERIODS_MAX: u32 = 24;
const PERIODS_DEFAULT: u32 = 6;

/// The requested part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection<S> {
    /// From 1.
    pub(crate) page: u32,
    /// Entries on a page, 1 to 100.
    pub(crate) page_size: u32,
    /// Only entries in this state.
    pub(crate) status: Option<S>,
    /// Everybody's.
    pub(crate) all: bool,
    /// This user's; the caller's where empty.
    pub(crate) user: String,
}

/// The requested part of a list of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobSelection<S> {
    pub(crate) selection: Selection<S>,
    /// Only jobs with this in their name.
    pub(crate) name: String,
    /// Only jobs with this in their name, ids or owner.
    pub(crate) text: String,
    /// Only jobs that were submitted then or later, in milliseconds since 1970.
    pub(crate) since: Option<u64>,
    /// Only jobs that were submitted before.
    pub(crate) until: Option<u64>,
    /// The order of the list; newest first where absent.
    pub(crate) sort: Option<JobOrder>,
}

/// A page of a list without filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    /// From 1.
    pub(crate) page: u32,
    /// Entries on a page, 1 to 100.
    pub(crate) page_size: u32,
}

/// The user that stands for all of them.
const EVERYBODY: &str = "*";

impl Default for Paging {
    fn default() -> Self {
        Self { page: 1, page_size: PAGE_SIZE_DEFAULT }
    }
}

impl Paging {
    /// Takes a parameter up; `None` if it is another list's.
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        let (slot, most) = match name {
            "page" => (&mut self.page, PAGE_MAX),
            "page_size" => (&mut self.page_size, PAGE_SIZE_MAX),
            _ => return None,
        };
        let number = whole(value, most).ok_or_else(|| format!("must be a whole number from 1 to {most}"));
        Some(number.map(|number| *slot = number))
    }
}

impl<T: Send + Sync> FromRequestParts<T> for Paging {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut paging = Self::default();
        each(parts, |name, value| {
            let unknown = || Err("is not a parameter of this list: expected page or page_size".to_owned());
            paging.set(name, value).unwrap_or_else(unknown)
        })?;
        Ok(paging)
    }
}

impl<S: Label> Selection<S> {
    fn first() -> Self {
        let Paging { page, page_size } = Paging::default();
        Self { page, page_size, status: None, all: false, user: String::new() }
    }

    /// Takes a parameter up. `others` are the names that the list has beside these.
    fn set(&mut self, name: &str, value: &str, others: &str) -> Result<(), String> {
        let mut paging = Paging { page: self.page, page_size: self.page_size };
        if let Some(set) = paging.set(name, value) {
            (self.page, self.page_size) = (paging.page, paging.page_size);
            return set;
        }
        match name {
            "all" => self.all = boolean(value)?,
            "user" if value == EVERYBODY => self.all = true,
            "user" => value.clone_into(&mut self.user),
            "status" => self.status = Some(label(value)?),
            _ => {
                return Err(format!(
                    "is not a parameter of this list: expected page, page_size, status, all{others} or user"
                ));
            }
        }
        Ok(())
    }
}

impl<S: Label, T: Send + Sync> FromRequestParts<T> for Selection<S> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut selection = Self::first();
        each(parts, |name, value| selection.set(name, value, ""))?;
        Ok(selection)
    }
}

impl<S: Label, T: Send + Sync> FromRequestParts<T> for JobSelection<S> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut selected = Self {
            selection: Selection::first(),
            name: String::new(),
            text: String::new(),
            since: None,
            until: None,
            sort: None,
        };
        each(parts, |name, value| {
            match name {
                "name" => value.clone_into(&mut selected.name),
                "text" => value.clone_into(&mut selected.text),
                "since" => selected.since = Some(time(value)?),
                "until" => selected.until = Some(time(value)?),
                "sort" => selected.sort = Some(value.parse().map_err(|error: OrderError| error.to_string())?),
                _ => return selected.selection.set(name, value, ", name, text, since, until, sort"),
            }
            Ok(())
        })?;
        Ok(selected)
    }
}

/// Whose entries a list is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    /// Everybody's.
    pub(crate) all: bool,
    /// This user's; the caller's where empty.
    pub(crate) user: String,
}

impl Owner {
    /// Takes a parameter up; `None` if it is another one.
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        match name {
            "all" => return Some(boolean(value).map(|all| self.all = all)),
            "user" if value == EVERYBODY => self.all = true,
            "user" => value.clone_into(&mut self.user),
            _ => return None,
        }
        Some(Ok(()))
    }
}

impl<T: Send + Sync> FromRequestParts<T> for Owner {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut owner = Self::default();
        each(parts, |name, value| {
            let unknown = || Err("is not a parameter of this list: expected all or user".to_owned());
            owner.set(name, value).unwrap_or_else(unknown)
        })?;
        Ok(owner)
    }
}

/// The requested part of a list of deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DeliverySelection {
    pub(crate) owner: Owner,
    /// Only those of the job or the batch with this id; all where empty.
    pub(crate) object: String,
    /// Only those to the webhook with this id; all where empty.
    pub(crate) webhook: String,
    /// Only those in this state.
    pub(crate) state: Option<DeliveryState>,
    /// From the page before; empty for the first page.
    pub(crate) cursor: String,
    /// Entries on a page, 1 to 100.
    pub(crate) page_size: u32,
}

impl<T: Send + Sync> FromRequestParts<T> for DeliverySelection {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut selection = Self { page_size: PAGE_SIZE_DEFAULT, ..Self::default() };
        each(parts, |name, value| {
            if let Some(set) = selection.owner.set(name, value) {
                return set;
            }
            match name {
                "object" => selection.object = id(value)?,
                "webhook" => selection.webhook = id(value)?,
                "cursor" => selection.cursor = id(value)?,
                "state" => selection.state = Some(label(value)?),
                "page_size" => {
                    let size = whole(value, PAGE_SIZE_MAX);
                    let words = || format!("must be a whole number from 1 to {PAGE_SIZE_MAX}");
                    selection.page_size = size.ok_or_else(words)?;
                }
                _ => {
                    let expected = "object, webhook, state, cursor, page_size, all or user";
                    return Err(format!("is not a parameter of this list: expected {expected}"));
                }
            }
            Ok(())
        })?;
        Ok(selection)
    }
}

/// The key that a call is about; empty for the caller's.
pub(crate) struct KeyId(pub(crate) String);

impl<T: Send + Sync> FromRequestParts<T> for KeyId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut key = String::new();
        each(parts, |name, value| {
            if name != "key" {
                return Err("is not a parameter of this call: expected key".to_owned());
            }
            key = id(value)?;
            Ok(())
        })?;
        Ok(Self(key))
    }
}

/// An id of letters, digits and underscores.
fn id(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_short = (1..=ID_BYTES_MAX).contains(&text.len());
    if is_plain && is_short { Ok(text.to_owned()) } else { Err("must be an id".to_owned()) }
}

/// One of the labels of a state.
fn label<S: Label>(text: &str) -> Result<S, String> {
    let all: Vec<_> = S::ALL.iter().map(|state| state.label()).collect();
    S::from_label(text).ok_or_else(|| format!("must be one of {}", all.join(", ")))
}

/// Whether a job is a preview.
pub(crate) struct Preview(pub(crate) bool);

/// Whether a job that has ended is to be deleted.
pub(crate) struct Purge(pub(crate) bool);

impl<T: Send + Sync> FromRequestParts<T> for Preview {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        flag(parts, "preview").map(Self)
    }
}

impl<T: Send + Sync> FromRequestParts<T> for Purge {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        flag(parts, "purge").map(Self)
    }
}

/// The only parameter of a call.
fn flag(parts: &Parts, expected: &str) -> Result<bool, Failure> {
    let mut flag = false;
    each(parts, |name, value| {
        if name != expected {
            return Err(format!("is not a parameter of this call: expected {expected}"));
        }
        flag = boolean(value)?;
        Ok(())
    })?;
    Ok(flag)
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

/// A time as milliseconds since 1970.
fn time(text: &str) -> Result<u64, String> {
    let time = text.parse::<jiff::Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
    time.ok_or_else(|| "must be a time since 1970, like 2026-01-31T09:00:00Z".to_owned())
}

/// The requested number of past months.
pub(crate) struct Periods(pub(crate) u32);

impl<T: Send + Sync> FromRequestParts<T> for Periods {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut periods = PERIODS_DEFAULT;
        each(parts, |name, value| {
            if name != "periods" {
                return Err("is not a parameter of this call: expected periods".to_owned());
            }
            periods = whole(value, PERIODS_MAX)
                .ok_or_else(|| format!("must be a whole number from 1 to {PERIODS_MAX}"))?;
            Ok(())
        })?;
        Ok(Self(periods))
    }
}

/// Consecutive simulations of a job.
pub(crate) struct Range {
    /// The index of the first.
    pub(crate) first: u64,
    /// The number of simulations, if the request gives one.
    pub(crate) count: Option<u64>,
}

impl<T: Send + Sync> FromRequestParts<T> for Range {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Failure> {
        let mut range = Self { first: 0, count: None };
        each(parts, |name, value| {
            let is_number = !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit());
            let number = value.parse().ok().filter(|_| is_number);
            match name {
                "first" => {
                    let most = SIMULATIONS_MAX - 1;
                    let valid = number.filter(|first| *first <= most);
                    range.first = valid.ok_or_else(|| format!("must be a whole number from 0 to {most}"))?;
                }
                "count" => {
                    let valid = number.filter(|count| (1..=SAMPLES_MAX).contains(count));
                    let words = || format!("must be a whole number from 1 to {SAMPLES_MAX}");
                    range.count = Some(valid.ok_or_else(words)?);
                }
                _ => return Err("is not a parameter of this call: expected first or count".to_owned()),
            }
            Ok(())
        })?;
        Ok(range)
    }
}

/// The layer of calls without parameters: it refuses any.
pub(crate) async fn none(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match each(&parts, |_, _| Err("is not a parameter of this call: it has none".to_owned())) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    }
}

/// Gives every decoded parameter to `set`, in their order, and collects the faults.
pub(crate) fn each(
    parts: &Parts,
    mut set: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), Failure> {
    let parameters: Vec<(String, String)> = Query::try_from_uri(&parts.uri)
        .map(|Query(parameters)| parameters)
        .map_err(|error| Failure::new(axum::http::StatusCode::BAD_REQUEST, error.body_text()))?;
    let (mut names, mut faults) = (BTreeSet::new(), Vec::new());
    for (name, value) in &parameters {
        let fault =
            if names.insert(name) { set(name, value).err() } else { Some("is given twice".to_owned()) };
        faults.extend(fault.map(|message| FieldFault::new(format!("/{name}"), message)));
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::invalid(faults)) }
}

fn whole(text: &str, max: u32) -> Option<u32> {
    // `parse` alone would accept a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)?;
    digits.parse().ok().filter(|number| (1..=max).contains(number))
}
