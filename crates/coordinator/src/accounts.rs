//! The accounts' service: keys, and what has been used with them.

use std::sync::Arc;

use carlo_store::Ledger;
use carlo_tenancy::keys::parse_user;
use carlo_tenancy::{Caller, Key, KeyId, NewKey, PeriodUsage, Role, Secret, Tier, Usage, UsageReport};
use carlo_types::{Fault, FaultCode, FieldFault};
use carlo_wire::v1;
use carlo_wire::v1::accounts_server::Accounts;
use tonic::{Request, Response, Status};

use crate::answers::repeated;
use crate::core::{Core, Once};
use crate::door::{self, Call};
use crate::environment::Environment;
use crate::idempotency::Repeatable;
use crate::lead::Leadership;
use crate::particulars::nanodollars;

/// Past months where a caller doesn't say how many.
const PERIODS_DEFAULT: u32 = 6;

/// The service.
pub(crate) struct AccountsService {
    leadership: Leadership,
    ledger: Arc<dyn Ledger>,
    environment: Arc<dyn Environment>,
}

impl AccountsService {
    pub(crate) fn new(
        leadership: Leadership,
        ledger: Arc<dyn Ledger>,
        environment: Arc<dyn Environment>,
    ) -> Self {
        Self { leadership, ledger, environment }
    }

    async fn create(&self, call: &mut Call, request: v1::CreateKeyRequest) -> Result<v1::CreatedKey, Fault> {
        let id = KeyId::from_random(self.environment.random());
        let secret = self.secret();
        let checked = check(request, id);
        let create = move |core: &mut Core, caller: &Caller| {
            caller.require_admin().map_err(door::fault)?;
            let (new, repeatable) = checked?;
            let serve = |core: &mut Core| {
                let key = Some(message(&core.create_key(new, &secret)?));
                Ok(v1::CreatedKey { key, secret: secret.reveal() })
            };
            // Nothing durable holds a secret.
            let told = |created: &v1::CreatedKey| v1::CreatedKey { secret: String::new(), ..created.clone() };
            core.once(caller, repeatable.as_ref(), serve, told)
        };
        match call.admit(create).await? {
            Once::Served(created) => Ok(created),
            Once::Repeated(id) => repeated(self.ledger.as_ref(), &id).await,
        }
    }

    fn secret(&self) -> Secret {
        let mut bits = [0; 32];
        let (high, low) = bits.split_at_mut(16);
        high.copy_from_slice(&self.environment.random().to_be_bytes());
        low.copy_from_slice(&self.environment.random().to_be_bytes());
        Secret::from_random(bits)
    }
}

#[tonic::async_trait]
impl Accounts for AccountsService {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreatedKey>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let answer = self.create(&mut call, request).await;
        call.answer(answer)
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let (mut call, _) = Call::of(&self.leadership, request)?;
        let list = |core: &mut Core, caller: &Caller| {
            caller.require_admin().map_err(door::fault)?;
            Ok(core.keys())
        };
        let keys = call.admit(list).await;
        call.answer(keys.map(|keys| v1::ListKeysResponse { keys: keys.iter().map(message).collect() }))
    }

    async fn revoke_key(&self, request: Request<v1::RevokeKeyRequest>) -> Result<Response<v1::Key>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let revoke = move |core: &mut Core, caller: &Caller| {
            caller.require_admin().map_err(door::fault)?;
            // What is no id is the id of no key.
            let id = request.id.parse::<KeyId>();
            core.revoke_key(id.map_err(|error| Fault::new(FaultCode::NotFound, error.to_string()))?)
        };
        let key = call.admit(revoke).await;
        call.answer(key.as_ref().map(message).map_err(Clone::clone))
    }

    async fn get_usage(&self, request: Request<v1::UsageRequest>) -> Result<Response<v1::Usage>, Status> {
        let (mut call, _) = Call::of(&self.leadership, request)?;
        let usage = call.admit(|core, caller| Ok(core.usage(caller))).await;
        call.answer(usage.as_ref().map(report).map_err(Clone::clone))
    }

    async fn get_usage_history(
        &self,
        request: Request<v1::UsageHistoryRequest>,
    ) -> Result<Response<v1::UsageHistory>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let periods = if request.periods == 0 { PERIODS_DEFAULT } else { request.periods };
        let look = move |core: &mut Core, caller: &Caller| {
            Ok((core.usage(caller), core.history(caller, periods.into())?))
        };
        let looked = call.admit(look).await;
        call.answer(looked.map(|(current, history)| v1::UsageHistory {
            current: Some(report(&current)),
            history: history.iter().map(past).collect(),
        }))
    }

    async fn count_call(
        &self,
        request: Request<v1::CountCallRequest>,
    ) -> Result<Response<v1::CountCallResponse>, Status> {
        let (mut call, _) = Call::of(&self.leadership, request)?;
        let counted = call.admit(|_, _| Ok(v1::CountCallResponse {})).await;
        call.answer(counted)
    }
}

/// The key that a request asks for, under this id.
fn check(mut request: v1::CreateKeyRequest, id: KeyId) -> Result<(NewKey, Option<Repeatable>), Fault> {
    let key = std::mem::take(&mut request.idempotency_key);
    let repeatable = Repeatable::new(&key, "Accounts.CreateKey", &request)?;
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
        (Ok(user), Some(tier), Some(role)) => Ok((NewKey { id, user, tier, role }, repeatable)),
        _ => Err(Fault::invalid(faults)),
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
        held_nanodollars: nanodollars(report.held),
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
