//! Plans over a lifetime: the plain model in double precision and the kernel, each against the
//! golden cases and against answers that are known exactly.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and months, far below every bound"
)]

mod answers;
mod exact;
mod golden;
mod kernel;
mod ledger;
mod model;
mod pairs;
mod request;
mod sample;
mod solve;
