"""After any fault the same command ends with the same report, and does nothing twice.

``benchmarks/faults.py`` does the same many times over.
"""

import signal

import pytest

from tests.faults.campaign import FAULTS, experiment, trial

SHORT = ("kill at a unit", "damaged files")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return experiment(tmp_path_factory.mktemp("campaign"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", SHORT)
def test_nothing_is_lost(fault, file):
    result = trial(fault, 0, file)
    assert result.passed, result


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in SHORT])
def test_nothing_is_lost_by_other_faults(fault, file):
    for seed in range(3):
        result = trial(fault, seed, file)
        assert result.passed, result
        if fault in ("SIGTERM", "SIGHUP", "SIGINT"):
            assert result.status in (0, 128 + signal.Signals[fault])
