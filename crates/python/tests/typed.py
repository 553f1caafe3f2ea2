"""Code with types, which mypy checks and tests run."""

from __future__ import annotations

import carlo
from carlo.models import Asset, GlidePoint, Guardrails, LognormalReturns


def couple() -> carlo.SimulationRequest:
    return carlo.SimulationRequest(
        financial_profile=carlo.FinancialProfile(liquid_assets=250_000, monthly_spending=4_500),
        user_inputs=carlo.UserInputs(monthly_income=0, risk_tolerance="low"),
        goal=carlo.Goal(success="neverShort", timeline_months=420, dollars="real"),
        simulation_params=carlo.SimulationParams(n_simulations=20_000, seed="3", sensitivity=False),
        plan=carlo.Plan(
            flows=[carlo.Flow(kind="income", amount=1_900, from_=24, index="prices")],
            portfolio=carlo.Portfolio(
                assets=[Asset(id="stocks", mean=0.07, std=0.16), Asset(id="bonds", mean=0.03, std=0.06)],
                glide_path=[GlidePoint(month=0, weights=[0.6, 0.4])],
            ),
            returns=LognormalReturns(),
            spending_rule=Guardrails(up=0.2, down=0.2, cut=0.1, raise_=0.1),
            people=[carlo.Person(age=65, modal_age=88, dispersion=10), carlo.Person(age=63, modal_age=91, dispersion=9)],
            survivor_spending=0.7,
        ),
    )


def probability(plan: carlo.SimulationRequest) -> float:
    results = carlo.run(plan)
    low, high = results.confidence_interval_95
    assert low <= results.success_probability <= high
    rule = results.spending
    assert rule is not None and results.sensitivity is None
    return results.success_probability


def remote(client: carlo.Client, plan: carlo.SimulationRequest) -> str:
    job: carlo.Job = client.wait(client.submit(plan))
    return job.results.digest if job.results else ""
