"""The objects that travel: requests, which are written, and answers, which are read.

Written by generate.py from the gateway's OpenAPI document; a test compares the two. Requests take keyword arguments in snake_case;
an input that is `None` is left to its default. Answers can't be changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Union

from ._model import Answer, Input
from .display import BatchDisplay, ClusterDisplay, ComparisonDisplay, JobDisplay, ReplayDisplay, ResultsDisplay, SensitivityDisplay, SolvedDisplay


BatchStatus = Literal["PENDING", "RUNNING", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED"]
"""Where a batch stands."""

ClusterEventKind = Literal["leaderChanged", "joined", "left", "lost", "refused", "drained", "undrained", "keyCreated", "keyRevoked", "tokenCreated", "tokenRevoked", "tiersChanged"]
"""What can happen to a cluster."""

Dollars = Literal["nominal", "real"]
"""The dollars that balances are compared and reported in."""

FlowIndex = Literal["none", "prices", "wages"]
"""What a flow grows with."""

FlowKind = Literal["income", "spending"]
"""Whether a flow brings or takes money."""

JobStatus = Literal["queued", "running", "complete", "failed", "cancelled"]
"""Where a job stands."""

NodeState = Literal["working", "idle"]
"""What a node is doing for one job."""

NodeStatus = Literal["available", "busy", "draining", "offline"]
"""What a node is doing."""

Returns = Union["NormalReturns", "LognormalReturns", "StudentTReturns", "RegimeReturns", "BootstrapReturns"]
"""The distribution of monthly returns. μ and σ are the year's mean and standard deviation in the month, of the
portfolio or of `annualReturnMean` and `annualReturnStd`.
"""

RiskTolerance = Literal["medium", "low", "high"]
"""How much risk a person accepts. It implies the market's mean and spread where a request doesn't give them."""

Role = Literal["user", "admin"]
"""What a key may do."""

SimulationStatus = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
"""Where a job stands."""

SpendingRule = Union["Guardrails", "PercentRule", "VpwRule"]
"""Spending that reacts to the balance. A rule acts in months from, from + 12, … and sets the multiple of planned
spending, which stays between `floor` and `ceiling`.
"""

Success = Literal["finalBalance", "neverShort"]
"""What success means."""

Tier = Literal["free", "basic", "pro", "enterprise"]
"""What a tier is called."""

Variable = Literal["maxSpending", "minIncome", "earliestMonth", "maxTarget", "minLiquidAssets", "earliestRetirement", "maxWithdrawal"]
"""A number of the plan that can be solved for."""


@dataclass(kw_only=True, repr=False)
class Asset(Input):
    """An asset of a portfolio. With bootstrapped returns it needs no mean and no standard deviation."""

    id: str
    """A name for it."""

    mean: float | None = None
    """Mean yearly return, arithmetic: a geometric mean would count volatility twice. In fractions a year. At
    least -1, at most 1.
    """

    std: float | None = None
    """Standard deviation of yearly returns. In fractions a year. At least 0, at most 2."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Axis(Answer):
    """A number of the plan and the values that it takes."""

    pointer: str
    """Where the number is in the request: a JSON pointer."""

    values: list[float]
    """Its values."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Batch(BatchDisplay, Answer):
    """One batch."""

    batch_id: str
    """`batch_…`"""

    cost: BatchCost
    """What it costs."""

    created_at: str
    """When it was submitted."""

    fail_fast: bool
    """Whether the first job that fails cancels all others."""

    job_ids: list[str]
    """Its jobs, in the order of the request."""

    owner_id: str
    """Whose it is."""

    parallel_jobs: int
    """Jobs of it that run at once."""

    priority: int
    """0 to 100, more is sooner."""

    progress: BatchProgress
    """What has become of its jobs."""

    status: BatchStatus
    """Where it stands."""

    cancel_reason: str | None = None
    """Why it was cancelled."""

    completed_at: str | None = None
    """When it ended."""

    error_message: str | None = None
    """Why jobs of it did not run or failed."""

    metadata: dict[str, Any] | None = None
    """As it was given: names in their order, numbers with all their digits."""

    started_at: str | None = None
    """When its first job started."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchCost(Answer):
    """What a batch costs, dollars."""

    actual_cost_usd: float
    """So far."""

    estimated_cost_usd: float
    """If every job runs to its last simulation."""

    tokens_used: int
    """Millions of simulated months that were paid for."""

    budget_cap_usd: float | None = None
    """The most that may be billed."""

    budget_remaining_usd: float | None = None
    """What is neither billed nor reserved of it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchJobs(Answer):
    """The answer of `GET /simulations/batch/{batch_id}/jobs`."""

    batch: Batch
    """The batch."""

    jobs: list[Simulation]
    """Its jobs without results, in the order of the request."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchList(Answer):
    """The answer of `GET /simulations/batch`."""

    batches: list[Batch]
    """Newest first."""

    page: int
    """This page, from 1."""

    page_size: int
    """Entries on a full page."""

    total: int
    """How many there are on all pages."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchProgress(Answer):
    """What has become of a batch's jobs."""

    cancelled_jobs: int

    completed_jobs: int

    failed_jobs: int

    pending_jobs: int

    progress_percent: float
    """0 to 100, over all simulations."""

    running_jobs: int

    total_jobs: int


@dataclass(kw_only=True, repr=False)
class BatchSimulation(Input):
    """One simulation of a batch: a request with a name."""

    _names: ClassVar[dict[str, str]] = {
        "financial_profile": "financialProfile",
        "simulation_params": "simulationParams",
        "user_inputs": "userInputs",
    }

    financial_profile: FinancialProfile
    """What the household has, owes and spends."""

    goal: Goal
    """What is to be reached, and when."""

    custom_id: str | None = None
    """Its name in the batch, unique there."""

    plan: Plan | None = None
    """What goes beyond one savings goal: dated incomes and spendings, prices, a portfolio, lifetimes."""

    simulation_params: SimulationParams | None = None
    """How to simulate it."""

    user_inputs: UserInputs | None = None
    """What the person says of themselves."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchStats(Answer):
    """The answer of `GET /simulations/batch/stats`: over all batches of the caller."""

    avg_duration_seconds: float
    """From creation to end, of those that have ended."""

    avg_jobs_per_batch: float

    cancelled_batches: int

    completed_batches: int

    failed_batches: int

    partial_batches: int

    pending_batches: int

    running_batches: int

    total_batches: int

    total_cost_usd: float

    total_jobs: int

    total_tokens_used: int


@dataclass(kw_only=True, repr=False)
class BootstrapReturns(Input):
    """Rows of a history, in blocks of random length (stationary bootstrap, Politis and Romano 1994)."""

    _names: ClassVar[dict[str, str]] = {
        "mean_block_months": "meanBlockMonths",
    }

    mean_block_months: float
    """The mean length of a block. In months. At least 1, at most 1,200."""

    model: Literal["bootstrap"] = "bootstrap"
    """Which it is."""

    rows: list[list[float]]
    """Monthly returns, a row for each month with one number for each asset of the portfolio; one number without
    a portfolio. At least 1 entries, at most 2,400 entries.
    """

    inflation: list[float] | None = None
    """Inflation of the same months, which then moves prices. Not together with `prices`. At most 2,400 entries."""


@dataclass(kw_only=True, repr=False)
class CancelBatch(Input):
    """Why a batch is cancelled, and what becomes of its running jobs."""

    cancel_running: bool | None = None
    """Whether its running jobs are cancelled, too. Default true."""

    reason: str | None = None
    """For people."""


@dataclass(kw_only=True, repr=False)
class CancelJob(Input):
    """Why a job is cancelled."""

    reason: str | None = None
    """For people."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Cancelled(Answer):
    """The answer of `DELETE /api/jobs/{id}`."""

    message: str
    """What was done, for a person."""

    success: bool
    """True."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Cluster(ClusterDisplay, Answer):
    """The answer of `GET /api/cluster/status`."""

    _names: ClassVar[dict[str, str]] = {
        "available_nodes": "availableNodes",
        "average_queue_time": "averageQueueTime",
        "busy_nodes": "busyNodes",
        "draining_nodes": "drainingNodes",
        "model_version": "modelVersion",
        "offline_nodes": "offlineNodes",
        "queued_jobs": "queuedJobs",
        "running_jobs": "runningJobs",
        "simulations_per_second": "simulationsPerSecond",
        "total_nodes": "totalNodes",
    }

    available_nodes: int
    """Nodes with nothing to do."""

    average_queue_time: float
    """Seconds that the last 1000 started jobs waited, on average."""

    busy_nodes: int
    """Nodes that compute."""

    draining_nodes: int
    """Nodes that get no further leases."""

    leader: str
    """The address of the leading coordinator."""

    model_version: int
    """The version of the model that the cluster computes."""

    nodes: list[Node]
    """Every node."""

    offline_nodes: int
    """Nodes that were lost."""

    queued_jobs: int
    """Jobs of which nothing has been leased yet."""

    running_jobs: int
    """Jobs that are being simulated."""

    simulations_per_second: float
    """Of all nodes together, now."""

    total_nodes: int
    """All nodes that are listed."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ClusterEvent(Answer):
    """Something that happened to the cluster."""

    at: str
    """When."""

    kind: ClusterEventKind
    """What."""

    subject: str
    """A node's name, a key's id, or the leader's epoch."""

    by: str | None = None
    """The user who did it, where somebody did."""

    detail: str | None = None
    """For people."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ClusterEvents(Answer):
    """The answer of `GET /api/cluster/events`."""

    events: list[ClusterEvent]
    """At most 500 since the leading coordinator leads, the latest first. Those of keys are for administrators."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ClusterHistory(Answer):
    """The answer of `GET /api/cluster/history`: as the leading coordinator has seen it since it leads."""

    day: list[ClusterSample]
    """The last day, a sample each five minutes, the oldest first."""

    hour: list[ClusterSample]
    """The last hour, a sample each ten seconds, the oldest first."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ClusterSample(Answer):
    """What the cluster did up to a point in time, since the sample before."""

    _names: ClassVar[dict[str, str]] = {
        "completed_jobs": "completedJobs",
        "failed_jobs": "failedJobs",
        "queued_jobs": "queuedJobs",
        "running_jobs": "runningJobs",
        "simulations_per_second": "simulationsPerSecond",
    }

    at: str
    """When."""

    completed_jobs: int
    """Jobs that completed."""

    failed_jobs: int
    """Jobs that failed."""

    nodes: int
    """Nodes that were there."""

    queued_jobs: int
    """The most jobs that waited."""

    running_jobs: int
    """The most jobs that were being simulated."""

    simulations_per_second: float
    """Mean speed of all nodes together."""


@dataclass(kw_only=True, repr=False)
class CompareRequest(Input):
    """The body of `POST /api/compare`."""

    requests: list[SimulationRequest]
    """1 to 8 plans. The first says how many simulations and which seed; the others say the same, or nothing. At
    least 1 entries, at most 8 entries.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class ComparedPlan(Answer):
    """One plan of a comparison."""

    _names: ClassVar[dict[str, str]] = {
        "confidence_interval_95": "confidenceInterval95",
        "delta_standard_error": "deltaStandardError",
        "standard_error": "standardError",
        "success_probability": "successProbability",
    }

    confidence_interval_95: list[float]
    """95 % Wilson interval of it."""

    delta: float
    """The success probability less that of the first plan."""

    delta_standard_error: float
    """Standard error of `delta`, from the paired differences."""

    standard_error: float
    """Standard error of it."""

    success_probability: float
    """Share of its simulations that reached its goal."""

    mean: float | None = None
    """Its mean final balance, dollars."""

    median: float | None = None
    """Its median final balance, dollars."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(ComparisonDisplay, Answer):
    """The answer of `POST /api/compare`."""

    _names: ClassVar[dict[str, str]] = {
        "model_version": "modelVersion",
        "simulations_run": "simulationsRun",
    }

    digest: str
    """SHA-256 over model version, requests, seed and merged summary, in hexadecimal."""

    model_version: int
    """The version of the model."""

    plans: list[ComparedPlan]
    """In the order of the request."""

    seed: str
    """The seed of all, as a decimal string."""

    simulations_run: int
    """Simulations of each."""


@dataclass(kw_only=True, repr=False)
class CreateBatch(Input):
    """Jobs that are submitted together, with a budget."""

    simulations: list[BatchSimulation]
    """1 to what the caller's tier allows. At least 1 entries, at most 1,000 entries."""

    budget_cap_usd: float | None = None
    """The most that may be billed; no limit where absent. In dollars. At least 0, at most 10,000,000,000."""

    fail_fast: bool | None = None
    """Whether the first job that fails cancels all others. Default false."""

    metadata: dict[str, Any] | None = None
    """Anything, kept and shown as it is; at most 16 KiB."""

    parallel_jobs: int | None = None
    """Jobs of it that run at once. At least 1, at most 100. Default 3."""

    priority: int | None = None
    """More is sooner. At least 0, at most 100. Default 50."""


