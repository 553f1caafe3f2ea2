//! The digest of a result: SHA-256 over the model version, all inputs that the model reads, and the
//! merged partial result.

use carlo_types::JobSpec;
use carlo_types::results::Digest;
use sha2::{Digest as _, Sha256};

use crate::MODEL_VERSION;
use crate::partial::Partial;

/// A prefix for domain separation.
const DOMAIN: &[u8] = b"carlo results\0";

/// The digest of `partial` as the result of `spec`. Names and other descriptive fields of `spec`
/// don't change it.
pub(crate) fn digest(spec: &JobSpec, partial: &Partial) -> Digest {
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update(MODEL_VERSION.to_le_bytes());
    let inputs = spec.canonical();
    hash.update((inputs.len() as u64).to_le_bytes());
    hash.update(inputs);
    hash.update(partial.encode_counts());
    Digest(hash.finalize().into())
}
