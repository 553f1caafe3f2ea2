//! The gRPC service `Accounts`: API keys, join tokens, tiers and usage.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::Page;
use carlo_tenancy::keys::parse_user;
use carlo_tenancy::{
    Caller, JoinToken, JoinTokenId, Key, KeyId, NewKey, PeriodUsage, Role, Secret, Terms, Tier, Usage,
    UsageReport,
};
use carlo_types::definition::{self, Faults};
use carlo_types::request::envelope::{CreateJoinToken, CreateJoinTokenDraft};
use carlo_types::{Fault, FaultCode, FieldFault};
use carlo_wire::v1;
use carlo_wire::v1::accounts_server::Accounts;
use tokio_stream::Stream;
use tonic::Status;

use crate::access::token_text;
use crate::auth::{RequestContext, ServiceState, service};
use crate::core::Core;
use crate::idempotency::IdempotencyKey;
use crate::ledger_reads::resolve;
use crate::request_checks::{check_page, checked};
use crate::to_proto::nanodollars;

const DAY: Duration = Duration::from_hours(24);
/// The number of past months if the request gives none.
const PERIODS_DEFAULT: u32 = 6;

pub(crate) struct AccountsService {
    state: ServiceState,
}

impl AccountsService {
    pub(crate) fn new(state: ServiceState) -> Self {
        Self { state }
    }

