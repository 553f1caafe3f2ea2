"""The household that every peer simulates: deploy/examples/house_deposit.json with the model's defaults.

Dollars; rates by the month. All names are plain floats, so NumPy, Numba and JAX can take them as constants.
"""

from math import sqrt

MONTHS = 36
TARGET = 70_000.0

BALANCE = 13_500.0 - 1_200.0
INCOME = 5_000.0
SPENDING = 3_200.0
LOAN_PAYMENT = 350.0
RESERVE = 6 * SPENDING

INFLATION_MEAN = 0.025 / 12
INFLATION_STD = 0.01 / 12
INCOME_STD = 0.05
SPENDING_STD = 0.15
RETURN_MEAN = 0.07 / 12
RETURN_STD = 0.15 / sqrt(12)

RAISE_MEAN = 0.03
RAISE_STD = 0.015
PROMOTION_PROBABILITY = 0.15
PROMOTION_MEAN = 0.08
PROMOTION_STD = 0.03

EMERGENCY_PROBABILITY = 0.08
EMERGENCY_MIN = 500.0
EMERGENCY_MAX = 3_000.0
