"""After any fault the same command ends with the same report, and does nothing twice.

``benchmarks/faults.py`` does the same many times over.
"""

import signal

import pytest

from tests.faults.campaign import FAULTS, Unavailable, subjects, trial

# What a library says where the address space is full differs from run to run; the recorded campaign
# tries and tells it.
UNSURE = {"memory"}


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    return subjects(tmp_path_factory.mktemp("campaign"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", sorted({*FAULTS} - UNSURE))
def test_nothing_is_lost(fault, disturbed):
    for seed in range(3):  # one of each experiment
        try:
            result = trial(fault, seed, disturbed)
        except Unavailable as why:
            pytest.skip(str(why))
        assert result.passed, result
        if fault in ("SIGTERM", "SIGHUP", "SIGINT"):
            assert result.status in (0, 128 + signal.Signals[fault])
