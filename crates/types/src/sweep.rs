//! Sweeps: a plan at several values of one or two of its numbers, all with the same random numbers.
//!
//! A sweep consists of a plan and axes, from which its points follow ([`points`]). Each point is
//! the echoed request of the plan, with a number replaced at each axis's pointer, and is read like
//! any other request. So all rules apply to all points, and ends that equal the timeline move with
//! it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::analysis::Analysis;
use crate::definition::rule::{items, list, number, part, pointer};
use crate::definition::{self, Faults, Object, section, snake_case};
use crate::limits::{NUMBER_MAX, TEXT_CHARS_MAX};
use crate::request::Request;
use crate::request::envelope::JobOptions;
use crate::request::webhook::{self, Webhook};
use crate::spec::JobSpec;

/// The most points of a sweep.
pub const POINTS_MAX: usize = 1_024;
/// The most axes of a sweep.
pub const AXES_MAX: usize = 2;
/// The pointer of the timeline, from which the number of months follows.
const TIMELINE: &str = "/goal/timelineMonths";
/// The pointers of values that must be the same for all points.
const SHARED: [&str; 4] = [
    "/simulationParams/nSimulations",
    "/simulationParams/seed",
    "/simulationParams/targetStandardError",
    "/simulationParams/sensitivity",
];

section! {
    /// A number of a plan and its values.
    pub SweepAxis / SweepAxisDraft as "SweepAxis" {
        /// The JSON pointer (RFC 6901) of the number in the request.
        pointer: String = pointer(TEXT_CHARS_MAX).required().example("/plan/incomeUntil");
        /// The values, all different. All axes together may have at most 1,024 points.
        values: Vec<f64> = items(number(-NUMBER_MAX, NUMBER_MAX), POINTS_MAX).required().unique();
    }
}

section! {
    /// The body of `POST /api/sweep`.
    pub SweepRequest / SweepRequestDraft as "SweepRequest" with sweepable {
        /// The plan. All points differ from it only in the numbers of the axes, and are compared
        /// with it.
        request: Request = part().required();
        /// One or two axes.
        axes: Vec<SweepAxis> = list(AXES_MAX).at_least(1).required();
        /// A name for people.
        name: Option<String> = JobOptions::name;
        /// Higher goes first among the jobs of one user.
        priority: u32 = JobOptions::priority;
        /// Where the sweep's events are sent; by default to the webhook of the key, if it has one.
        webhook: Option<Webhook> = JobOptions::webhook;
    }
}

fn sweepable(asked: &mut SweepRequest, object: &mut Object<'_>) {
    webhook::of_job(asked.webhook.as_ref(), object);
    for (pointer, message) in check(&asked.request, &mut asked.axes) {
        object.fault(&[&format!("/axes{pointer}"), "/request"], format_args!("{message}"));
    }
}

impl SweepRequest {
    /// The job that computes all points.
    pub fn into_spec(self) -> JobSpec {
        JobSpec::new(self.request, Analysis::Sweep(self.axes))
    }
}

/// The values of each point, one for each axis, with the last axis varying fastest.
pub fn values(axes: &[SweepAxis]) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let with = |values: &Vec<f64>| {
            let values = values.clone();
            axis.values.iter().map(move |value| [&values[..], &[*value]].concat())
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// The requests of all points of [valid](check) axes, in the order of their [`values`].
pub fn points(request: &Request, axes: &[SweepAxis]) -> Vec<Request> {
    let base = echo(request);
    let point = |values: Vec<f64>| {
        let settings = axes.iter().zip(values).map(|(axis, value)| (axis.pointer.as_str(), value));
        read(&base, settings, request).unwrap_or_else(|_| request.clone())
    };
    values(axes).into_iter().map(point).collect()
}

/// The sum of the timelines of all points, in months.
pub(crate) fn months(request: &Request, axes: &[SweepAxis]) -> u64 {
    let count = |axis: &SweepAxis| axis.values.len() as u64;
    let points: u64 = axes.iter().map(count).product();
    match axes.iter().find(|axis| axis.pointer == TIMELINE) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1200")]
        Some(timeline) => {
            timeline.values.iter().map(|months| *months as u64).sum::<u64>() * points / count(timeline).max(1)
        }
        None => points * u64::from(request.goal.timeline_months),
    }
}

