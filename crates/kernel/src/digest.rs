//! The digest of an answer: SHA-256 over the model's version, every parameter that the model reads, the seed, and the merged
//! partial result.

use carlo_types::results::Digest;
use carlo_types::spec::Account;
use carlo_types::{JobSpec, Question};
use sha2::{Digest as _, Sha256};

use crate::MODEL_VERSION;
use crate::partial::Partial;

/// Says what is hashed, so that it can't be mistaken for a hash of anything else.
const DOMAIN: &[u8] = b"carlo results\0";

/// The digest of `partial` as an answer to `spec`. Texts and other information in `spec` don't count.
pub(crate) fn digest(spec: &JobSpec, partial: &Partial) -> Digest {
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    hash.update(MODEL_VERSION.to_le_bytes());
    add_plan(&mut hash, spec);
    match &spec.question {
        Question::None => {}
        Question::Compare(variants) => variants.iter().for_each(|variant| add_plan(&mut hash, variant)),
        Question::Solve(asked) => {
            hash.update(asked.variable.as_str());
            add(&mut hash, &[asked.probability]);
        }
    }
    hash.update(partial.encode());
    Digest(hash.finalize().into())
}

fn add_plan(hash: &mut Sha256, spec: &JobSpec) {
    hash.update(spec.seed.to_le_bytes());
    hash.update(spec.simulations.to_le_bytes());
    hash.update(spec.goal.timeline_months.to_le_bytes());
    let (household, world) = (&spec.household, &spec.world);
    let numbers = [
        spec.goal.target_amount,
        household.liquid_assets,
        household.monthly_income,
        household.monthly_spending,
        world.annual_return_mean,
        world.annual_return_std,
        world.inflation_rate,
        world.inflation_volatility,
        world.income_volatility,
        world.expense_volatility,
        world.emergency_probability,
        world.emergency_min,
        world.emergency_max,
        world.annual_raise_mean,
        world.annual_raise_volatility,
        world.promotion_probability,
        world.promotion_raise_mean,
        world.promotion_raise_volatility,
    ];
    add(hash, &numbers);
    hash.update([u8::from(spec.account_aware)]);
    if spec.account_aware {
        for accounts in [&spec.cards, &spec.loans] {
            hash.update((accounts.len() as u64).to_le_bytes());
            for account in accounts {
                add_account(hash, account);
            }
        }
    } else {
        add(hash, &[household.credit_debt, household.monthly_loan_payments]);
    }
}

fn add(hash: &mut Sha256, numbers: &[f64]) {
    for number in numbers {
        // −0 is 0: they are the same request.
        hash.update((number + 0.0).to_le_bytes());
    }
}

fn add_account(hash: &mut Sha256, account: &Account) {
    let Account { id: _, balance, yearly_rate_percent, monthly_payment } = account;
    add(hash, &[*balance, *yearly_rate_percent, *monthly_payment]);
}
