"""An example of a household."""

from typing import Any

EXAMPLE: dict[str, Any] = {
    "financialProfile": {
        "liquidAssets": 13_500,
        "creditDebt": 1_200,
        "monthlyLoanPayments": 350,
        "monthlySpending": 3_200,
    },
    "userInputs": {"monthlyIncome": 5_000, "age": 30, "riskTolerance": "medium"},
    "goal": {"targetAmount": 70_000, "timelineMonths": 36},
}
"""The deposit for a house in three years. Amounts are in dollars and dollars per month."""
