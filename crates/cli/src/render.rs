//! The texts for people: pure functions from the types of the REST contract to texts without
//! colours
//! and without a line end at the end.

pub mod batch;
pub mod cluster;
pub mod explain;
pub mod faults;
pub mod histogram;
pub mod job;
mod lifetime;
pub mod number;
pub mod plans;
pub mod progress;
pub mod replay;
pub mod results;
pub mod sweep;
pub mod table;
pub mod top;
pub mod up;
pub mod usage;
pub mod visible;
pub mod webhooks;
pub mod width;

/// Lines of a name and an aligned text.
fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<_> =
        facts.iter().map(|(name, text)| format!("{name:<width$}   {}", visible::line(text))).collect();
    lines.join("\n")
}

/// `1 node`, `2 nodes`.
fn counted(number: u64, thing: &str) -> String {
    let plural = match number {
        1 => "",
        _ if thing.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {thing}{plural}", number::grouped(number))
}
