// The display of the members of a request: group, label, unit, and the initial range of the slider.
//
// The API's description has the members, their bounds and defaults. Members that are missing here are shown in the last
// group, with labels made from their names.

const STOCKS = { id: "stocks", mean: 0.075, std: 0.17 };
const BONDS = { id: "bonds", mean: 0.04, std: 0.06 };

/** Units: `money` dollars; `rate` a fraction that is shown in percent; `percent` a percentage; `months`, `years`, `count`, `factor`. */
export const GROUPS = [
  {
    title: "Goal",
    open: true,
    fields: [
      { pointer: "/goal/targetAmount", label: "Target amount", unit: "money", range: [0, 200_000] },
      { pointer: "/goal/timelineMonths", label: "Time until then", unit: "months", range: [1, 360] },
      { pointer: "/goal/success", label: "It succeeds when", choices: { finalBalance: "the target is reached at the end", neverShort: "the money never runs short" }, whole: true },
      { pointer: "/goal/floor", label: "Never below", unit: "money", range: [0, 100_000], hint: "The balance that counts as running short." },
      { pointer: "/goal/dollars", label: "Amounts are in", choices: { nominal: "dollars of the day", real: "today’s dollars" } },
      { pointer: "/goal/goalText", label: "In your words", text: true, whole: true },
    ],
  },
  {
    title: "Household today",
    open: true,
    fields: [
      { pointer: "/financialProfile/liquidAssets", label: "Savings", unit: "money", range: [0, 200_000], hint: "Cash and what can be sold." },
      { pointer: "/userInputs/monthlyIncome", label: "Income a month", unit: "money", range: [0, 20_000], hint: "After tax." },
      { pointer: "/financialProfile/monthlySpending", label: "Spending a month", unit: "money", range: [0, 20_000] },
      { pointer: "/financialProfile/creditDebt", label: "Owed on cards", unit: "money", range: [0, 50_000] },
      { pointer: "/financialProfile/monthlyLoanPayments", label: "Loan payments", unit: "money", range: [0, 5_000], hint: "A month." },
      { pointer: "/userInputs/riskTolerance", label: "Investments", choices: { low: "cautious", medium: "balanced", high: "bold" }, whole: true, hint: "Sets the return and its swings, unless you give them below." },
      { pointer: "/userInputs/age", label: "Age", unit: "years", range: [18, 100], hint: "For your notes: it is not simulated." },
    ],
  },
  {
    title: "Markets and prices",
    fields: [
      { pointer: "/simulationParams/annualReturnMean", label: "Return a year", unit: "rate", range: [-0.05, 0.2], hint: "The arithmetic mean. A geometric mean entered here counts the swings twice." },
      { pointer: "/simulationParams/annualReturnStd", label: "Swings of the return", unit: "rate", range: [0, 0.5], hint: "Standard deviation of a year." },
      { pointer: "/simulationParams/inflationRate", label: "Inflation a year", unit: "rate", range: [-0.02, 0.15] },
      { pointer: "/simulationParams/inflationVolatility", label: "Swings of inflation", unit: "rate", range: [0, 0.1] },
      { pointer: "/plan/reserveMonths", label: "Reserve kept in cash", unit: "months", range: [0, 24], hint: "In months of spending; what is above it is invested." },
      { pointer: "/plan/borrowingRate", label: "Interest on a negative balance", unit: "rate", range: [0, 0.3] },
    ],
  },
  {
    title: "Raises and promotions",
    fields: [
      { pointer: "/simulationParams/annualRaiseMean", label: "Raise a year", unit: "rate", range: [-0.05, 0.15] },
      { pointer: "/simulationParams/annualRaiseVolatility", label: "Swings of raises", unit: "rate", range: [0, 0.1] },
      { pointer: "/simulationParams/promotionProbability", label: "Chance of a promotion", unit: "rate", range: [0, 1], hint: "In half a year." },
      { pointer: "/simulationParams/promotionRaiseMean", label: "Raise of a promotion", unit: "rate", range: [0, 0.5] },
      { pointer: "/simulationParams/promotionRaiseVolatility", label: "Swings of that raise", unit: "rate", range: [0, 0.2] },
      { pointer: "/plan/incomeUntil", label: "Income ends after", unit: "months", range: [0, 600], hint: "Retirement: the month from which nothing more is earned." },
    ],
  },
  {
    title: "Ups and downs of a month",
    fields: [
      { pointer: "/simulationParams/incomeVolatility", label: "Swings of income", unit: "rate", range: [0, 0.5] },
      { pointer: "/simulationParams/expenseVolatility", label: "Swings of spending", unit: "rate", range: [0, 0.5] },
      { pointer: "/simulationParams/emergencyProbability", label: "Chance of an emergency", unit: "rate", range: [0, 0.5], hint: "In a month." },
      { pointer: "/simulationParams/emergencyMin", label: "It costs at least", unit: "money", range: [0, 10_000] },
      { pointer: "/simulationParams/emergencyMax", label: "and at most", unit: "money", range: [0, 20_000] },
    ],
  },
  {
    title: "Cards and loans, one by one",
    fields: [
      { pointer: "/simulationParams/useAccountAwareSimulation", label: "Simulate each account", whole: true, hint: "Cards and loans with their own interest, in place of the two sums above." },
      { pointer: "/simulationParams/creditCards", label: "Credit cards", item: "card", fresh: { balance: 2000, apr: 22, minimumPayment: 80 } },
      { pointer: "/simulationParams/loans", label: "Loans", item: "loan", fresh: { balance: 10_000, interestRate: 6, monthlyPayment: 250 } },
    ],
  },
  {
    title: "Dated incomes and spendings",
    fields: [
      { pointer: "/plan/flows", label: "Incomes and spendings", item: "flow", fresh: { kind: "income", amount: 1000, from: 0 } },
    ],
  },
  {
    title: "Portfolio and the shape of returns",
    fields: [
      { pointer: "/plan/portfolio", label: "A portfolio", hint: "Several assets with a glide path, in place of one return.", fresh: { assets: [STOCKS, BONDS] } },
      { pointer: "/plan/returns", label: "Another distribution of returns", hint: "Normal where it is off." },
      { pointer: "/plan/prices", label: "Inflation with memory", hint: "Yearly rates that depend on the year before, in place of monthly ones." },
    ],
  },
  {
    title: "Spending that reacts",
    fields: [{ pointer: "/plan/spendingRule", label: "A spending rule", hint: "Spending is cut when the balance falls, and raised when it grows." }],
  },
  {
    title: "Lifetimes",
    fields: [
      { pointer: "/plan/people", label: "People", item: "person" },
      { pointer: "/plan/survivorSpending", label: "Spending of a survivor", unit: "rate", range: [0, 1] },
    ],
  },
  {
    title: "Randomness and notes",
    rest: true,
    fields: [
      { pointer: "/simulationParams/seed", label: "Seed", text: true, hint: "The same seed gives the same answer, to the last bit. Empty: the preview uses 1, a large run draws one." },
    ],
  },
];

