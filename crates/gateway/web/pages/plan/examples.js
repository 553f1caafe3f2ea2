// Example plans.

export const EXAMPLES = [
  {
    title: "A deposit for a house",
    request: {
      financialProfile: { liquidAssets: 13_500, monthlySpending: 3_200, creditDebt: 1_200, monthlyLoanPayments: 350 },
      userInputs: { monthlyIncome: 5_000, riskTolerance: "medium", age: 30 },
      goal: { targetAmount: 70_000, timelineMonths: 36, goalType: "savings", goalText: "A deposit for a house in three years" },
      simulationParams: {},
    },
  },
  {
    title: "Six months of reserve",
    request: {
      financialProfile: { liquidAssets: 2_500, monthlySpending: 2_600 },
      userInputs: { monthlyIncome: 3_150, riskTolerance: "low", age: 26 },
      goal: { targetAmount: 15_600, timelineMonths: 24, goalType: "emergency_fund", goalText: "Half a year of spending in the bank" },
      simulationParams: {},
    },
  },
  {
    title: "Out of card debt",
    request: {
      financialProfile: { liquidAssets: 4_000, monthlySpending: 2_900 },
      userInputs: { monthlyIncome: 4_100, riskTolerance: "low", age: 34 },
      goal: { targetAmount: 10_000, timelineMonths: 30, goalType: "debt", goalText: "Cards paid off and ten thousand aside" },
      simulationParams: {
        useAccountAwareSimulation: true,
        creditCards: [
          { id: "Everyday card", balance: 4_800, apr: 24.9, minimumPayment: 220 },
          { id: "Store card", balance: 1_300, apr: 29.9, minimumPayment: 90 },
        ],
        loans: [{ id: "Car", balance: 9_500, interestRate: 6.5, monthlyPayment: 290 }],
      },
    },
  },
  {
    title: "Financial independence",
    request: {
      financialProfile: { liquidAssets: 85_000, monthlySpending: 4_000 },
      userInputs: { monthlyIncome: 6_800, riskTolerance: "high", age: 38 },
      goal: { targetAmount: 1_500_000, timelineMonths: 240, goalType: "independence", goalText: "A million and a half in twenty years" },
      simulationParams: { promotionProbability: 0.08 },
    },
  },
];

/** An empty plan: required members are empty, and all others have their defaults. */
export const EMPTY = { financialProfile: {}, userInputs: {}, goal: {}, simulationParams: {} };