    async fn create_key(
        &self,
        context: &mut RequestContext,
        request: v1::CreateKeyRequest,
    ) -> Result<v1::CreatedKey, Fault> {
        let id = KeyId::from_random(self.state.environment.random());
        let secret = self.secret();
        let checked = check(request, id);
        let create = move |core: &mut Core, caller: &Caller| {
            caller.require_admin().map_err(Fault::from)?;
            let (new, idempotency_key) = checked?;
            let NewKeyRequest { new, valid_for } = new;
            let serve = |core: &mut Core| {
                let new = NewKey { expires_at: valid_for.map(|time| core.after(time)), ..new };
                let key = core.create_key(caller, new, &secret)?;
                Ok(v1::CreatedKey { key: Some(message(&key)), secret: secret.reveal() })
            };
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, without_secret)
        };
        resolve(self.state.ledger.as_ref(), context.admit(create).await?).await
    }

    async fn rotate_key(
        &self,
        context: &mut RequestContext,
        mut request: v1::RotateKeyRequest,
    ) -> Result<v1::CreatedKey, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let idempotency_key = IdempotencyKey::new(&key, "Accounts.RotateKey", &request);
        let id = KeyId::from_random(self.state.environment.random());
        let secret = self.secret();
        let expires_in_days = request.expires_in_days.map(u64::from);
        let checked = checked::<CreateJoinToken>(CreateJoinTokenDraft { note: None, expires_in_days });
        let rotate = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            let idempotency_key = idempotency_key?;
            let valid_for = checked?.expires_in_days.map(|days| DAY * days);
            let old = key_id(&request.id)?;
            let serve = |core: &mut Core| {
                let key = core.rotate_key(caller, (old, id), valid_for, &secret)?;
                Ok(v1::CreatedKey { key: Some(message(&key)), secret: secret.reveal() })
            };
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, without_secret)
        };
        resolve(self.state.ledger.as_ref(), context.admit(rotate).await?).await
    }

    async fn list_keys(
        &self,
        context: &mut RequestContext,
        _: v1::ListKeysRequest,
    ) -> Result<v1::ListKeysResponse, Fault> {
        let list = |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            Ok(core.keys())
        };
        let keys = context.admit(list).await?;
        Ok(v1::ListKeysResponse { keys: keys.iter().map(message).collect() })
    }

    async fn revoke_key(
        &self,
        context: &mut RequestContext,
        request: v1::RevokeKeyRequest,
    ) -> Result<v1::Key, Fault> {
        let revoke = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            core.revoke_key(caller, key_id(&request.id)?)
        };
        Ok(message(&context.admit(revoke).await?))
    }

    async fn create_join_token(
        &self,
        context: &mut RequestContext,
        mut request: v1::CreateJoinTokenRequest,
    ) -> Result<v1::CreatedJoinToken, Fault> {
        let key = std::mem::take(&mut request.idempotency_key);
        let idempotency_key = IdempotencyKey::new(&key, "Accounts.CreateJoinToken", &request);
        let text = token_text(self.state.environment.secret());
        let checked = checked::<CreateJoinToken>(request.into());
        let create = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            let (CreateJoinToken { note, expires_in_days }, idempotency_key) = (checked?, idempotency_key?);
            let valid_for = expires_in_days.map(|days| DAY * days);
            let serve = |core: &mut Core| {
                let token = core.create_join_token(caller, &text, note, valid_for)?;
                Ok(v1::CreatedJoinToken { token: Some(join_token(token)), text })
            };
            // Secrets are never stored, so a repeated request gets the token without its text.
            let stored =
                |made: &v1::CreatedJoinToken| v1::CreatedJoinToken { text: String::new(), ..made.clone() };
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, stored)
        };
        resolve(self.state.ledger.as_ref(), context.admit(create).await?).await
    }

    async fn list_join_tokens(
        &self,
        context: &mut RequestContext,
        _: v1::ListJoinTokensRequest,
    ) -> Result<v1::ListJoinTokensResponse, Fault> {
        let list = |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            Ok(core.join_tokens())
        };
        let tokens = context.admit(list).await?;
        Ok(v1::ListJoinTokensResponse { tokens: tokens.into_iter().map(join_token).collect() })
    }

    async fn revoke_join_token(
        &self,
        context: &mut RequestContext,
        request: v1::RevokeJoinTokenRequest,
    ) -> Result<v1::JoinToken, Fault> {
        let revoke = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            // No token has a malformed id.
            let id = request.id.parse::<JoinTokenId>();
            let id = id.map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))?;
            core.revoke_join_token(caller, id)
        };
        context.admit(revoke).await.map(join_token)
    }

    async fn get_tiers(
        &self,
        context: &mut RequestContext,
        _: v1::GetTiersRequest,
    ) -> Result<v1::Tiers, Fault> {
        let get = |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            Ok(v1::Tiers { json: core.terms().to_json() })
        };
        context.admit(get).await
    }

    async fn set_tiers(&self, context: &mut RequestContext, request: v1::Tiers) -> Result<v1::Tiers, Fault> {
        let terms = Terms::parse(&request.json).map_err(Fault::invalid);
        let set = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            core.set_terms(caller, terms?);
            Ok(v1::Tiers { json: core.terms().to_json() })
        };
        context.admit(set).await
    }

    async fn check_key(
        &self,
        context: &mut RequestContext,
        _: v1::CheckKeyRequest,
    ) -> Result<v1::CheckKeyResponse, Fault> {
        let caller = context.authenticate().await?;
        let key_id = caller.key.map(|key| key.to_string()).unwrap_or_default();
        Ok(v1::CheckKeyResponse { user: caller.user.to_string(), key_id })
    }

    async fn get_usage(&self, context: &mut RequestContext, _: v1::UsageRequest) -> Result<v1::Usage, Fault> {
        let usage = context.admit(|core, caller| Ok(core.usage(caller))).await?;
        Ok(report(&usage))
    }

    async fn get_usage_history(
        &self,
        context: &mut RequestContext,
        request: v1::UsageHistoryRequest,
    ) -> Result<v1::UsageHistory, Fault> {
        let periods = if request.periods == 0 { PERIODS_DEFAULT } else { request.periods };
        let read = move |core: &mut Core, caller: &Caller| {
            Ok((core.usage(caller), core.history(caller, periods.into())?))
        };
        let (current, history) = context.admit(read).await?;
        Ok(v1::UsageHistory { current: Some(report(&current)), history: history.iter().map(past).collect() })
    }

    async fn list_usage(
        &self,
        context: &mut RequestContext,
        request: v1::ListUsageRequest,
    ) -> Result<v1::ListUsageResponse, Fault> {
        let page = checked_page(request.page, request.page_size);
        let list = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            Ok(core.usage_by_user(page?))
        };
        let (total, users) = context.admit(list).await?;
        Ok(v1::ListUsageResponse { users: users.iter().map(report).collect(), total: total as u64 })
    }

    async fn list_audit(
        &self,
        context: &mut RequestContext,
        request: v1::ListAuditRequest,
    ) -> Result<v1::ListAuditResponse, Fault> {
        let page = checked_page(request.page, request.page_size);
        let list = move |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            let Page { skip, take } = page?;
            Ok(core.audit_page(skip, take))
        };
        let (total, records) = context.admit(list).await?;
        let records = records.iter().map(|record| record.as_ref().clone()).collect();
        Ok(v1::ListAuditResponse { records, total: total as u64 })
    }

    async fn export_audit(
        &self,
        context: &mut RequestContext,
        _: v1::ExportAuditRequest,
    ) -> Result<AuditRecords, Fault> {
        let read = |core: &mut Core, caller: &Caller| {
            caller.require_admin()?;
            Ok((core.audit_page(0, usize::MAX), core.open_stream(caller)?))
        };
        let ((_, records), permit) = context.admit(read).await?;
        // The permit is the stream's, as long as somebody reads it.
        let send = move |record: Arc<v1::AuditRecord>| {
            let _ = &permit;
            Ok(record.as_ref().clone())
        };
        Ok(Box::pin(tokio_stream::iter(records.into_iter().map(send))))
    }

    async fn count_call(
        &self,
        context: &mut RequestContext,
        _: v1::CountCallRequest,
    ) -> Result<v1::CountCallResponse, Fault> {
        context.admit(|_, _| Ok(v1::CountCallResponse {})).await
    }

    fn secret(&self) -> Secret {
        Secret::from_random(self.state.environment.secret())
    }
}

