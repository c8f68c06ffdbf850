"""The page on scale: what it says is what the simulation says, and the simulation is right."""

import numpy as np
import pytest

from benchmarks.archive import LEASE, PAGE, page, simulate


def test_the_page_is_what_the_simulation_writes():
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("workers", [1, 3, 7])
def test_without_failures_blocks_are_dealt_out(workers):
    found = simulate(20, 5.0, workers, np.inf, 0.0)
    assert found.seconds == 5.0 * -(-20 // workers)
    assert (found.failures, found.lost) == (0, 0.0)


def test_failures_cost_what_renewal_theory_says():
    """A worker that fails at rate r makes a block of s seconds in (e^(rs) - 1) / r + failures."""
    block, between, back, blocks = 100.0, 400.0, LEASE, 4000
    found = simulate(blocks, block, 1, between, back)
    rate = block / between
    expected = blocks * (np.exp(rate) - 1) * (between + back)
    assert found.seconds == pytest.approx(expected, rel=0.05)
    assert found.failures == pytest.approx(blocks * (np.exp(rate) - 1), rel=0.1)
    assert found.lost == pytest.approx(found.seconds - blocks * block, rel=0.05)
