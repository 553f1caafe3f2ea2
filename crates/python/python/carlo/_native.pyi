from collections.abc import Callable

import numpy
import numpy.typing

MODEL_VERSION: int
VERSION: str

Progress = Callable[[int, int], object]

def run(request: str, seed: int, threads: int | None, progress: Progress | None) -> str: ...
def compare(request: str, seed: int, threads: int | None, progress: Progress | None) -> str: ...
def sweep(request: str, seed: int, threads: int | None, progress: Progress | None) -> str: ...
def solve(request: str, seed: int, threads: int | None, progress: Progress | None) -> str: ...
def replay(request: str, seed: int, index: int) -> str: ...
def verify(results: str, threads: int | None, progress: Progress | None) -> tuple[str, list[str]]: ...
def paths(
    request: str, seed: int, first: int, count: int, threads: int | None
) -> numpy.typing.NDArray[numpy.float32]: ...
def samples(
    request: str, seed: int, first: int, count: int, threads: int | None
) -> tuple[
    numpy.typing.NDArray[numpy.float32],
    numpy.typing.NDArray[numpy.bool_],
    numpy.typing.NDArray[numpy.uint16] | None,
    numpy.typing.NDArray[numpy.uint16] | None,
    numpy.typing.NDArray[numpy.float32] | None,
]: ...