/// The audit log, on its way.
type AuditRecords = Pin<Box<dyn Stream<Item = Result<v1::AuditRecord, Status>> + Send>>;

service! {
    impl Accounts for AccountsService [ExportAuditStream = AuditRecords] {
        create_key(v1::CreateKeyRequest) -> v1::CreatedKey;
        list_keys(v1::ListKeysRequest) -> v1::ListKeysResponse;
        revoke_key(v1::RevokeKeyRequest) -> v1::Key;
        rotate_key(v1::RotateKeyRequest) -> v1::CreatedKey;
        list_usage(v1::ListUsageRequest) -> v1::ListUsageResponse;
        list_audit(v1::ListAuditRequest) -> v1::ListAuditResponse;
        export_audit(v1::ExportAuditRequest) -> AuditRecords;
        create_join_token(v1::CreateJoinTokenRequest) -> v1::CreatedJoinToken;
        list_join_tokens(v1::ListJoinTokensRequest) -> v1::ListJoinTokensResponse;
        revoke_join_token(v1::RevokeJoinTokenRequest) -> v1::JoinToken;
        get_tiers(v1::GetTiersRequest) -> v1::Tiers;
        set_tiers(v1::Tiers) -> v1::Tiers;
        get_usage(v1::UsageRequest) -> v1::Usage;
        get_usage_history(v1::UsageHistoryRequest) -> v1::UsageHistory;
        check_key(v1::CheckKeyRequest) -> v1::CheckKeyResponse;
        count_call(v1::CountCallRequest) -> v1::CountCallResponse;
    }
}

/// Secrets are never stored, so a repeated request gets the key without its secret.
fn without_secret(created: &v1::CreatedKey) -> v1::CreatedKey {
    v1::CreatedKey { secret: String::new(), ..created.clone() }
}

fn key_id(text: &str) -> Result<KeyId, Fault> {
    // No key has a malformed id.
    text.parse::<KeyId>().map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))
}

fn checked_page(page: u32, page_size: u32) -> Result<Page, Fault> {
    let mut faults = Vec::new();
    let page = check_page(page, page_size, &mut faults);
    if faults.is_empty() { Ok(page) } else { Err(Fault::invalid(faults)) }
}

