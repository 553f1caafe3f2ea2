//! The faults of a request.

use carlo_types::FieldFault;

use super::visible;

/// The detail, then each fault on a line of its own.
pub fn text(detail: &str, faults: &[FieldFault]) -> String {
    let line = |fault: &FieldFault| {
        let pointer = if fault.pointer.is_empty() { "the request" } else { &fault.pointer };
        format!("\n  {}", visible::line(&format!("{pointer} {}", fault.message)))
    };
    match faults {
        // If there is only one fault, the detail may already contain it.
        [fault] => format!("the request has a fault{}", line(fault)),
        faults => visible::line(detail).into_owned() + &faults.iter().map(line).collect::<String>(),
    }
}