@dataclass(kw_only=True, repr=False)
class CreateJoinToken(Input):
    """A token for workers to join with."""

    expires_in_days: int | None = None
    """Days after which no worker joins with it any more; it doesn't expire where absent. In days. At least 1, at
    most 3,650.
    """

    note: str | None = None
    """What it is for."""


@dataclass(kw_only=True, repr=False)
class CreateKey(Input):
    """A key to be made."""

    user_id: str
    """Whose it will be."""

    role: Role | None = None
    """What it may do; `user` where absent."""

    tier: Tier | None = None
    """The tier of its user; `free` for a new user where absent."""


@dataclass(frozen=True, kw_only=True, repr=False)
class JoinToken(Answer):
    """A token that workers join with, without its text."""

    created_at: str
    """When it was made."""

    id: str
    """Names the token; it is no secret."""

    expires_at: str | None = None
    """From when on no worker joins with it."""

    last_used_at: str | None = None
    """When a worker joined with it, to the minute."""

    note: str | None = None
    """What it is for."""

    revoked_at: str | None = None
    """Since when it is of no use any more."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CreatedJoinToken(JoinToken):
    """The answer of `POST /api/admin/tokens`."""

    text: str | None = None
    """What goes into a worker's `--join-token-file`. It is in this answer and nowhere else; absent where the
    call was repeated.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class Key(Answer):
    """A key, without its secret."""

    created_at: str
    """When it was made."""

    id: str
    """Names the key; it is no secret."""

    role: Role
    """What it may do."""

    tier: Tier
    """Its user's tier."""

    user_id: str
    """Whose it is."""

    revoked_at: str | None = None
    """Since when it is of no use any more."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CreatedKey(Key):
    """The answer of `POST /api/admin/keys`."""

    secret: str | None = None
    """What is sent as `X-API-Key`. It is in this answer and nowhere else; absent where the call was repeated."""


@dataclass(kw_only=True, repr=False)
class CreditCard(Input):
    """A credit card."""

    _names: ClassVar[dict[str, str]] = {
        "minimum_payment": "minimumPayment",
    }

    apr: float
    """Interest. In percent a year. At least 0, at most 1,000,000,000,000."""

    balance: float
    """What is owed at the start. In dollars. At least 0, at most 1,000,000,000,000."""

    minimum_payment: float
    """What is paid each month, while so much is owed. In dollars a month. At least 0, at most 1,000,000,000,000."""

    id: str | None = None
    """A name for it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CurvePoint(Answer):
    """The probability of having been short by a month."""

    _names: ClassVar[dict[str, str]] = {
        "standard_error": "standardError",
    }

    month: int
    """Months since the start, from 1."""

    probability: float
    """Share of the simulations that were short after it or before."""

    standard_error: float
    """Standard error of `probability`."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FanPercentiles(Answer):
    """A value for each percentile of a fan chart."""

    p10: float

    p25: float

    p50: float

    p75: float

    p90: float


@dataclass(frozen=True, kw_only=True, repr=False)
class FanPoint(FanPercentiles):
    """The balances after so many months."""

    month: int
    """Months since the start, from 1 to the timeline."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FieldError(Answer):
    """A fault of one field of a request."""

    message: str
    """What is wrong, for a person."""

    pointer: str
    """Where it is, as a JSON pointer (RFC 6901) into the request; empty for the request as a whole."""


@dataclass(kw_only=True, repr=False)
class FinancialProfile(Input):
    """What the household has, owes and spends."""

    _names: ClassVar[dict[str, str]] = {
        "credit_debt": "creditDebt",
        "liquid_assets": "liquidAssets",
        "loan_debt": "loanDebt",
        "monthly_bills": "monthlyBills",
        "monthly_income": "monthlyIncome",
        "monthly_loan_payments": "monthlyLoanPayments",
        "monthly_spending": "monthlySpending",
        "spending_by_category": "spendingByCategory",
        "spending_volatility": "spendingVolatility",
    }

    liquid_assets: float
    """What can be spent at the start. What exceeds the reserve is invested. In dollars. At least 0, at most
    1,000,000,000,000.
    """

    monthly_spending: float
    """What is spent at the start, before prices rise. In dollars a month. At least 0, at most 1,000,000,000,000."""

    credit_debt: float | None = None
    """Debt on cards as one sum, taken off the balance at the start. Not used by account-aware simulation. In
    dollars. At least 0, at most 1,000,000,000,000. Default 0.
    """

    loan_debt: float | None = None
    """What is owed on loans: stored and echoed, not simulated. In dollars. At least 0, at most
    1,000,000,000,000. Default 0.
    """

    monthly_bills: float | None = None
    """Fixed bills: stored and echoed, not simulated. In dollars a month. At least 0, at most 1,000,000,000,000."""

    monthly_income: float | None = None
    """Income, where `userInputs` has none. In dollars a month. At least 0, at most 1,000,000,000,000."""

    monthly_loan_payments: float | None = None
    """What loans take each month, for the whole timeline. Not used by account-aware simulation. In dollars a
    month. At least 0, at most 1,000,000,000,000. Default 0.
    """

    spending_by_category: dict[str, float] | None = None
    """Spending by category: stored and echoed, not simulated."""

    spending_volatility: float | None = None
    """How much monthly spending varies, relative to itself, where `expenseVolatility` is absent. At least 0, at
    most 2.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class FirstShort(Answer):
    """A simulation that was short."""

    index: int
    """Its index."""

    month: int
    """Its first short month, from 1."""


@dataclass(kw_only=True, repr=False)
class Flow(Input):
    """A dated income or spending: paid in month m when from ≤ m < until and (m − from) is a multiple of
    `everyMonths`, as amount × (1 + annualGrowth)^(m / 12) × index. A one-off flow has `until` = `from` + 1.
    """

    _names: ClassVar[dict[str, str]] = {
        "annual_growth": "annualGrowth",
        "every_months": "everyMonths",
        "from_": "from",
        "survivor_share": "survivorShare",
    }

    amount: float
    """What is paid each time, before growth. In dollars. At least 0, at most 1,000,000,000,000."""

    from_: int
    """The first month. In months from the start. At least 0, at most 1,199."""

    kind: FlowKind
    """Whether it brings or takes money."""

    annual_growth: float | None = None
    """Growth of its own, in addition to the index. In fractions a year. At least -1, at most 1. Default 0."""

    every_months: int | None = None
    """Months from one payment to the next. In months. At least 1, at most 1,200. Default 1."""

    id: str | None = None
    """A name for it."""

    index: FlowIndex | None = None
    """What it grows with. Default "none"."""

    person: int | None = None
    """Whose it is: 0 or 1, as `people` lists them. Paid in full while that person lives. At most 1."""

    survivor_share: float | None = None
    """The share of it that is paid while only the other person lives. At least 0, at most 1. Default 0."""

    until: int | None = None
    """The first month after it. Absent where that is the timeline. In months from the start. Where absent: the
    timeline. At least 0, at most 1,200.
    """


@dataclass(kw_only=True, repr=False)
class GlidePoint(Input):
    """The weights from a month on."""

    month: int
    """The month. In months from the start. At least 0, at most 1,199."""

    weights: list[float]
    """One weight for each asset, which add up to 1. At least 1 entries, at most 8 entries."""


@dataclass(kw_only=True, repr=False)
class Goal(Input):
    """What is to be reached, and when."""

    _names: ClassVar[dict[str, str]] = {
        "goal_text": "goalText",
        "goal_type": "goalType",
        "target_amount": "targetAmount",
        "timeline_months": "timelineMonths",
    }

    timeline_months: int
    """The months that are simulated. In months. At least 1, at most 1,200."""

    dollars: Dollars | None = None
    """The dollars of every balance that is compared or reported. `real` divides each by the price level of its
    month. Default "nominal".
    """

    floor: float | None = None
    """The balance below which a month is short. In dollars. At least -1,000,000,000,000, at most
    1,000,000,000,000. Default 0.
    """

    goal_text: str | None = None
    """The goal in the person's own words: stored and echoed."""

    goal_type: str | None = None
    """The kind of goal: stored and echoed. Default "custom"."""

    success: Success | None = None
    """What success means. Default "finalBalance"."""

    target_amount: float | None = None
    """The balance to be reached after the last month: above 0, unless `success` is `neverShort`. In dollars.
    Where absent: 0 with `success: neverShort`; otherwise it is required. At least 0, at most
    1,000,000,000,000.
    """