/// The properties of a requested key, and how long it is valid.
struct NewKeyRequest {
    new: NewKey,
    valid_for: Option<Duration>,
}

/// The requested key with this id, and the request's idempotency key; or all faults of the request.
fn check(
    mut request: v1::CreateKeyRequest,
    id: KeyId,
) -> Result<(NewKeyRequest, Option<IdempotencyKey>), Fault> {
    let key = std::mem::take(&mut request.idempotency_key);
    let idempotency_key = IdempotencyKey::new(&key, "Accounts.CreateKey", &request)?;
    let mut faults = Faults::default();
    // As for join tokens.
    let options =
        CreateJoinTokenDraft { note: request.note, expires_in_days: request.expires_in_days.map(u64::from) };
    let CreateJoinToken { note, expires_in_days } = definition::check(options, "", &mut faults);
    let user = parse_user(&request.user).map_err(|fault| faults.push(fault));
    let tier = if request.tier.is_empty() { Some(Tier::default()) } else { Tier::parse(&request.tier) };
    if tier.is_none() {
        faults.push(FieldFault::new("/tier", "must be free, basic, pro or enterprise"));
    }
    let role = match v1::Role::try_from(request.role) {
        Ok(v1::Role::Unspecified | v1::Role::User) => Some(Role::User),
        Ok(v1::Role::Admin) => Some(Role::Admin),
        Err(_) => None,
    };
    if role.is_none() {
        faults.push(FieldFault::new("/role", "must be user or admin"));
    }
    let (Ok(user), Some(tier), Some(role)) = (user, tier, role) else {
        return Err(faults.none_or(()).expect_err("what is missing has a fault"));
    };
    let new = NewKey { id, user, tier, role, note, expires_at: None };
    let valid_for = expires_in_days.map(|days| DAY * days);
    faults.none_or((NewKeyRequest { new, valid_for }, idempotency_key))
}

fn join_token(token: JoinToken) -> v1::JoinToken {
    v1::JoinToken {
        id: token.id.to_string(),
        note: token.note,
        created_at_ms: token.created_at.0,
        expires_at_ms: token.expires_at.map(|at| at.0),
        last_used_at_ms: token.last_used_at.map(|at| at.0),
        revoked_at_ms: token.revoked_at.map(|at| at.0),
    }
}

fn role(role: Role) -> v1::Role {
    match role {
        Role::User => v1::Role::User,
        Role::Admin => v1::Role::Admin,
    }
}

fn message(key: &Key) -> v1::Key {
    v1::Key {
        id: key.id.to_string(),
        user: key.user.to_string(),
        tier: key.tier.to_string(),
        role: role(key.role).into(),
        created_at_ms: key.created_at.0,
        revoked_at_ms: key.revoked_at.map(|at| at.0),
        note: key.note.clone(),
        expires_at_ms: key.expires_at.map(|at| at.0),
    }
}

fn report(report: &UsageReport) -> v1::Usage {
    v1::Usage {
        exceeded: report.quota_exceeded_reason(),
        user: report.user.to_string(),
        tier: report.tier.to_string(),
        period: report.period.to_string(),
        days_remaining: report.days_remaining,
        used: Some(counters(&report.usage)),
        calls_limit: report.calls.limit,
        jobs_limit: report.jobs.limit,
        cost_limit_nanodollars: report.cost.limit.map(nanodollars),
        batch_size_max: report.batch_size,
        reserved_nanodollars: nanodollars(report.reserved),
        role: role(report.role).into(),
    }
}

fn past(past: &PeriodUsage) -> v1::PeriodUsage {
    v1::PeriodUsage { period: past.period.to_string(), used: Some(counters(&past.usage)) }
}

fn counters(usage: &Usage) -> v1::Counters {
    v1::Counters {
        calls: usage.calls,
        jobs: usage.jobs,
        jobs_completed: usage.completed,
        jobs_failed: usage.failed,
        jobs_cancelled: usage.cancelled,
        tokens: usage.tokens,
        cost_nanodollars: nanodollars(usage.cost),
    }
}
