//! What the scheduler needn't know of a job, and people want to: its batch, its bill, why it was cancelled. The core keeps it beside
//! every job that the scheduler knows, and in the same entry of the ledger.

use carlo_tenancy::{Money, Settlement};
use carlo_types::BatchId;

/// What is known of a job beside its schedule. Money is billionths of a dollar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JobMetadata {
    /// The batch that it is of.
    pub(crate) batch: Option<BatchId>,
    /// Its name there.
    pub(crate) custom_id: Option<String>,
    /// What it would cost if it ran to its last simulation.
    pub(crate) estimate_nanodollars: u64,
    /// Its tokens and what was billed for them, once it has ended.
    pub(crate) bill: Option<(u64, u64)>,
    /// Why it was cancelled, where somebody said.
    pub(crate) cancel_reason: Option<String>,
}

impl JobMetadata {
    /// Takes what the job came to.
    pub(crate) fn settle(&mut self, settlement: &Settlement) {
        self.bill = Some((settlement.tokens, nanodollars(settlement.cost)));
    }
}

/// Money as messages say it. What is over 18 thousand million dollars is that.
pub(crate) fn nanodollars(money: Money) -> u64 {
    u64::try_from(money.nanos()).unwrap_or(u64::MAX)
}
