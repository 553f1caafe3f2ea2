//! carlo's durable state: a ledger of keys and values with one writer at a time.
//!
//! * [`ledger`]: the [`Ledger`] trait, its writes, errors and limits.
//! * [`key`]: the checked [`Key`].
//! * [`memory`]: a ledger in memory that can be made to fail, for tests and simulations.
//! * [`election`]: the same for several coordinators, one of which leads.
//! * [`portable`]: a ledger as one file, for backups and moves.
//! * [`redb`]: the embedded ledger, a file on one machine.
//! * `etcd` (feature `etcd`): the ledger that several coordinators share.
//! * `conformance` (feature `conformance`): the suite that every implementation passes.
//!
//! Keys and values belong to the coordinator. This crate knows no records, jobs or encodings.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod election;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod key;
pub mod ledger;
pub mod memory;
pub mod portable;
pub mod redb;

#[cfg(feature = "etcd")]
pub use self::etcd::{EtcdConfig, EtcdLedger};
pub use self::redb::RedbLedger;
pub use election::{MemoryCandidate, MemoryElection};
pub use key::{Key, KeyError};
pub use ledger::{Compaction, Ledger, LedgerError, Standby, Write};
pub use memory::MemoryLedger;
