//! Messages with secrets in clear text. They are printed without their fields.

use std::fmt;

use crate::v1;

macro_rules! hidden {
    ($($message:ident),*) => { $(
        impl fmt::Debug for v1::$message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )* };
}

// The list is also in `build.rs`.
hidden!(Webhook, SetWebhook, DefaultWebhook, EndpointEntry);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_request_has_no_secret() {
        let webhook = v1::Webhook { secret: Some("whsec_abc".to_owned()), ..Default::default() };
        let request = v1::SubmitRequest { webhook: Some(webhook), ..Default::default() };
        let printed = format!("{request:?}");
        assert!(printed.contains("Webhook { .. }") && !printed.contains("whsec"), "{printed}");
    }
}