@dataclass(kw_only=True, repr=False)
class Guardrails(Input):
    """Cuts and raises at guardrails around the first year's rate of withdrawal (after Guyton and Klinger 2006)."""

    _names: ClassVar[dict[str, str]] = {
        "from_": "from",
        "no_cut_years": "noCutYears",
        "raise_": "raise",
    }

    cut: float
    """By how much it is cut. At least 0, at most 1."""

    down: float
    """How far below it spending is raised. At least 0, at most 1."""

    raise_: float
    """By how much it is raised. At least 0, at most 10."""

    rule: Literal["guardrails"] = "guardrails"
    """Which it is."""

    up: float
    """How far above the first rate of withdrawal spending is cut. At least 0, at most 10."""

    ceiling: float | None = None
    """The largest multiple of planned spending. At least 0, at most 10. Default 10."""

    floor: float | None = None
    """The least multiple of planned spending. At least 0, at most 10. Default 0."""

    from_: int | None = None
    """The first month in which the rule acts. In months from the start. At least 0, at most 1,199. Default 0."""

    no_cut_years: int | None = None
    """The years at the end of the timeline without cuts. In years. At least 0, at most 100. Default 0."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Histogram(Answer):
    """Bars: `counts[i]` simulations ended between `edges[i]` and `edges[i + 1]`."""

    counts: list[int]
    """Simulations in each bar."""

    edges: list[float]
    """Edges in dollars, ascending, one more than there are bars."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Horizon(Answer):
    """How many months were lived: to the last death, at most the timeline."""

    _names: ClassVar[dict[str, str]] = {
        "intervals_95": "intervals95",
        "mean_standard_error": "meanStandardError",
    }

    intervals_95: HorizonIntervals
    """95 % order-statistic interval of each percentile."""

    mean: float
    """The mean."""

    mean_standard_error: float
    """Standard error of `mean`."""

    p5: int
    """The 5th percentile."""

    p50: int
    """The median."""

    p95: int
    """The 95th percentile."""


@dataclass(frozen=True, kw_only=True, repr=False)
class HorizonIntervals(Answer):
    """An interval for each percentile of months lived."""

    p5: list[int]
    """The 5th percentile. 2 entries."""

    p50: list[int]
    """The median. 2 entries."""

    p95: list[int]
    """The 95th percentile. 2 entries."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Job(JobDisplay, Answer):
    """One job."""

    _names: ClassVar[dict[str, str]] = {
        "allocated_nodes": "allocatedNodes",
        "completed_at": "completedAt",
        "created_at": "createdAt",
        "estimated_seconds_remaining": "estimatedSecondsRemaining",
        "estimated_time_remaining": "estimatedTimeRemaining",
        "node_progress": "nodeProgress",
        "partial_results": "partialResults",
        "queue_position": "queuePosition",
        "sensitivity_results": "sensitivityResults",
        "simulations_complete": "simulationsComplete",
        "simulations_total": "simulationsTotal",
        "started_at": "startedAt",
        "waiting_for": "waitingFor",
    }

    allocated_nodes: int
    """Nodes that work on it now."""

    created_at: str
    """When it was submitted."""

    id: str
    """`job_…`"""

    priority: int
    """0 to 100, more is sooner among the jobs of one user."""

    progress: float
    """Percent, 0 to 100."""

    seed: str
    """The seed, as a decimal string: JSON numbers lose its last digits."""

    simulations_complete: int
    """Simulations that have been counted."""

    simulations_total: int
    """Simulations that were asked for."""

    status: JobStatus
    """Where it stands."""

    completed_at: str | None = None
    """When it ended."""

    error: str | None = None
    """Why it failed."""

    estimated_seconds_remaining: float | None = None
    """The same as a number."""

    estimated_time_remaining: str | None = None
    """For a person, like `"12 s"`."""

    name: str | None = None
    """What its submitter calls it."""

    node_progress: dict[str, NodeProgress] = field(default_factory=dict)
    """What each node has done for it, by node id."""

    partial_results: PartialResults | None = None
    """What the simulations so far say, while running."""

    queue_position: int | None = None
    """From 1, while queued."""

    results: JobResults | None = None
    """The answer, when complete."""

    sensitivity_results: SensitivityResults | None = None
    """What would change it, when complete."""

    started_at: str | None = None
    """When its first simulation was leased."""

    waiting_for: str | None = None
    """Why nobody works on it, in a sentence: while it is queued, or runs on no node."""


@dataclass(frozen=True, kw_only=True, repr=False)
class JobList(Answer):
    """The answer of `GET /api/jobs`."""

    jobs: list[Job]
    """Newest first, without results."""

    page: int
    """This page, from 1."""

    page_size: int
    """Entries on a full page."""

    total: int
    """How many there are on all pages."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Results(Answer):
    """The results of a job that is complete, or of the part that has been simulated so far."""

    _names: ClassVar[dict[str, str]] = {
        "best_case": "bestCase",
        "confidence_interval_95": "confidenceInterval95",
        "horizon_months": "horizonMonths",
        "model_version": "modelVersion",
        "percentile_intervals_95": "percentileIntervals95",
        "simulations_run": "simulationsRun",
        "standard_error": "standardError",
        "success_probability": "successProbability",
        "worst_case": "worstCase",
    }

    best_case: float
    """Largest final balance, exact."""

    confidence_interval_95: list[float]
    """95 % Wilson interval of the success probability. 2 entries."""

    digest: str
    """SHA-256 over model version, request, seed and merged summary, in hexadecimal: two runs with the same
    digest gave the same answer to the same question.
    """

    histogram: Histogram
    """The final balances in at most 100 bars."""

    mean: float
    """Mean final balance, dollars."""

    model_version: int
    """The version of the model that computed them."""

    percentile_intervals_95: PercentileIntervals
    """95 % order-statistic interval of each percentile."""

    percentiles: Percentiles
    """Percentiles of the final balance in dollars, in the order of `PERCENTILES`."""

    simulations_run: int
    """Simulations that these results are of."""

    standard_error: float
    """Standard error of `success_probability`."""

    std: float
    """Standard deviation of the final balance, dollars."""

    success_probability: float
    """Share of the simulations that reached the goal."""

    trajectory: list[FanPoint]
    """How the balance spreads along the timeline: at most 60 points, from the first 65,536 simulations."""

    worst_case: float
    """Smallest final balance, exact."""

    horizon_months: Horizon | None = None
    """How many months were lived, in a plan with people."""

    notable: Notable | None = None
    """Simulations that are worth a look; nothing where no simulations are in yet."""

    path: Path | None = None
    """When balances were below the floor, where the goal is never to be short."""

    spending: Spending | None = None
    """What a spending rule did."""

    warnings: list[str] = field(default_factory=list)
    """Inputs that had no effect, and bounds that were met: sentences for a person."""


