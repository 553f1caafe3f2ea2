"""Will the savings reach the goal, how certain is that, and what would change it?

carlo simulates a household's finances month by month and gives every number with its error bar: in this process (`run`, `compare`,
`solve`, `replay`, `paths`, `verify`), or on a cluster (`Client`, `AsyncClient`). Both return the same objects, and the same plan and
seed give the same bits.
"""

from pkgutil import extend_path

# Allows that protoc puts the gRPC messages, the package `carlo.v1`, elsewhere on the path.
__path__ = extend_path(__path__, __name__)

from . import errors, models, webhooks
from ._native import MODEL_VERSION
from ._native import VERSION as __version__
from .aio import AsyncClient
from .client import Client
from .errors import CarloError, InvalidRequest
from .example import EXAMPLE
from .local import Samples, Verification, compare, paths, replay, run, samples, solve, sweep, verify
from .models import (
    Comparison,
    FinancialProfile,
    Flow,
    Goal,
    Job,
    JobResults,
    Person,
    Plan,
    Portfolio,
    Replay,
    SimulationParams,
    SimulationRequest,
    Solved,
    UserInputs,
    Webhook,
)
from .sweeps import SweepTable

__all__ = [
    "EXAMPLE",
    "MODEL_VERSION",
    "AsyncClient",
    "CarloError",
    "Client",
    "Comparison",
    "FinancialProfile",
    "Flow",
    "Goal",
    "InvalidRequest",
    "Job",
    "JobResults",
    "Person",
    "Plan",
    "Portfolio",
    "Replay",
    "Samples",
    "SimulationParams",
    "SimulationRequest",
    "Solved",
    "SweepTable",
    "UserInputs",
    "Verification",
    "Webhook",
    "compare",
    "errors",
    "models",
    "paths",
    "replay",
    "run",
    "samples",
    "solve",
    "sweep",
    "verify",
    "webhooks",
]
