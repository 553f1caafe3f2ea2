//! Admits and counts calls and settles jobs, each in the commit of the change that it belongs to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::{Command, JobRecord, JobState, OwnerLimits, Page, RetentionLimits};
use carlo_tenancy::{
    Admission, Caller, Ended, JoinToken, JoinTokenId, Key, KeyId, NewKey, PeriodUsage, RateStatus, Refusal,
    Role, Secret, Terms, Tier, Unauthenticated, UsageReport, join_tokens,
};
use carlo_types::{Fault, FaultCode, OwnerId, Timestamp, Work};
use carlo_wire::v1::AuditAction;

use super::Core;
use crate::Error;
use crate::access::Access;
use crate::entries::{self, EntryError};

/// The user of the initial key.
const ADMIN: &str = "admin";
const DAY: Duration = Duration::from_hours(24);

/// The greater of two limits; `None` is no limit.
fn greater<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// What the audit log says of a new key.
fn said_of(key: &Key) -> String {
    let note = key.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("for {}, tier {}, role {}{note}", key.user, key.tier, key.role)
}

/// What the audit log says of other terms.
fn said_of_terms(before: &Terms, after: &Terms) -> String {
    let changed = Tier::ALL.into_iter().filter(|tier| before.limits(*tier) != after.limits(*tier));
    let mut said: Vec<String> = changed.map(|tier| format!("the tier {tier}")).collect();
    if before.price_per_token != after.price_per_token {
        said.push(format!("the price, ${} a token now", after.price_per_token));
    }
    if said.is_empty() { "nothing was different".to_owned() } else { said.join(", ") }
}

impl Core {
    /// Adds the coordinator's own admin key and join token to the cluster's, if the cluster has
    /// none or the coordinator is configured to adopt them.
    pub(super) fn ensure_access(&mut self, access: &Access) -> Result<(), Error> {
        self.needs_keys = !matches!(access, Access::Open);
        let environment = Arc::clone(&self.environment);
        self.adopt(access, Some(&|| environment.secret()))
    }

    /// The same after the files have changed. Files that aren't there are not made.
    pub(crate) fn check_access(&mut self, access: &Access) -> Result<(), Error> {
        self.adopt(access, None)
    }

    fn adopt(&mut self, access: &Access, fresh: Option<&dyn Fn() -> [u8; 32]>) -> Result<(), Error> {
        let wall = self.clock.now().wall;
        let adopted = access.adopt(&self.tenancy, wall, fresh)?;
        let refused = |refusal: Refusal| EntryError::Contradiction(refusal.into());
        if let Some(secret) = adopted.admin {
            let new = NewKey {
                id: KeyId::from_random(self.environment.random()),
                user: OwnerId::new(ADMIN),
                tier: Tier::Enterprise,
                role: Role::Admin,
                note: Some("from a coordinator's file".to_owned()),
                expires_at: None,
            };
            let key = self.tenancy.create_key(new, &secret, wall).map_err(refused)?;
            self.audit_own(AuditAction::KeyCreated, key.id.to_string(), said_of(&key));
            tracing::info!(key = %key.id, user = ADMIN, "the coordinator's admin key was added");
        }
        if let Some(text) = adopted.join_token {
            let note = Some("from a coordinator's file".to_owned());
            let token = self.add_join_token(&text, note, None).map_err(refused)?;
            let detail = token.note.clone().unwrap_or_default();
            self.audit_own(AuditAction::TokenCreated, token.id.to_string(), detail);
            tracing::info!(token = %token.id, "the coordinator's join token was added");
        }
        Ok(())
    }

    /// Uses the terms in the ledger. If there are none, or with `replaces`, uses those of the
    /// coordinator's configuration.
    pub(super) fn ensure_terms(&mut self, stored: Option<Terms>, replaces: bool) {
        match stored {
            Some(stored) if !replaces => self.tenancy.set_terms(stored),
            stored if replaces && stored.as_ref() != Some(self.tenancy.terms()) => {
                if let Some(stored) = &stored {
                    let changes = said_of_terms(stored, self.tenancy.terms());
                    self.audit_own(AuditAction::TiersChanged, "", changes);
                    tracing::warn!("the tiers of this coordinator's file replace those of the ledger");
                }
                self.writes.push(entries::write_terms(self.tenancy.terms()));
            }
            _ => {}
        }
    }

    /// The terms in the coordinator's file have changed.
    pub(crate) fn replace_terms(&mut self, terms: Terms) {
        if *self.tenancy.terms() == terms {
            return;
        }
        let changes = said_of_terms(self.tenancy.terms(), &terms);
        self.audit_own(AuditAction::TiersChanged, "", changes);
        tracing::info!("the tiers were changed, as this coordinator's file says");
        self.use_terms(terms);
    }

    /// Changes the terms of the whole cluster.
    pub(crate) fn set_terms(&mut self, caller: &Caller, terms: Terms) {
        let changes = said_of_terms(self.tenancy.terms(), &terms);
        self.audit(caller, AuditAction::TiersChanged, "", changes);
        self.use_terms(terms);
    }