@dataclass(frozen=True, kw_only=True, repr=False)
class JobResults(ResultsDisplay, Results):
    """The answer of a job: what the simulations say, and what it was computed from."""

    _names: ClassVar[dict[str, str]] = {
        **Results._names,
        "median_outcome": "medianOutcome",
        "stopped_early": "stoppedEarly",
        "workers_used": "workersUsed",
    }

    assumptions: SimulationRequest
    """The request with nothing left to a default. Sent again, it gives the same answer: with the plans of
    `variants` to `POST /api/compare`, with what `solution` says was asked to `POST /api/solve`, or with the
    axes of `sweep` to `POST /api/sweep`, where these are there.
    """

    median_outcome: float
    """Median final balance, dollars."""

    seed: str
    """The seed, as a decimal string: JSON numbers lose its last digits."""

    stopped_early: bool
    """Whether the target standard error was reached before all of them had run."""

    workers_used: int
    """Nodes that contributed."""

    solution: Solution | None = None
    """What was solved for."""

    sweep: SweepResults | None = None
    """The points of a sweep."""

    variants: list[Variant] = field(default_factory=list)
    """The other plans of a comparison, in the order of its request."""


@dataclass(frozen=True, kw_only=True, repr=False)
class JoinTokenList(Answer):
    """The answer of `GET /api/admin/tokens`."""

    tokens: list[JoinToken]
    """Every token, those that are of no use any more too, by id."""


@dataclass(frozen=True, kw_only=True, repr=False)
class KeyList(Answer):
    """The answer of `GET /api/admin/keys`."""

    keys: list[Key]
    """Every key, revoked ones too, by id."""


@dataclass(kw_only=True, repr=False)
class Loan(Input):
    """A loan."""

    _names: ClassVar[dict[str, str]] = {
        "interest_rate": "interestRate",
        "monthly_payment": "monthlyPayment",
    }

    balance: float
    """What is owed at the start. In dollars. At least 0, at most 1,000,000,000,000."""

    interest_rate: float
    """Interest. In percent a year. At least 0, at most 1,000,000,000,000."""

    monthly_payment: float
    """What is paid each month, while so much is owed. In dollars a month. At least 0, at most 1,000,000,000,000."""

    id: str | None = None
    """A name for it."""


@dataclass(kw_only=True, repr=False)
class LognormalReturns(Input):
    """Log-normal with the same mean and variance: never below −100 %."""

    model: Literal["lognormal"] = "lognormal"
    """Which it is."""


@dataclass(frozen=True, kw_only=True, repr=False)
class MultiplierIntervals(Answer):
    """An interval for each percentile of multiples."""

    p25: list[float]
    """The 25th percentile. 2 entries."""

    p5: list[float]
    """The 5th percentile. 2 entries."""

    p50: list[float]
    """The median. 2 entries."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Multipliers(Answer):
    """Percentiles of multiples of planned spending."""

    p25: float
    """The 25th percentile."""

    p5: float
    """The 5th percentile."""

    p50: float
    """The median."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Node(Answer):
    """One node."""

    _names: ClassVar[dict[str, str]] = {
        "cpu_utilization": "cpuUtilization",
        "current_job_ids": "currentJobIds",
        "instruction_set": "instructionSet",
        "last_seen": "lastSeen",
        "memory_utilization": "memoryUtilization",
        "simulations_per_second": "simulationsPerSecond",
        "simulations_processed": "simulationsProcessed",
    }

    cores: int
    """Threads that compute."""

    cpu_utilization: float
    """Share of the machine's processors in use, 0 to 1."""

    current_job_ids: list[str]
    """The jobs that it holds leases of."""

    hostname: str
    """The machine's name."""

    id: str
    """`node_…`, drawn anew whenever its process starts."""

    instruction_set: str
    """The dispatch level of its kernel."""

    last_seen: str
    """When it last said something."""

    memory_utilization: float
    """Share of the machine's memory in use, 0 to 1."""

    name: str
    """The name that its operator gave it."""

    simulations_per_second: float
    """Its speed, now."""

    simulations_processed: int
    """Simulations that it has reported since it joined."""

    status: NodeStatus
    """What it is doing."""

    version: str
    """The version of its program."""


@dataclass(frozen=True, kw_only=True, repr=False)
class NodeProgress(Answer):
    """What one node has done for one job."""

    _names: ClassVar[dict[str, str]] = {
        "simulations_per_second": "simulationsPerSecond",
    }

    progress: float
    """Percent of the job's simulations that this node has done."""

    simulations: int
    """The same as a number of simulations."""

    simulations_per_second: float
    """Its speed at this job."""

    state: NodeState
    """What it is doing, as far as this job goes."""


@dataclass(kw_only=True, repr=False)
class NormalReturns(Input):
    """μ/12 + σ/√12 · Z, with Z a standard normal draw."""

    model: Literal["normal"] = "normal"
    """Which it is."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Notable(Answer):
    """Simulations that are worth a look, each to be replayed by its index. Of several that are equally so, the
    first.
    """

    _names: ClassVar[dict[str, str]] = {
        "first_short": "firstShort",
    }

    best: NotableSimulation
    """The one with the largest."""

    goal: NotableSimulation
    """The one nearest to the target amount."""

    p5: NotableSimulation
    """The one nearest to the 5th percentile of the job's first 4,096 simulations."""

    p50: NotableSimulation
    """The one nearest to their median."""

    p95: NotableSimulation
    """The one nearest to their 95th percentile."""

    worst: NotableSimulation
    """The one with the smallest final balance."""

    first_short: FirstShort | None = None
    """The one whose first short month is nearest to the median one of the job's first 4,096 simulations; nothing
    where no simulation was short.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class NotableSimulation(Answer):
    """A simulation that is worth a look."""

    balance: float
    """Its final balance, dollars."""

    index: int
    """Its index."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PartOfJob(Answer):
    """A `Job`, where `fields` is given."""

    _names: ClassVar[dict[str, str]] = {
        "allocated_nodes": "allocatedNodes",
        "completed_at": "completedAt",
        "created_at": "createdAt",
        "estimated_seconds_remaining": "estimatedSecondsRemaining",
        "estimated_time_remaining": "estimatedTimeRemaining",
        "node_progress": "nodeProgress",
        "partial_results": "partialResults",
        "queue_position": "queuePosition",
        "sensitivity_results": "sensitivityResults",
        "simulations_complete": "simulationsComplete",
        "simulations_total": "simulationsTotal",
        "started_at": "startedAt",
        "waiting_for": "waitingFor",
    }

    allocated_nodes: int
    """Nodes that work on it now."""

    created_at: str
    """When it was submitted."""

    id: str
    """`job_…`"""

    priority: int
    """0 to 100, more is sooner among the jobs of one user."""

    progress: float
    """Percent, 0 to 100."""

    seed: str
    """The seed, as a decimal string: JSON numbers lose its last digits."""

    simulations_complete: int
    """Simulations that have been counted."""

    simulations_total: int
    """Simulations that were asked for."""

    status: JobStatus
    """Where it stands."""

    completed_at: str | None = None
    """When it ended."""

    error: str | None = None
    """Why it failed."""

    estimated_seconds_remaining: float | None = None
    """The same as a number."""

    estimated_time_remaining: str | None = None
    """For a person, like `"12 s"`."""

    name: str | None = None
    """What its submitter calls it."""

    node_progress: dict[str, NodeProgress] = field(default_factory=dict)
    """What each node has done for it, by node id."""

    partial_results: PartialResults | None = None
    """What the simulations so far say, while running."""

    queue_position: int | None = None
    """From 1, while queued."""

    results: SelectedResults | None = None
    """Those members of `JobResults` that `fields` names."""

    sensitivity_results: SensitivityResults | None = None
    """What would change it, when complete."""

    started_at: str | None = None
    """When its first simulation was leased."""

    waiting_for: str | None = None
    """Why nobody works on it, in a sentence: while it is queued, or runs on no node."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PartOfSimulation(Answer):
    """A `Simulation`, where `fields` is given."""

    created_at: str
    """When it was submitted."""

    estimated_cost_usd: float
    """What it costs if it runs to its last simulation, dollars."""

    job_id: str
    """`job_…`"""

    owner_id: str
    """Whose it is."""

    priority: int
    """0 to 100, more is sooner among the jobs of one user."""

    progress_percent: float
    """0 to 100."""

    status: SimulationStatus
    """Where it stands."""

    batch_id: str | None = None
    """The batch that it is of."""

    completed_at: str | None = None
    """When it ended."""

    cost_usd: float | None = None
    """What it has cost, once it has ended, dollars."""

    custom_id: str | None = None
    """Its name in the batch."""

    error_message: str | None = None
    """Why it failed or was cancelled."""

    name: str | None = None
    """What its submitter calls it."""

    results: SelectedResults | None = None
    """Those members of `JobResults` that `fields` names."""

    sensitivity_results: SensitivityResults | None = None
    """What would change it, when completed."""

    started_at: str | None = None
    """When its first simulation was leased."""

    tokens_used: int | None = None
    """Millions of simulated months that were paid for, once it has ended."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PartOfSimulationResult(Answer):
    """A `SimulationResult`, where `fields` is given."""

    job_id: str
    """`job_…`"""

    results: SelectedResults
    """Those members of `JobResults` that `fields` names."""

    status: SimulationStatus
    """`COMPLETED`"""

    sensitivity_results: SensitivityResults | None = None
    """What would change it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PartialResults(Answer):
    """What the simulations so far say."""

    _names: ClassVar[dict[str, str]] = {
        "confidence_interval_95": "confidenceInterval95",
        "median_outcome": "medianOutcome",
        "success_probability": "successProbability",
    }

    confidence_interval_95: list[float]
    """95 % Wilson interval of it."""

    median_outcome: float
    """Median final balance, dollars."""

    simulations: int
    """Simulations that this is of."""

    success_probability: float
    """Share that reached the goal."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Path(Answer):
    """When balances were below the floor."""

    _names: ClassVar[dict[str, str]] = {
        "confidence_interval_95": "confidenceInterval95",
        "first_short_month": "firstShortMonth",
        "first_short_month_intervals_95": "firstShortMonthIntervals95",
        "largest_shortfall": "largestShortfall",
        "mean_deepest_shortfall": "meanDeepestShortfall",
        "mean_deepest_shortfall_standard_error": "meanDeepestShortfallStandardError",
        "short_probability": "shortProbability",
        "standard_error": "standardError",
    }

    confidence_interval_95: list[float]
    """95 % Wilson interval of `shortProbability`. 2 entries."""

    curve: list[CurvePoint]
    """The probability of having been short, by each of up to 60 months."""

    largest_shortfall: float
    """The largest of these shortfalls, dollars: exact."""

    mean_deepest_shortfall: float
    """Mean over the simulations that were short of the floor less the lowest balance, dollars."""

    mean_deepest_shortfall_standard_error: float
    """Standard error of `meanDeepestShortfall`."""

    short_probability: float
    """Share of the simulations that were short after any month."""

    standard_error: float
    """Standard error of `shortProbability`."""

    first_short_month: ShortMonths | None = None
    """Percentiles of the first short month, from 1, among the simulations that were short; absent where none
    was.
    """

    first_short_month_intervals_95: ShortMonthIntervals | None = None
    """95 % order-statistic interval of each of them."""


