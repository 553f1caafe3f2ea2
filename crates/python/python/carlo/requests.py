"""Conversion of plans to requests."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Union

from ._model import Model
from .models import JobResults, SimulationRequest

PlanLike = Union[SimulationRequest, JobResults, Mapping[str, Any]]
"""A plan: a plain dictionary in either spelling, a `SimulationRequest`, or results, whose assumptions are the plan."""


def body(plan: PlanLike, simulations: int | None = None, seed: int | None = None) -> dict[str, Any]:
    """The request of a plan, with these numbers if they are given.

    >>> body({"goal": {"timelineMonths": 36}, "simulation_params": {"n_simulations": 5}}, simulations=7, seed=3)
    {'goal': {'timelineMonths': 36}, 'simulation_params': {'nSimulations': 7, 'seed': '3'}}
    """
    if isinstance(plan, JobResults):
        plan = plan.assumptions
    request = plan.to_dict() if isinstance(plan, Model) else plan
    if not isinstance(request, Mapping):
        raise TypeError(f"a plan is a dictionary, a SimulationRequest or results, not {type(plan).__name__}")
    request = dict(request)
    if simulations is None and seed is None:
        return request
    spelling = "simulation_params" if "simulation_params" in request else "simulationParams"
    given = request.get(spelling)
    if given is not None and not isinstance(given, (Mapping, Model)):
        # The check of the request reports the fault.
        return request
    params = dict(given.to_dict() if isinstance(given, Model) else given or {})
    if simulations is not None:
        params.pop("n_simulations", None)
        params["nSimulations"] = simulations
    if seed is not None:
        # As a string, because some JSON readers lose digits of large numbers.
        params["seed"] = str(seed)
    request[spelling] = params
    return request


def to_json(value: Any) -> str:
    """The JSON of a request. Numbers and arrays of NumPy are written as numbers and lists.

    >>> to_json({"goal": {"targetAmount": float("nan")}})
    '{"goal": {"targetAmount": "NaN"}}'
    """
    return json.dumps(plain(value), allow_nan=False)


def plain(value: Any, pointer: str = "") -> Any:
    """The value converted to types of JSON."""
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        # JSON has no such number. As a string it is refused together with all other faults.
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, Model):
        return plain(value.to_dict(), pointer)
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{pointer or 'the request'} has the name {name!r}, which is no text")
        return {name: plain(entry, f"{pointer}/{name}") for name, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(entry, f"{pointer}/{i}") for i, entry in enumerate(value)]
    # Scalars and arrays of NumPy, and other types with `tolist`.
    if hasattr(value, "tolist"):
        return plain(value.tolist(), pointer)
    raise TypeError(f"{pointer or 'the request'} is of type {type(value).__name__}, which JSON has not")
