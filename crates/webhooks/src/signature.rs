//! The signature of a request, version 1 of [Standard Webhooks](https://www.standardwebhooks.com):
//! HMAC-SHA256 over the id, the time and the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carlo_types::webhook::WebhookSecret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header with the id of the delivery.
pub const ID: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signature.
pub const SIGNATURE: &str = "webhook-signature";

/// The value of the header `webhook-signature` of a request with this id, time and body.
///
/// # Panics
///
/// Never: HMAC takes keys of any length.
pub fn sign(secret: &WebhookSecret, id: &str, seconds: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use carlo_types::definition::Leaf as _;

    use super::*;

    /// The vector of the specification, which is also in the tests of the reference libraries.
    #[test]
    fn the_vector_of_the_specification_has_its_signature() {
        let secret = WebhookSecret::judge("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), &()).unwrap();
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_part_is_signed() {
        let secret = WebhookSecret::from_random([1; 32]);
        let all = [
            sign(&secret, "msg_1", 1, "{}"),
            sign(&secret, "msg_2", 1, "{}"),
            sign(&secret, "msg_1", 2, "{}"),
            sign(&secret, "msg_1", 1, "[]"),
            sign(&WebhookSecret::from_random([2; 32]), "msg_1", 1, "{}"),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