@dataclass(kw_only=True, repr=False)
class PercentRule(Input):
    """A fixed share of the balance, a year."""

    _names: ClassVar[dict[str, str]] = {
        "from_": "from",
    }

    rule: Literal["percent"] = "percent"
    """Which it is."""

    share: float
    """The share of the balance that is spent. In fractions a year. At least 0, at most 1."""

    ceiling: float | None = None
    """The largest multiple of planned spending. At least 0, at most 10. Default 10."""

    floor: float | None = None
    """The least multiple of planned spending. At least 0, at most 10. Default 0."""

    from_: int | None = None
    """The first month in which the rule acts. In months from the start. At least 0, at most 1,199. Default 0."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PercentileIntervals(Answer):
    """An interval for each percentile that is reported: its lower and its upper end."""

    p10: list[float]

    p25: list[float]

    p5: list[float]

    p50: list[float]

    p75: list[float]

    p90: list[float]

    p95: list[float]


@dataclass(frozen=True, kw_only=True, repr=False)
class Percentiles(Answer):
    """A value for each percentile that is reported."""

    p10: float

    p25: float

    p5: float

    p50: float

    p75: float

    p90: float

    p95: float


@dataclass(frozen=True, kw_only=True, repr=False)
class PeriodUsage(Answer):
    """What was used in one month."""

    api_calls: int

    cost_usd: float

    period: str
    """`YYYY-MM`, UTC."""

    simulations_cancelled: int
    """Jobs that were cancelled."""

    simulations_completed: int

    simulations_failed: int

    simulations_run: int
    """Jobs that were accepted."""

    tokens_used: int


@dataclass(kw_only=True, repr=False)
class Person(Input):
    """A person with a Gompertz lifetime from today."""

    _names: ClassVar[dict[str, str]] = {
        "modal_age": "modalAge",
    }

    age: float
    """Age today. In years. At least 0, at most 120."""

    dispersion: float
    """How far lifetimes spread around it. In years. At least 1, at most 30."""

    modal_age: float
    """The age at which most people like this one die. In years. At least 50, at most 120."""


@dataclass(kw_only=True, repr=False)
class Plan(Input):
    """What goes beyond one savings goal. Every member is optional."""

    _names: ClassVar[dict[str, str]] = {
        "borrowing_rate": "borrowingRate",
        "income_until": "incomeUntil",
        "reserve_months": "reserveMonths",
        "spending_rule": "spendingRule",
        "survivor_spending": "survivorSpending",
    }

    borrowing_rate: float | None = None
    """Interest on a negative balance. In fractions a year. At least 0, at most 2. Default 0."""

    flows: list[Flow] | None = None
    """Dated incomes and spendings. At most 64 entries."""

    income_until: int | None = None
    """The first month without `monthlyIncome`: retirement. Absent where that is the timeline. In months from the
    start. Where absent: the timeline. At least 0, at most 1,200.
    """

    people: list[Person] | None = None
    """One or two people: the plan ends with the last death, or with the timeline. At most 2 entries."""

    portfolio: Portfolio | None = None
    """Several assets with a glide path, in place of `annualReturnMean` and `annualReturnStd`."""

    prices: Prices | None = None
    """Yearly inflation with memory, in place of `inflationRate` and `inflationVolatility`."""

    reserve_months: float | None = None
    """The reserve, which isn't invested, in months of spending. 0 invests everything. In months of spending. At
    least 0, at most 120. Default 6.
    """

    returns: Returns | None = None
    """The distribution of monthly returns; normal where absent."""

    spending_rule: SpendingRule | None = None
    """Spending that reacts to the balance."""

    survivor_spending: float | None = None
    """The factor on spending while exactly one of two people lives. At least 0, at most 1. Default 1."""


@dataclass(kw_only=True, repr=False)
class Portfolio(Input):
    """Several assets, rebalanced every month: mean(m) = w · means − annualFee and std(m) = √(wᵀΣw), a year."""

    _names: ClassVar[dict[str, str]] = {
        "annual_fee": "annualFee",
        "glide_path": "glidePath",
    }

    assets: list[Asset]
    """1 to 8 assets. At least 1 entries, at most 8 entries."""

    annual_fee: float | None = None
    """What is charged on what is invested. In fractions a year. At least 0, at most 0.1. Default 0."""

    correlation: list[list[float]] | None = None
    """Correlations of yearly returns, a row for each asset: symmetric, with ones on the diagonal, positive
    semidefinite. The identity where absent. At most 8 entries.
    """

    glide_path: list[GlidePoint] | None = None
    """Weights by month, months ascending; between its points they are interpolated, outside them constant. Equal
    weights where absent. At most 100 entries.
    """


@dataclass(kw_only=True, repr=False)
class Prices(Input):
    """Yearly inflation as an AR(1) process: y(k) = mean + persistence · (y(k−1) − mean) + std · √(1 −
    persistence²) · Z, at least −0.5. Each month of year k prices grow by (1 + y(k))^(1/12).
    """

    mean: float
    """Mean inflation. In fractions a year. At least -0.2, at most 0.5."""

    persistence: float
    """How much of a year's deviation from the mean lasts into the next. At least 0, at most 0.99."""

    std: float
    """Standard deviation of one year's inflation. In fractions a year. At least 0, at most 0.5."""

    start: float | None = None
    """Inflation of the year before the first. Without it the first year is drawn like any other. In fractions a
    year. At least -0.2, at most 0.5.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class Problem(Answer):
    """An error."""

    detail: str
    """This problem, for a person."""

    error: str
    """`detail` once more, for clients of the older jobs API."""

    instance: str
    """The request that it happened to: its path."""

    status: int
    """The HTTP status."""

    title: str
    """The kind of problem, for a person."""

    type: str
    """The kind of problem, as a URI reference that leads to what it means; `about:blank` where the status says
    it all. `/problems/rate-limited` (429): The tier of the key allows so many calls a second, a minute and an
    hour, and one of these is used up. Wait as long as Retry-After says. RateLimit and RateLimit-Policy, on
    every answer, say how many calls are left. `/problems/quota-exceeded` (429): What the tier of the key
    allows in a calendar month (UTC) doesn't reach for this call. The member quota names which: api_calls,
    simulations (jobs) or cost (dollars). Wait for the next month, which begins after Retry-After; ask for
    less; or use a key of a higher tier. GET /simulations/batch/usage says what is used and what is left.
    `/problems/over-budget` (402): Not even the cheapest job of the batch fits under its budget_cap_usd, which
    the member budget_cap_usd repeats. Nothing was created, and nothing is billed. Raise budget_cap_usd to
    what the detail says would be needed, or ask for fewer simulations or months.
    `/problems/idempotency-key-reused` (422): The same Idempotency-Key came with another body or to another
    call within the last 24 hours. Nothing was done. Use a fresh key for each request that is to create
    something, and the same key only to repeat the same request. `/problems/idempotency-key-in-use` (409): A
    request with the same Idempotency-Key is being handled right now. Repeat the request in a moment: it will
    get the answer of the first one. `/problems/job-failed` (500): The job beneath this call failed, mostly
    because a part of it failed on three workers. The detail says why, and Location where the job is. Try
    again; where it fails again, tell whoever runs the cluster the job's id. `/problems/job-cancelled` (409):
    The job beneath this call was cancelled by another call before it was complete. Location says where it is.
    Send the request again, with a fresh Idempotency-Key if it had one, if the answer is still wanted.
    """

    budget_cap_usd: float | None = None
    """Of the type `/problems/over-budget`: the cap of the batch, dollars."""

    errors: list[FieldError] = field(default_factory=list)
    """Every fault of the body, by field."""

    quota: str | None = None
    """Of the type `/problems/quota-exceeded`: which quota: `api_calls`, `simulations` or `cost`."""


@dataclass(kw_only=True, repr=False)
class Regime(Input):
    """The market in one regime."""

    mean: float
    """Mean yearly return, arithmetic. In fractions a year. At least -1, at most 1."""

    std: float
    """Standard deviation of yearly returns. In fractions a year. At least 0, at most 2."""


@dataclass(kw_only=True, repr=False)
class RegimeReturns(Input):
    """Two regimes with means and standard deviations of their own; the month's regime is a Markov chain."""

    _names: ClassVar[dict[str, str]] = {
        "calm_to_stress": "calmToStress",
        "stress_to_calm": "stressToCalm",
    }

    calm: Regime
    """The calm regime."""

    calm_to_stress: float
    """The probability of going from calm to stress. In probability a month. At least 0, at most 1."""

    model: Literal["regimes"] = "regimes"
    """Which it is."""

    stress: Regime
    """The regime of stress. The first month is in it with the stationary probability."""

    stress_to_calm: float
    """The probability of going from stress to calm. Not 0 together with `calmToStress`. In probability a month.
    At least 0, at most 1.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class Replay(ReplayDisplay, Answer):
    """A simulation, replayed. Its final balance has the bits of what the cluster computed."""

    _names: ClassVar[dict[str, str]] = {
        "final_balance": "finalBalance",
        "starting_balance": "startingBalance",
    }

    final_balance: float
    """The final balance, dollars."""

    index: int
    """The simulation's index."""

    months: list[ReplayMonth]
    """Every month of the timeline."""

    owed: float
    """Still owed on cards after the last month, dollars: taken off the balance."""

    starting_balance: float
    """Dollars before the first month."""

    succeeded: bool
    """Whether it reached the goal."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ReplayMonth(Answer):
    """A month of a simulation. All sums are dollars. The balance is the one before plus income, income noise,
    market return, flows and interest, less spending, expense noise, emergency and payment: to within rounding
    in double precision.
    """

    _names: ClassVar[dict[str, str]] = {
        "annual_raise": "annualRaise",
        "expense_noise": "expenseNoise",
        "income_noise": "incomeNoise",
        "market_return": "marketReturn",
        "price_level": "priceLevel",
        "promotion_raise": "promotionRaise",
        "real_balance": "realBalance",
        "spending_multiplier": "spendingMultiplier",
    }

    balance: float
    """The balance after the month."""

    expense_noise: float
    """By how much spending was more than that."""

    income: float
    """Income that was to be expected, raises included."""

    income_noise: float
    """By how much income was more than that."""

    market_return: float
    """What the market gave or took."""

    month: int
    """Months since the start, from 1."""

    payment: float
    """What loans and cards took."""

    spending: float
    """Spending that was to be expected, inflation included."""

    annual_raise: float | None = None
    """The year's raise, as a fraction of income, in the month that brings one."""

    emergency: float | None = None
    """What an emergency cost, where one fell."""

    flows: float | None = None
    """What the plan's flows brought, less what they took; absent where the plan has none."""

    interest: float | None = None
    """Interest on a negative balance: below 0."""

    lives: list[bool] = field(default_factory=list)
    """Who lives, in the order of the plan's people."""

    price_level: float | None = None
    """The price level, which starts at 1, where prices follow the plan or dollars are real."""

    promotion_raise: float | None = None
    """The raise of a promotion, as a fraction of income, where one fell."""

    real_balance: float | None = None
    """The balance in the dollars of the start, where the goal asks for real dollars."""

    regime: Regime | None = None
    """The market's regime, where returns have regimes."""

    row: int | None = None
    """The number of the row, from 0, where returns are bootstrapped."""

    spending_multiplier: float | None = None
    """The multiple of planned spending that a rule set. `spending` is that of it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Sample(Answer):
    """What became of a simulation, as a line of JSON."""

    _names: ClassVar[dict[str, str]] = {
        "final_balance": "finalBalance",
        "first_short_month": "firstShortMonth",
        "horizon_months": "horizonMonths",
        "lowest_multiplier": "lowestMultiplier",
    }

    final_balance: float
    """Its final balance, dollars."""

    index: int
    """Its index."""

    success: bool
    """Whether it reached the goal."""

    first_short_month: int | None = None
    """The first month that was short, from 1; absent where none was, or no month can be."""

    horizon_months: int | None = None
    """Months that somebody lived; absent in a plan without people."""

    lowest_multiplier: float | None = None
    """The least multiple of planned spending; absent without a spending rule."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SelectedResults(Answer):
    """Those members of `JobResults` that `fields` names."""

    _names: ClassVar[dict[str, str]] = {
        "best_case": "bestCase",
        "confidence_interval_95": "confidenceInterval95",
        "horizon_months": "horizonMonths",
        "median_outcome": "medianOutcome",
        "model_version": "modelVersion",
        "percentile_intervals_95": "percentileIntervals95",
        "simulations_run": "simulationsRun",
        "standard_error": "standardError",
        "stopped_early": "stoppedEarly",
        "success_probability": "successProbability",
        "workers_used": "workersUsed",
        "worst_case": "worstCase",
    }

    assumptions: SimulationRequest | None = None
    """The request with nothing left to a default. Sent again, it gives the same answer: with the plans of
    `variants` to `POST /api/compare`, with what `solution` says was asked to `POST /api/solve`, or with the
    axes of `sweep` to `POST /api/sweep`, where these are there.
    """

    best_case: float | None = None
    """Largest final balance, exact."""

    confidence_interval_95: list[float] = field(default_factory=list)
    """95 % Wilson interval of the success probability. 2 entries."""

    digest: str | None = None
    """SHA-256 over model version, request, seed and merged summary, in hexadecimal: two runs with the same
    digest gave the same answer to the same question.
    """

    histogram: Histogram | None = None
    """The final balances in at most 100 bars."""

    horizon_months: Horizon | None = None
    """How many months were lived, in a plan with people."""

    mean: float | None = None
    """Mean final balance, dollars."""

    median_outcome: float | None = None
    """Median final balance, dollars."""

    model_version: int | None = None
    """The version of the model that computed them."""

    notable: Notable | None = None
    """Simulations that are worth a look; nothing where no simulations are in yet."""

    path: Path | None = None
    """When balances were below the floor, where the goal is never to be short."""

    percentile_intervals_95: PercentileIntervals | None = None
    """95 % order-statistic interval of each percentile."""

    percentiles: Percentiles | None = None
    """Percentiles of the final balance in dollars, in the order of `PERCENTILES`."""

    seed: str | None = None
    """The seed, as a decimal string: JSON numbers lose its last digits."""

    simulations_run: int | None = None
    """Simulations that these results are of."""

    solution: Solution | None = None
    """What was solved for."""

    spending: Spending | None = None
    """What a spending rule did."""

    standard_error: float | None = None
    """Standard error of `success_probability`."""

    std: float | None = None
    """Standard deviation of the final balance, dollars."""

    stopped_early: bool | None = None
    """Whether the target standard error was reached before all of them had run."""

    success_probability: float | None = None
    """Share of the simulations that reached the goal."""

    sweep: SweepResults | None = None
    """The points of a sweep."""

    trajectory: list[FanPoint] = field(default_factory=list)
    """How the balance spreads along the timeline: at most 60 points, from the first 65,536 simulations."""

    variants: list[Variant] = field(default_factory=list)
    """The other plans of a comparison, in the order of its request."""

    warnings: list[str] = field(default_factory=list)
    """Inputs that had no effect, and bounds that were met: sentences for a person."""

    workers_used: int | None = None
    """Nodes that contributed."""

    worst_case: float | None = None
    """Smallest final balance, exact."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Sensitivity(Answer):
    """What one change does."""

    _names: ClassVar[dict[str, str]] = {
        "new_probability": "newProbability",
        "standard_error": "standardError",
    }

    delta: float
    """The new success probability less the plan's own."""

    impact: float
    """The size of `delta`."""

    new_probability: float
    """The success probability with the change."""

    standard_error: float
    """Standard error of `delta`, from the paired differences."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SensitivityResults(SensitivityDisplay, Answer):
    """What changes of the plan would do to the success probability, each on the same luck as the plan itself."""

    _names: ClassVar[dict[str, str]] = {
        "base_probability": "baseProbability",
        "most_impactful": "mostImpactful",
    }

    base_probability: float
    """The success probability of the plan itself, in the simulations that the changes were tried on."""

    recommendations: list[str]
    """What would help, most first: sentences for a person."""

    sensitivities: dict[str, Sensitivity]
    """What each change does, by its name."""

    most_impactful: str | None = None
    """The name of the change with the largest impact; null where no impact exceeds twice its standard error."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ShortMonthIntervals(Answer):
    """An interval for each percentile of months."""

    p25: list[int]
    """The 25th percentile. 2 entries."""

    p5: list[int]
    """The 5th percentile. 2 entries."""

    p50: list[int]
    """The median. 2 entries."""

    p75: list[int]
    """The 75th percentile. 2 entries."""

    p95: list[int]
    """The 95th percentile. 2 entries."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ShortMonths(Answer):
    """Percentiles of months."""

    p25: int
    """The 25th percentile."""

    p5: int
    """The 5th percentile."""

    p50: int
    """The median."""

    p75: int
    """The 75th percentile."""

    p95: int
    """The 95th percentile."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Simulation(JobDisplay, Answer):
    """One job."""

    created_at: str
    """When it was submitted."""

    estimated_cost_usd: float
    """What it costs if it runs to its last simulation, dollars."""

    job_id: str
    """`job_…`"""

    owner_id: str
    """Whose it is."""

    priority: int
    """0 to 100, more is sooner among the jobs of one user."""

    progress_percent: float
    """0 to 100."""

    status: SimulationStatus
    """Where it stands."""

    batch_id: str | None = None
    """The batch that it is of."""

    completed_at: str | None = None
    """When it ended."""

    cost_usd: float | None = None
    """What it has cost, once it has ended, dollars."""

    custom_id: str | None = None
    """Its name in the batch."""

    error_message: str | None = None
    """Why it failed or was cancelled."""

    name: str | None = None
    """What its submitter calls it."""

    results: JobResults | None = None
    """The answer, when completed."""

    sensitivity_results: SensitivityResults | None = None
    """What would change it, when completed."""

    started_at: str | None = None
    """When its first simulation was leased."""

    tokens_used: int | None = None
    """Millions of simulated months that were paid for, once it has ended."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SimulationList(Answer):
    """The answer of `GET /simulations`."""

    jobs: list[Simulation]
    """Newest first, without results."""

    page: int
    """This page, from 1."""

    page_size: int
    """Entries on a full page."""

    total: int
    """How many there are on all pages."""


@dataclass(kw_only=True, repr=False)
class SimulationParams(Input):
    """How to simulate it. An explicit parameter goes before the one that `riskTolerance` implies."""

    _names: ClassVar[dict[str, str]] = {
        "annual_raise_mean": "annualRaiseMean",
        "annual_raise_volatility": "annualRaiseVolatility",
        "annual_return_mean": "annualReturnMean",
        "annual_return_std": "annualReturnStd",
        "credit_cards": "creditCards",
        "emergency_max": "emergencyMax",
        "emergency_min": "emergencyMin",
        "emergency_probability": "emergencyProbability",
        "expense_volatility": "expenseVolatility",
        "income_volatility": "incomeVolatility",
        "inflation_rate": "inflationRate",
        "inflation_volatility": "inflationVolatility",
        "n_simulations": "nSimulations",
        "promotion_probability": "promotionProbability",
        "promotion_raise_mean": "promotionRaiseMean",
        "promotion_raise_volatility": "promotionRaiseVolatility",
        "target_standard_error": "targetStandardError",
        "use_account_aware_simulation": "useAccountAwareSimulation",
    }

    annual_raise_mean: float | None = None
    """Mean yearly raise. In fractions a year. At least -1, at most 1. Default 0.03."""

    annual_raise_volatility: float | None = None
    """Standard deviation of yearly raises. In fractions a year. At least 0, at most 1. Default 0.015."""

    annual_return_mean: float | None = None
    """Mean yearly return, arithmetic: a geometric mean would count volatility twice. In fractions a year. Where
    absent: by `riskTolerance`. At least -1, at most 1.
    """

    annual_return_std: float | None = None
    """Standard deviation of yearly returns. In fractions a year. Where absent: by `riskTolerance`. At least 0,
    at most 2.
    """

    credit_cards: list[CreditCard] | None = None
    """Credit cards, for account-aware simulation. At most 32 entries."""

    emergency_max: float | None = None
    """The most that an emergency costs: at least `emergencyMin`. In dollars. At least 0, at most
    1,000,000,000,000. Default 3,000.
    """

    emergency_min: float | None = None
    """The least that an emergency costs. In dollars. At least 0, at most 1,000,000,000,000. Default 500."""

    emergency_probability: float | None = None
    """The probability of an emergency in a month. At least 0, at most 1. Default 0.08."""

    expense_volatility: float | None = None
    """How much spending varies from month to month, relative to itself. Where absent:
    `financialProfile.spendingVolatility`, else 0.15. At least 0, at most 2.
    """

    income_volatility: float | None = None
    """How much income varies from month to month, relative to itself. At least 0, at most 2. Default 0.05."""

    inflation_rate: float | None = None
    """Mean inflation. In fractions a year. At least -0.5, at most 1. Default 0.025."""

    inflation_volatility: float | None = None
    """Standard deviation of inflation. In fractions a year. At least 0, at most 1. Default 0.01."""

    loans: list[Loan] | None = None
    """Loans, for account-aware simulation. At most 32 entries."""

    n_simulations: int | None = None
    """How many simulations. At least 1, at most 1,000,000,000,000. Default 100,000."""

    promotion_probability: float | None = None
    """The probability of a promotion in half a year. At least 0, at most 1. Default 0.15."""

    promotion_raise_mean: float | None = None
    """Mean raise of a promotion, as a fraction of income. At least -1, at most 1. Default 0.08."""

    promotion_raise_volatility: float | None = None
    """Standard deviation of a promotion's raise, as a fraction of income. At least 0, at most 1. Default 0.03."""

    seed: int | str | None = None
    """What every draw follows from: the same seed gives the same answer. A number, or its digits in a text;
    drawn at random where absent.
    """

    sensitivity: bool | None = None
    """Whether the scenarios of the sensitivity are simulated. Default true."""

    target_standard_error: float | None = None
    """Ends the job at the first checkpoint at which the standard error of the success probability is at most
    this. At least 0, at most 0.5.
    """

    use_account_aware_simulation: bool | None = None
    """Whether cards and loans are simulated account by account, in place of `creditDebt` and
    `monthlyLoanPayments`. Default false.
    """