    fn use_terms(&mut self, terms: Terms) {
        self.writes.push(entries::write_terms(&terms));
        self.tenancy.set_terms(terms);
        self.limit_owners();
    }

    pub(crate) fn terms(&self) -> &Terms {
        self.tenancy.terms()
    }

    fn add_join_token(
        &mut self,
        text: &str,
        note: Option<String>,
        expires_at: Option<Timestamp>,
    ) -> Result<JoinToken, Refusal> {
        let wall = self.clock.now().wall;
        let token = JoinToken {
            id: JoinTokenId::from_random(self.environment.random()),
            hash: join_tokens::hash(text).expect("the text was checked, or was made by this coordinator"),
            note,
            created_at: wall,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        self.tenancy.add_join_token(token.clone(), wall)?;
        Ok(token)
    }

    /// Creates a join token with this text. Refused while authentication is off.
    pub(crate) fn create_join_token(
        &mut self,
        caller: &Caller,
        text: &str,
        note: Option<String>,
        valid_for: Option<Duration>,
    ) -> Result<JoinToken, Fault> {
        if !self.needs_keys {
            let message = "join tokens can't be made while authentication is off (--auth off)";
            return Err(Fault::new(FaultCode::Forbidden, message));
        }
        let expires_at = valid_for.map(|time| self.after(time));
        let token = self.add_join_token(text, note, expires_at)?;
        let detail = token.note.clone().unwrap_or_default();
        self.audit(caller, AuditAction::TokenCreated, token.id.to_string(), detail);
        Ok(token)
    }

    pub(crate) fn revoke_join_token(&mut self, caller: &Caller, id: JoinTokenId) -> Result<JoinToken, Fault> {
        let token = self.tenancy.revoke_join_token(id, self.clock.now().wall)?;
        let detail = token.note.clone().unwrap_or_default();
        self.audit(caller, AuditAction::TokenRevoked, token.id.to_string(), detail);
        Ok(token)
    }

    /// All join tokens, in the order of their ids.
    pub(crate) fn join_tokens(&self) -> Vec<JoinToken> {
        self.tenancy.join_tokens().cloned().collect()
    }

    /// Refuses a worker without a valid join token.
    pub(crate) fn admit_worker(&mut self, token: Option<&str>) -> Result<(), Fault> {
        if !self.needs_keys {
            return Ok(());
        }
        Ok(self.tenancy.admit_worker(token, self.clock.now().wall).map_err(Refusal::from)?)
    }

    /// Sets the scheduler's limits for all owners with a key.
    pub(super) fn limit_owners(&mut self) {
        let owners: BTreeSet<OwnerId> = self.tenancy.keys().map(|key| key.user.clone()).collect();
        for owner in owners {
            self.limit_owner(owner);
        }
        if !self.needs_keys {
            self.limit_owner(OwnerId::local());
        }
    }

    /// Sets the scheduler's limits for an owner. If the owner has several keys, the best limits
    /// apply; if all keys are revoked, the configured ones do. Without authentication there is one
    /// caller, who needs no key.
    fn limit_owner(&mut self, owner: OwnerId) {
        let wall = self.clock.now().wall;
        let keys = self.tenancy.keys().filter(|key| key.user == owner && key.refusal(wall).is_none());
        let local = Some(Caller::local()).filter(|caller| !self.needs_keys && caller.user == owner);
        let tiers = keys.map(|key| key.tier).chain(local.map(|caller| caller.tier));
        let limits = tiers.map(|tier| self.tenancy.terms().limits(tier));
        let limits = limits.map(|limits| OwnerLimits {
            jobs_at_once: limits.jobs_at_once,
            weight: limits.weight,
            retention: RetentionLimits {
                kept_for: limits.retention_days.map(|days| DAY * days),
                jobs: limits.retained_jobs,
            },
        });
        let limits = limits.reduce(|one, other| OwnerLimits {
            jobs_at_once: greater(one.jobs_at_once, other.jobs_at_once),
            weight: one.weight.max(other.weight),
            retention: RetentionLimits {
                kept_for: greater(one.retention.kept_for, other.retention.kept_for),
                jobs: greater(one.retention.jobs, other.retention.jobs),
            },
        });
        if let Err(fault) = self.apply(Command::Limit { owner, limits }) {
            tracing::error!(%fault, "the scheduler refused a limit");
        }
    }

    /// Authenticates, admits, counts and serves a call with this key. Also returns the state of the
    /// caller's rate limits.
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
            self.tenancy.authenticate(key.ok_or(Unauthenticated::Missing)?, self.clock.now().wall)
        } else {
            Ok(Caller::local())
        }
    }

    /// Bills an ended job. Does nothing if it has been billed already.
    pub(super) fn settle(&mut self, job: &JobRecord) {
        let ended = match job.state {
            JobState::Queued | JobState::Running => return,
            JobState::Complete => Ended::Completed,
            JobState::Failed => Ended::Failed,
            JobState::Cancelled => Ended::Cancelled,
        };
        self.tenancy.settle(job.id, ended, job.bill.unwrap_or_default());
    }

    /// Creates a key. Refused while authentication is off, because then everybody could create a
    /// key and use it once authentication is on.
    pub(crate) fn create_key(&mut self, caller: &Caller, new: NewKey, secret: &Secret) -> Result<Key, Fault> {
        self.require_keys()?;
        let key = self.tenancy.create_key(new, secret, self.clock.now().wall)?;
        self.audit(caller, AuditAction::KeyCreated, key.id.to_string(), said_of(&key));
        self.limit_owner(key.user.clone());
        Ok(key)
    }

    fn require_keys(&self) -> Result<(), Fault> {
        if self.needs_keys {
            return Ok(());
        }
        let message = "keys can't be made while authentication is off (--auth off)";
        Err(Fault::new(FaultCode::Forbidden, message))
    }

    /// Creates the key `id` with the properties of the key `old`, and revokes `old`. Without
    /// `valid_for` the new key has the lifetime of the old one.
    pub(crate) fn rotate_key(
        &mut self,
        caller: &Caller,
        (old, id): (KeyId, KeyId),
        valid_for: Option<Duration>,
        secret: &Secret,
    ) -> Result<Key, Fault> {
        self.require_keys()?;
        let wall = self.clock.now().wall;
        let key = self.tenancy.key(old).ok_or(Refusal::NoSuchKey)?.clone();
        if let Some(refusal) = key.refusal(wall) {
            return Err(Fault::new(FaultCode::Conflict, format!("{old} can't be rotated: {refusal}")));
        }
        let lifetime = key.expires_at.map(|at| Duration::from_millis(at.0.saturating_sub(key.created_at.0)));
        let expires_at = valid_for.or(lifetime).map(|time| self.after(time));
        let Key { user, tier, role, note, .. } = key;
        let new = self.tenancy.create_key(NewKey { id, user, tier, role, note, expires_at }, secret, wall)?;
        if let Err(refusal) = self.tenancy.revoke_key(old, wall) {
            // The last admin key may not give way to one that expires.
            self.tenancy.discard_key(id);
            return Err(refusal.into());
        }
        let detail = format!("in place of {old}, {}", said_of(&new));
        self.audit(caller, AuditAction::KeyRotated, new.id.to_string(), detail);
        self.move_default_webhook(old, new.id);
        self.end_key(old, new.user.clone());
        Ok(new)
    }

    pub(crate) fn revoke_key(&mut self, caller: &Caller, id: KeyId) -> Result<Key, Fault> {
        let key = self.tenancy.revoke_key(id, self.clock.now().wall)?;
        self.audit(caller, AuditAction::KeyRevoked, key.id.to_string(), format!("of {}", key.user));
        self.end_key(key.id, key.user.clone());
        Ok(key)
    }

    /// Does what follows from the end of a key.
    fn end_key(&mut self, key: KeyId, user: OwnerId) {
        self.streams.revoke(key);
        self.webhooks.set_default(&key.to_string(), None);
        self.limit_owner(user);
    }

    /// Ends what was opened with keys that have expired.
    pub(super) fn expire_keys(&mut self) {
        while let Some(key) = self.tenancy.next_expired_key(self.clock.now().wall) {
            tracing::info!(key = %key.id, user = %key.user, "a key has expired");
            self.end_key(key.id, key.user);
        }
    }

    /// The time after a while.
    pub(crate) fn after(&self, time: Duration) -> Timestamp {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.clock.now().wall.0.saturating_add(ms))
    }

    /// How many users have used something or have keys, and a page of what they have used this
    /// month, those who spent most first.
    pub(crate) fn usage_by_user(&self, page: Page) -> (usize, Vec<UsageReport>) {
        let all = self.tenancy.usage_by_user(self.clock.now().wall);
        (all.len(), all.into_iter().skip(page.skip).take(page.take).collect())
    }

    /// All keys, in the order of their ids.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.tenancy.keys().cloned().collect()
    }

    /// Bills work that doesn't belong to a job. Refused if it exceeds the caller's quota.
    pub(crate) fn charge_work(&mut self, caller: &Caller, work: Work) -> Result<(), Fault> {
        let wall = self.clock.now().wall;
        Ok(self.tenancy.charge_work(caller, work, wall)?)
    }

    /// A caller's usage in this month.
    pub(crate) fn usage(&self, caller: &Caller) -> UsageReport {
        self.tenancy.usage(caller, self.clock.now().wall)
    }

    /// A caller's usage in each of this number of past months.
    pub(crate) fn history(&self, caller: &Caller, periods: u64) -> Result<Vec<PeriodUsage>, Fault> {
        let history = self.tenancy.history(&caller.user, periods, self.clock.now().wall);
        history.map_err(|fault| Fault::from(Refusal::Invalid(vec![fault])))
    }
}
