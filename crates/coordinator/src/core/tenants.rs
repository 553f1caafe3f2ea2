//! Admits and counts calls and settles jobs, each in the commit of the change that it belongs to.

use std::collections::BTreeSet;

use carlo_schedule::{Command, JobRecord, JobState, OwnerLimits};
use carlo_tenancy::{
    Admission, Caller, Ended, Key, KeyId, NewKey, PeriodUsage, RateStatus, Refusal, Role, Secret,
    Unauthenticated, UsageReport,
};
use carlo_types::{Fault, FaultCode, OwnerId};

use super::Core;
use crate::access::Access;
use crate::entries::EntryError;

/// Whose the first key is.
const ADMIN: &str = "admin";

impl Core {
    /// Makes the first key, where there is none yet.
    pub(super) fn ensure_admin_key(&mut self, access: &Access) -> Result<(), EntryError> {
        self.needs_keys = !matches!(access, Access::Open);
        let Access::Keys { admin: Some(secret), .. } = access else { return Ok(()) };
        match self.tenancy.authenticate(&secret.reveal()) {
            Err(Unauthenticated::Unknown) => {}
            Err(refusal) => {
                tracing::warn!(%refusal, "the admin key's file holds a key that is of no use");
                return Ok(());
            }
            Ok(_) => return Ok(()),
        }
        let new = NewKey {
            id: KeyId::from_random(self.environment.random()),
            user: OwnerId::new(ADMIN),
            tier: carlo_tenancy::Tier::Enterprise,
            role: Role::Admin,
        };
        let made = self.tenancy.create_key(new, secret, self.clock.now().wall);
        let key = made.map_err(|refusal| EntryError::Contradiction(refusal.into()))?;
        tracing::info!(key = %key.id, user = ADMIN, "the first key was made");
        Ok(())
    }

    /// Tells the scheduler what every owner with a key may have.
    pub(super) fn limit_owners(&mut self) {
        let owners: BTreeSet<OwnerId> = self.tenancy.keys().map(|key| key.user.clone()).collect();
        for owner in owners {
            self.limit_owner(owner);
        }
    }

    /// Tells the scheduler what an owner may have: of several keys the best counts, and where all
    /// are revoked the configuration.
    fn limit_owner(&mut self, owner: OwnerId) {
        let keys = self.tenancy.keys().filter(|key| key.user == owner && key.revoked_at.is_none());
        let limits = keys.map(|key| self.tenancy.terms().limits(key.tier));
        let limits =
            limits.map(|limits| OwnerLimits { jobs_at_once: limits.jobs_at_once, weight: limits.weight });
        let limits = limits.reduce(|one, other| OwnerLimits {
            jobs_at_once: one.jobs_at_once.zip(other.jobs_at_once).map(|(one, other)| one.max(other)),
            weight: one.weight.max(other.weight),
        });
        if let Err(fault) = self.apply(Command::Limit { owner, limits }) {
            tracing::error!(%fault, "the scheduler refused a limit");
        }
    }

    /// Admits and counts a call with this key, and serves it; how the caller stands with their
    /// rates comes with the answer.
    pub(crate) fn admit<T>(
        &mut self,
        key: Option<&str>,
        serve: impl FnOnce(&mut Self, &Caller) -> Result<T, Fault>,
    ) -> (RateStatus, Result<T, Fault>) {
        let caller = match self.authenticate(key) {
            Ok(caller) => caller,
            Err(refusal) => return (RateStatus::default(), Err(Refusal::from(refusal).into())),
        };
        let Admission { rate, admitted } = self.tenancy.admit_call(&caller, self.clock.now());
        let answer = admitted.map_err(Fault::from).and_then(|()| serve(self, &caller));
        (rate, answer)
    }

    /// Whether callers need keys.
    pub(crate) fn needs_keys(&self) -> bool {
        self.needs_keys
    }

    pub(crate) fn authenticate(&self, key: Option<&str>) -> Result<Caller, Unauthenticated> {
        if self.needs_keys {
            self.tenancy.authenticate(key.ok_or(Unauthenticated::Missing)?)
        } else {
            Ok(Caller::local())
        }
    }

    /// Bills a job that has ended. A job is billed once: where it has been, nothing happens.
    pub(super) fn settle(&mut self, job: &JobRecord) {
        let ended = match job.state {
            JobState::Queued | JobState::Running => return,
            JobState::Complete => Ended::Completed,
            JobState::Failed => Ended::Failed,
            JobState::Cancelled => Ended::Cancelled,
        };
        self.tenancy.settle(job.id, ended, job.bill.unwrap_or_default());
    }

    /// Makes a key. Refused while authentication is off: whoever reaches the coordinator then could
    /// keep a key for later.
    pub(crate) fn create_key(&mut self, new: NewKey, secret: &Secret) -> Result<Key, Fault> {
        if !self.needs_keys {
            let message = "keys can't be made while authentication is off (--auth off)";
            return Err(Fault::new(FaultCode::Forbidden, message));
        }
        let key = self.tenancy.create_key(new, secret, self.clock.now().wall)?;
        tracing::info!(key = %key.id, user = %key.user, tier = %key.tier, role = %key.role, "a key was made");
        self.limit_owner(key.user.clone());
        Ok(key)
    }

    /// Takes a key back.
    pub(crate) fn revoke_key(&mut self, id: KeyId) -> Result<Key, Fault> {
        let key = self.tenancy.revoke_key(id, self.clock.now().wall)?;
        tracing::info!(key = %key.id, user = %key.user, "a key was revoked");
        self.streams.revoke(key.id);
        self.limit_owner(key.user.clone());
        Ok(key)
    }

    /// All keys, by id.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.tenancy.keys().cloned().collect()
    }

    /// What a caller has used this month.
    pub(crate) fn usage(&self, caller: &Caller) -> UsageReport {
        self.tenancy.usage(caller, self.clock.now().wall)
    }

    /// What a caller has used in each of so many past months.
    pub(crate) fn history(&self, caller: &Caller, periods: u64) -> Result<Vec<PeriodUsage>, Fault> {
        let history = self.tenancy.history(&caller.user, periods, self.clock.now().wall);
        history.map_err(|fault| Fault::from(Refusal::Invalid(vec![fault])))
    }
}