@dataclass(kw_only=True, repr=False)
class SimulationRequest(Input):
    """A household, its goal, and how to simulate it. Money is in dollars, rates are fractions a year (0.07 is 7
    %) except `apr` and `interestRate`, which are percent a year. Every name may be written in `snake_case`,
    too.
    """

    _names: ClassVar[dict[str, str]] = {
        "financial_profile": "financialProfile",
        "simulation_params": "simulationParams",
        "user_inputs": "userInputs",
    }

    financial_profile: FinancialProfile
    """What the household has, owes and spends."""

    goal: Goal
    """What is to be reached, and when."""

    plan: Plan | None = None
    """What goes beyond one savings goal: dated incomes and spendings, prices, a portfolio, lifetimes."""

    simulation_params: SimulationParams | None = None
    """How to simulate it."""

    user_inputs: UserInputs | None = None
    """What the person says of themselves."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SimulationResult(JobDisplay, Answer):
    """The answer of `GET /simulations/{job_id}/result`."""

    job_id: str
    """`job_…`"""

    results: JobResults
    """The answer."""

    status: SimulationStatus
    """`COMPLETED`"""

    sensitivity_results: SensitivityResults | None = None
    """What would change it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Solution(Answer):
    """What was solved for."""

    _names: ClassVar[dict[str, str]] = {
        "below_again_after": "belowAgainAfter",
        "for_": "for",
        "interval_95": "interval95",
    }

    for_: Variable
    """What was asked for."""

    probability: float
    """The wanted success probability."""

    tried: list[TriedPlan]
    """The plans that were tried, by the value: of many, those around it."""

    below_again_after: float | None = None
    """Of `earliestMonth`: the first later month after which the probability is below the wanted one again;
    absent where it doesn't fall so in the months that were tried.
    """

    interval_95: list[float] | None = None
    """95 % interval of the value."""

    value: float | None = None
    """The value that gives it, dollars or months; null where no value within the model's range does."""


