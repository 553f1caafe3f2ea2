"""Reads the samples of a server: CSV with a line for each simulation."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from .local import Samples

COLUMNS = "index,finalBalance,success,firstShortMonth,horizonMonths,lowestMultiplier"


def read(text: str, first: int, assumptions: Mapping[str, Any] | None) -> Samples:
    """The arrays. Without the `assumptions` of a complete job, a column without numbers counts as one that the plan doesn't have.

    >>> samples = read(COLUMNS + "\\r\\n7,1.5,true,,300,\\r\\n8,-2,false,12,12,\\r\\n", 7, None)
    >>> samples.final_balance.tolist(), samples.succeeded.tolist(), samples.first_short_month.tolist(), samples.lowest_multiplier
    ([1.5, -2.0], [True, False], [0, 12], None)
    """
    header, _, rows = text.partition("\r\n")
    if header != COLUMNS:
        raise ValueError(f"the server sent other columns: {header[:100]!r}")
    # Numbers only, so that NumPy reads all of it at once.
    numbers = rows.replace("true", "1").replace("false", "0").replace("\r", "").replace(",\n", ",nan\n")
    # Twice, because two empty fields in a row share a comma.
    numbers = numbers.replace(",,", ",nan,").replace(",,", ",nan,")
    table = np.loadtxt(io.StringIO(numbers), delimiter=",", dtype=np.float64, ndmin=2) if numbers else np.empty((0, 6))
    is_missing = np.isnan(table)
    goal = (assumptions or {}).get("goal", {})
    has_short_months = goal.get("success") == "neverShort" if assumptions else not bool(is_missing[:, 3].all())

    def column(index: int, kind: Any, there: bool) -> Any:
        return np.where(is_missing[:, index], 0, table[:, index]).astype(kind) if there else None

    return Samples(
        first,
        table[:, 1].astype(np.float32),
        table[:, 2].astype(np.bool_),
        column(3, np.uint16, has_short_months),
        column(4, np.uint16, not bool(is_missing[:, 4].all())),
        column(5, np.float32, not bool(is_missing[:, 5].all())),
    )