/// The faults of axes over a request, with pointers into the list of axes. Converts pointers into
/// the request to `camelCase`.
pub(crate) fn check(request: &Request, axes: &mut [SweepAxis]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let count = axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    if count > POINTS_MAX {
        return vec![(String::new(), format!("have {count} points together, more than {POINTS_MAX}"))];
    }
    let base = echo(request);
    for i in 0..axes.len() {
        // A pointer that is at fault by itself is empty here.
        if axes[i].pointer.is_empty() {
            continue;
        }
        let pointer = camel_case(&axes[i].pointer);
        let wrong = why_not(&base, &pointer).or_else(|| {
            let is_twice = axes[..i].iter().any(|other| other.pointer == pointer);
            is_twice.then(|| "is that of the other axis, too".to_owned())
        });
        axes[i].pointer = pointer;
        match wrong {
            Some(message) => faults.push((format!("/{i}/pointer"), message)),
            None => faults.extend(check_axis(&base, request, i, &axes[i])),
        }
    }
    let are_known = axes.iter().all(|axis| !axis.pointer.is_empty());
    if let ([first, second], true) = (&*axes, are_known && faults.is_empty()) {
        for x in &first.values {
            for (k, y) in second.values.iter().enumerate() {
                let settings = [(first.pointer.as_str(), *x), (second.pointer.as_str(), *y)];
                if let Err(message) = read(&base, settings, request) {
                    faults
                        .push((format!("/1/values/{k}"), format!("with {} = {x}: {message}", first.pointer)));
                    return faults;
                }
            }
        }
    }
    faults
}

/// The faults of a single axis.
fn check_axis(base: &Value, request: &Request, i: usize, axis: &SweepAxis) -> Vec<(String, String)> {
    let (mut faults, mut seen, mut moves) = (Vec::new(), BTreeSet::new(), false);
    let own = digested(request);
    for (k, value) in axis.values.iter().enumerate() {
        // 0 and -0 are the same.
        if !seen.insert((value + 0.0).to_bits()) {
            faults.push((format!("/{i}/values/{k}"), "is given twice".to_owned()));
        }
        match read(base, [(axis.pointer.as_str(), *value)], request) {
            Ok(point) => moves |= digested(&point) != own,
            Err(message) => faults.push((format!("/{i}/values/{k}"), message)),
        }
    }
    // An axis with only the request's own value has no effect.
    if faults.is_empty() && !moves && axis.values.len() > 1 {
        let message = "changes nothing that is simulated".to_owned();
        faults.push((format!("/{i}/pointer"), message));
    }
    faults
}

/// The bytes of a request that a digest covers.
fn digested(request: &Request) -> Vec<u8> {
    let mut canonical = definition::Canonical::default();
    definition::Section::canonical(&request.with_ends(), &mut canonical);
    canonical.into_bytes()
}

/// The reason why no number can be replaced at a pointer, if there is one.
fn why_not(base: &Value, pointer: &str) -> Option<String> {
    if SHARED.contains(&pointer) {
        return Some("must be the same for all points".to_owned());
    }
    let (parent, _) = pointer.rsplit_once('/')?;
    match base.pointer(parent) {
        Some(Value::Object(_) | Value::Array(_)) => None,
        _ => Some(format!("leads nowhere: the request has no {parent}")),
    }
}

/// The echoed form of the request.
fn echo(request: &Request) -> Value {
    serde_json::to_value(request).unwrap_or_default()
}

/// The request with these numbers, or its fault.
fn read<'a>(
    base: &Value,
    settings: impl IntoIterator<Item = (&'a str, f64)>,
    request: &Request,
) -> Result<Request, String> {
    let mut value = base.clone();
    let settings: Vec<_> = settings.into_iter().collect();
    for (pointer, number) in &settings {
        if !put(&mut value, pointer, *number) {
            return Err(format!("can't be put in at {pointer}"));
        }
    }
    let mut faults = Faults::default();
    let mut point: Request = definition::read(&value, &mut faults);
    if let Err(fault) = faults.none_or(()) {
        let told = |fault: &crate::FieldFault| {
            let is_of_axis = settings.iter().any(|(pointer, _)| *pointer == fault.pointer);
            if is_of_axis { fault.message.clone() } else { format!("{} {}", fault.pointer, fault.message) }
        };
        return Err(fault.fields.first().map_or_else(|| fault.to_string(), told));
    }
    // A missing seed is chosen once for all points.
    point.params.seed = request.params.seed;
    Ok(point)
}

/// Replaces the value at a pointer by a number. Returns whether the pointer exists.
fn put(value: &mut Value, pointer: &str, number: f64) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    // A whole number is written as an integer.
    #[expect(clippy::cast_possible_truncation, reason = "checked to be the same")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "checked to be the same")]
    let number = if whole as f64 == number { Value::from(whole) } else { Value::from(number) };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(name.replace("~1", "/").replace("~0", "~"), number);
            true
        }
        Some(Value::Array(entries)) => match name.parse().ok().and_then(|i: usize| entries.get_mut(i)) {
            Some(entry) => {
                *entry = number;
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// Converts the names in a pointer from `snake_case` to `camelCase`.
fn camel_case(pointer: &str) -> String {
    let step = |step: &str| {
        let mut words = step.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let mut letters = word.chars();
            let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
            name + &initial.into_iter().chain(letters).collect::<String>()
        })
    };
    // The reader refuses other spellings later.
    let is_snake = |step: &&str| snake_case(step) == **step;
    pointer
        .split('/')
        .map(|name| if is_snake(&name) { step(name) } else { name.to_owned() })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests;