@dataclass(kw_only=True, repr=False)
class SolveRequest(Input):
    """The body of `POST /api/solve`."""

    _names: ClassVar[dict[str, str]] = {
        "for_": "for",
    }

    for_: Variable
    """The number that may change."""

    probability: float
    """The wanted success probability. Above 0, below 1."""

    request: SimulationRequest
    """The plan."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Solved(SolvedDisplay, Solution):
    """The answer of `POST /api/solve`."""

    _names: ClassVar[dict[str, str]] = {
        **Solution._names,
        "base_probability": "baseProbability",
        "model_version": "modelVersion",
        "simulations_run": "simulationsRun",
    }

    base_probability: float
    """The success probability of the plan as it was sent."""

    digest: str
    """SHA-256 over model version, request, seed and merged summary, in hexadecimal."""

    model_version: int
    """The version of the model."""

    seed: str
    """The seed of all, as a decimal string."""

    simulations_run: int
    """Simulations of each plan."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Spending(Answer):
    """What a spending rule did."""

    _names: ClassVar[dict[str, str]] = {
        "confidence_interval_95": "confidenceInterval95",
        "cut_probability": "cutProbability",
        "lowest_multiplier": "lowestMultiplier",
        "lowest_multiplier_intervals_95": "lowestMultiplierIntervals95",
        "mean_multiplier": "meanMultiplier",
        "mean_multiplier_standard_error": "meanMultiplierStandardError",
        "standard_error": "standardError",
    }

    confidence_interval_95: list[float]
    """95 % Wilson interval of `cutProbability`. 2 entries."""

    cut_probability: float
    """Share of the simulations in which less than planned was spent at any time."""

    lowest_multiplier: Multipliers
    """Percentiles of the least multiple of planned spending, which starts at 1."""

    lowest_multiplier_intervals_95: MultiplierIntervals
    """95 % order-statistic interval of each of them."""

    mean_multiplier: float
    """The mean multiple: over the months lived, then over simulations."""

    mean_multiplier_standard_error: float
    """Standard error of `meanMultiplier`."""

    standard_error: float
    """Standard error of `cutProbability`."""


@dataclass(kw_only=True, repr=False)
class StudentTReturns(Input):
    """Student's t with the same mean and variance, at least −100 %: fat tails."""

    _names: ClassVar[dict[str, str]] = {
        "degrees_of_freedom": "degreesOfFreedom",
    }

    degrees_of_freedom: float
    """Degrees of freedom: the fewer, the fatter the tails. A draw has 28 bits, which end its tails: 0.004 % of
    the variance is lost at 4 degrees, 0.1 % at 3, 38 % at 2.1. At least 2.1, at most 100.
    """

    model: Literal["studentT"] = "studentT"
    """Which it is."""