/** Members with inputs in other parts of the page. */
export const ELSEWHERE = ["/simulationParams/nSimulations", "/simulationParams/targetStandardError", "/simulationParams/sensitivity", "/name", "/priority", "/webhook"];

/** The display of members inside of lists and optional objects. */
export const INNER = {
  id: { label: "Name", text: true },
  assets: { label: "Assets", item: "asset", fresh: STOCKS },
  glidePath: { label: "Glide path", item: "point" },
  weights: { label: "Weights, one for each asset", hint: "They add up to 1: [0.6, 0.4]" },
  correlation: { label: "Correlations", hint: "A row for each asset: [[1, 0.2], [0.2, 1]]. Independent where empty." },
  calm: { label: "Calm" },
  stress: { label: "Stress" },
  balance: { label: "Owed", unit: "money", range: [0, 50_000] },
  apr: { label: "Interest a year", unit: "percent", range: [0, 40] },
  interestRate: { label: "Interest a year", unit: "percent", range: [0, 20] },
  minimumPayment: { label: "Payment a month", unit: "money", range: [0, 1000] },
  monthlyPayment: { label: "Payment a month", unit: "money", range: [0, 5000] },
  kind: { label: "It is", choices: { income: "an income", spending: "a spending" } },
  amount: { label: "Amount", unit: "money", range: [0, 10_000] },
  from: { label: "From month", unit: "count", range: [0, 480] },
  until: { label: "Until month", unit: "count", range: [0, 480] },
  everyMonths: { label: "Every", unit: "months", range: [1, 24] },
  index: { label: "Grows with", choices: { none: "nothing", prices: "prices", wages: "wages" } },
  annualGrowth: { label: "Own growth a year", unit: "rate", range: [-0.1, 0.2] },
  person: { label: "Tied to person", unit: "count", range: [0, 1] },
  survivorShare: { label: "Share for a survivor", unit: "rate", range: [0, 1] },
  mean: { label: "Mean a year", unit: "rate", range: [-0.05, 0.2] },
  std: { label: "Swings a year", unit: "rate", range: [0, 0.5] },
  persistence: { label: "Memory", unit: "factor", range: [0, 0.99] },
  start: { label: "Inflation now", unit: "rate", range: [-0.02, 0.15] },
  annualFee: { label: "Fee a year", unit: "rate", range: [0, 0.03] },
  degreesOfFreedom: { label: "Degrees of freedom", unit: "factor", range: [2.1, 30] },
  calmToStress: { label: "Calm to stress, a month", unit: "rate", range: [0, 1] },
  stressToCalm: { label: "Stress to calm, a month", unit: "rate", range: [0, 1] },
  meanBlockMonths: { label: "Mean block", unit: "months", range: [1, 120] },
  up: { label: "Cut above", unit: "rate", range: [0, 1] },
  down: { label: "Raise below", unit: "rate", range: [0, 1] },
  cut: { label: "A cut is", unit: "rate", range: [0, 0.5] },
  raise: { label: "A raise is", unit: "rate", range: [0, 0.5] },
  noCutYears: { label: "No cuts in the last", unit: "years", range: [0, 30] },
  share: { label: "Share of the balance a year", unit: "rate", range: [0, 0.2] },
  rate: { label: "Expected return", unit: "rate", range: [0, 0.1] },
  floor: { label: "At least, of the plan", unit: "factor", range: [0, 1] },
  ceiling: { label: "At most, of the plan", unit: "factor", range: [1, 10] },
  age: { label: "Age", unit: "years", range: [0, 120] },
  modalAge: { label: "Most likely age at death", unit: "years", range: [50, 120] },
  dispersion: { label: "Spread", unit: "years", range: [1, 30] },
  month: { label: "Month", unit: "count", range: [0, 480] },
};
