"""What every test may use."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.squares import squares  # noqa: F401  # a fixture

torch.set_num_threads(1)
# No test is timed: any example may be the one that compiles, or that waits for a busy machine.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that a change fails for what it changed; to look for others:
# pytest --hypothesis-profile explore
settings.register_profile("same", untimed, max_examples=50, derandomize=True)
settings.register_profile("explore", untimed, max_examples=500)
settings.load_profile("same")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real radiographs, which are no part of the repository."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real radiographs (../shared/data) are not on this machine")
    return path


@contextmanager
def _full_at(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def full_at() -> Callable[[int], AbstractContextManager[None]]:
    """The system refuses to write more than so many bytes into a file, as where a disk is full."""
    return _full_at
