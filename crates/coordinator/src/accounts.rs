//! The gRPC service `Accounts`: API keys, join tokens, tiers and usage.

use std::time::Duration;

use carlo_tenancy::keys::parse_user;
use carlo_tenancy::{
    Caller, JoinToken, JoinTokenId, Key, KeyId, NewKey, PeriodUsage, Role, Secret, Terms, Tier, Usage,
    UsageReport,
};
use carlo_types::request::envelope::CreateJoinToken;
use carlo_types::{Fault, FaultCode, FieldFault};
use carlo_wire::v1;
use carlo_wire::v1::ClusterEventKind;
use carlo_wire::v1::accounts_server::Accounts;

use crate::access::token_text;
use crate::auth::{RequestContext, ServiceState, service};
use crate::core::Core;
use crate::idempotency::IdempotencyKey;
use crate::ledger_reads::resolve;
use crate::request_checks::checked;
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
            let serve = |core: &mut Core| {
                let key = core.create_key(new, &secret)?;
                let detail = format!("for {}, tier {}, role {}", key.user, key.tier, key.role);
                core.note(ClusterEventKind::KeyCreated, key.id.to_string(), detail, caller.user.to_string());
                Ok(v1::CreatedKey { key: Some(message(&key)), secret: secret.reveal() })
            };
            // Secrets are never stored, so a repeated request gets the key without its secret.
            let stored =
                |created: &v1::CreatedKey| v1::CreatedKey { secret: String::new(), ..created.clone() };
            core.run_idempotent(caller, idempotency_key.as_ref(), serve, stored)
        };
        resolve(self.state.ledger.as_ref(), context.admit(create).await?).await
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
            // No key has a malformed id.
            let id = request.id.parse::<KeyId>();
            let id = id.map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))?;
            let key = core.revoke_key(id)?;
            let detail = format!("of {}", key.user);
            core.note(ClusterEventKind::KeyRevoked, key.id.to_string(), detail, caller.user.to_string());
            Ok(key)
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
                let token = core.create_join_token(&text, note, valid_for)?;
                let detail = token.note.clone().unwrap_or_default();
                core.note(
                    ClusterEventKind::TokenCreated,
                    token.id.to_string(),
                    detail,
                    caller.user.to_string(),
                );
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
            let token = core.revoke_join_token(id)?;
            core.note(ClusterEventKind::TokenRevoked, token.id.to_string(), "", caller.user.to_string());
            Ok(token)
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
            core.set_terms(terms?);
            core.note(ClusterEventKind::TiersChanged, "", "", caller.user.to_string());
            Ok(v1::Tiers { json: core.terms().to_json() })
        };
        context.admit(set).await
    }

    async fn check_key(
        &self,
        context: &mut RequestContext,
        _: v1::CheckKeyRequest,
    ) -> Result<v1::CheckKeyResponse, Fault> {
        Ok(v1::CheckKeyResponse { user: context.authenticate().await?.user.to_string() })
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

service! {
    impl Accounts for AccountsService {
        create_key(v1::CreateKeyRequest) -> v1::CreatedKey;
        list_keys(v1::ListKeysRequest) -> v1::ListKeysResponse;
        revoke_key(v1::RevokeKeyRequest) -> v1::Key;
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

/// The requested key with this id, and the request's idempotency key; or all faults of the request.
fn check(mut request: v1::CreateKeyRequest, id: KeyId) -> Result<(NewKey, Option<IdempotencyKey>), Fault> {
    let key = std::mem::take(&mut request.idempotency_key);
    let idempotency_key = IdempotencyKey::new(&key, "Accounts.CreateKey", &request)?;
    let mut faults = Vec::new();
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
    match (user, tier, role) {
        (Ok(user), Some(tier), Some(role)) => Ok((NewKey { id, user, tier, role }, idempotency_key)),
        _ => Err(Fault::invalid(faults)),
    }
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

fn message(key: &Key) -> v1::Key {
    let role = match key.role {
        Role::User => v1::Role::User,
        Role::Admin => v1::Role::Admin,
    };
    v1::Key {
        id: key.id.to_string(),
        user: key.user.to_string(),
        tier: key.tier.to_string(),
        role: role.into(),
        created_at_ms: key.created_at.0,
        revoked_at_ms: key.revoked_at.map(|at| at.0),
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