@dataclass(kw_only=True, repr=False)
class SubmitJob(Input):
    """A request, and what is said of its job."""

    _names: ClassVar[dict[str, str]] = {
        "financial_profile": "financialProfile",
        "simulation_params": "simulationParams",
        "user_inputs": "userInputs",
    }

    financial_profile: FinancialProfile
    """What the household has, owes and spends."""

    goal: Goal
    """What is to be reached, and when."""

    name: str | None = None
    """Its name, for people."""

    plan: Plan | None = None
    """What goes beyond one savings goal: dated incomes and spendings, prices, a portfolio, lifetimes."""

    priority: int | None = None
    """More is sooner, among the jobs of one user. At least 0, at most 100. Default 50."""

    simulation_params: SimulationParams | None = None
    """How to simulate it."""

    user_inputs: UserInputs | None = None
    """What the person says of themselves."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Submitted(Answer):
    """The answer of `POST /api/jobs`."""

    _names: ClassVar[dict[str, str]] = {
        "estimated_seconds_remaining": "estimatedSecondsRemaining",
        "estimated_time_remaining": "estimatedTimeRemaining",
        "job_id": "jobId",
        "queue_position": "queuePosition",
    }

    job_id: str
    """`job_…`"""

    queue_position: int
    """From 1."""

    status: JobStatus
    """`queued`, also where it starts at once."""

    estimated_seconds_remaining: float | None = None
    """The same as a number."""

    estimated_time_remaining: str | None = None
    """For a person, like `"12 s"`; absent while nobody can tell."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SweepResults(Answer):
    """What a sweep found."""

    axes: list[Axis]
    """The numbers that change, in the order of the request."""

    points: list[SweepPoint]
    """A point for each combination of their values, those of the last axis varying first."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep(SweepResults):
    """The points of a sweep, so far or in the end."""

    _names: ClassVar[dict[str, str]] = {
        **SweepResults._names,
        "job_id": "jobId",
        "simulations_run": "simulationsRun",
    }

    base: ComparedPlan
    """The plan itself, which the points are compared with."""

    job_id: str
    """The job."""

    simulations_run: int
    """Simulations of each point."""

    status: JobStatus
    """Its state: while it runs, the points are those of the simulations so far."""


@dataclass(kw_only=True, repr=False)
class SweepAxis(Input):
    """A number of a plan and the values that it takes."""

    pointer: str
    """Where the number is in the request: a JSON pointer (RFC 6901)."""

    values: list[float]
    """Its values, all different. The points of all axes together are at most 1,024. At least 1 entries, at most
    1,024 entries.
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class SweepLine(ComparedPlan):
    """A point of a sweep as a line of JSON."""

    values: dict[str, float]
    """The value of each axis, by its pointer."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SweepPoint(ComparedPlan):
    """A point of a sweep."""

    values: list[float]
    """The value of each axis."""


@dataclass(kw_only=True, repr=False)
class SweepRequest(Input):
    """The body of `POST /api/sweep`."""

    axes: list[SweepAxis]
    """One or two axes. At least 1 entries, at most 2 entries."""

    request: SimulationRequest
    """The plan. Every point differs from it in the axes' numbers alone, and is compared with it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Tiers(Answer):
    """What work costs, and what each tier may do."""

    price_per_token_usd: float | None = None
    """Dollars for a million simulated months."""

    tiers: dict[str, Any] | None = None
    """Limits by tier and name. −1 is no limit; what is left out when they are set has its default."""


@dataclass(frozen=True, kw_only=True, repr=False)
class TriedPlan(Answer):
    """One plan that was tried."""

    _names: ClassVar[dict[str, str]] = {
        "standard_error": "standardError",
        "success_probability": "successProbability",
    }

    standard_error: float
    """Standard error of it."""

    success_probability: float
    """Share of its simulations that reached its goal."""

    value: float
    """What the variable was, dollars or months."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Usage(Answer):
    """The answer of `GET /simulations/batch/usage`: what the caller has used this month. A limit of −1 is none."""

    api_calls_limit: int
    """Calls a month."""

    api_calls_remaining: int
    """Calls that are left."""

    api_calls_used: int
    """Calls so far."""

    cost_limit_usd: float
    """Dollars a month."""

    cost_remaining_usd: float
    """Dollars that are neither spent nor held for open jobs."""

    cost_used_usd: float
    """Dollars so far."""

    days_remaining: int
    """Days of it that come after today."""

    is_quota_exceeded: bool
    """Whether something is used up."""

    max_batch_size: int
    """Simulations of a batch."""

    period: str
    """`YYYY-MM`, UTC."""

    simulations_limit: int
    """Jobs a month."""

    simulations_remaining: int
    """Jobs that are left."""

    simulations_used: int
    """Jobs so far."""

    tier: Tier
    """What decides the limits."""

    tokens_used: int
    """Millions of simulated months so far."""

    user_id: str
    """Whose it is."""

    quota_exceeded_reason: str | None = None
    """What, in a sentence."""


@dataclass(frozen=True, kw_only=True, repr=False)
class UsageHistory(Answer):
    """The answer of `GET /simulations/batch/usage/history`."""

    current: Usage
    """This month."""

    history: list[PeriodUsage]
    """Past months, the latest first."""


@dataclass(kw_only=True, repr=False)
class UserInputs(Input):
    """What the person says of themselves."""

    _names: ClassVar[dict[str, str]] = {
        "monthly_income": "monthlyIncome",
        "risk_tolerance": "riskTolerance",
    }

    age: float | None = None
    """Age in years: stored and echoed, not simulated. At least 0, at most 130."""

    monthly_income: float | None = None
    """Income at the start, before raises. In dollars a month. Where absent: `financialProfile.monthlyIncome`;
    one of them is required. At least 0, at most 1,000,000,000,000.
    """

    risk_tolerance: RiskTolerance | None = None
    """What the market's mean and spread follow from: low is 0.04 and 0.08 a year, medium 0.07 and 0.15, high
    0.10 and 0.20. Default "medium".
    """


@dataclass(frozen=True, kw_only=True, repr=False)
class Variant(ComparedPlan):
    """Another plan of a comparison, on the same luck as the job's own."""

    assumptions: SimulationRequest
    """Its request, with nothing left to a default."""


@dataclass(kw_only=True, repr=False)
class VpwRule(Input):
    """A share of the balance that follows from the years that are left, as an annuity's payment does."""

    _names: ClassVar[dict[str, str]] = {
        "from_": "from",
    }

    rate: float
    """The rate of return that the payments assume. In fractions a year. At least 0, at most 1."""

    rule: Literal["vpw"] = "vpw"
    """Which it is."""

    ceiling: float | None = None
    """The largest multiple of planned spending. At least 0, at most 10. Default 10."""

    floor: float | None = None
    """The least multiple of planned spending. At least 0, at most 10. Default 0."""

    from_: int | None = None
    """The first month in which the rule acts. In months from the start. At least 0, at most 1,199. Default 0."""


__all__ = [
    "Asset",
    "Axis",
    "Batch",
    "BatchCost",
    "BatchJobs",
    "BatchList",
    "BatchProgress",
    "BatchSimulation",
    "BatchStats",
    "BatchStatus",
    "BootstrapReturns",
    "CancelBatch",
    "CancelJob",
    "Cancelled",
    "Cluster",
    "ClusterEvent",
    "ClusterEventKind",
    "ClusterEvents",
    "ClusterHistory",
    "ClusterSample",
    "CompareRequest",
    "ComparedPlan",
    "Comparison",
    "CreateBatch",
    "CreateJoinToken",
    "CreateKey",
    "CreatedJoinToken",
    "CreatedKey",
    "CreditCard",
    "CurvePoint",
    "Dollars",
    "FanPercentiles",
    "FanPoint",
    "FieldError",
    "FinancialProfile",
    "FirstShort",
    "Flow",
    "FlowIndex",
    "FlowKind",
    "GlidePoint",
    "Goal",
    "Guardrails",
    "Histogram",
    "Horizon",
    "HorizonIntervals",
    "Job",
    "JobList",
    "JobResults",
    "JobStatus",
    "JoinToken",
    "JoinTokenList",
    "Key",
    "KeyList",
    "Loan",
    "LognormalReturns",
    "MultiplierIntervals",
    "Multipliers",
    "Node",
    "NodeProgress",
    "NodeState",
    "NodeStatus",
    "NormalReturns",
    "Notable",
    "NotableSimulation",
    "PartOfJob",
    "PartOfSimulation",
    "PartOfSimulationResult",
    "PartialResults",
    "Path",
    "PercentRule",
    "PercentileIntervals",
    "Percentiles",
    "PeriodUsage",
    "Person",
    "Plan",
    "Portfolio",
    "Prices",
    "Problem",
    "Regime",
    "RegimeReturns",
    "Replay",
    "ReplayMonth",
    "Results",
    "Returns",
    "RiskTolerance",
    "Role",
    "Sample",
    "SelectedResults",
    "Sensitivity",
    "SensitivityResults",
    "ShortMonthIntervals",
    "ShortMonths",
    "Simulation",
    "SimulationList",
    "SimulationParams",
    "SimulationRequest",
    "SimulationResult",
    "SimulationStatus",
    "Solution",
    "SolveRequest",
    "Solved",
    "Spending",
    "SpendingRule",
    "StudentTReturns",
    "SubmitJob",
    "Submitted",
    "Success",
    "Sweep",
    "SweepAxis",
    "SweepLine",
    "SweepPoint",
    "SweepRequest",
    "SweepResults",
    "Tier",
    "Tiers",
    "TriedPlan",
    "Usage",
    "UsageHistory",
    "UserInputs",
    "Variable",
    "Variant",
    "VpwRule",
]
