"""Every parser reads a damaged or odd input, or answers in words.

``benchmarks/fuzz.py`` tries many more.
"""

import pytest

from tests.faults.fuzzing import fuzz
from tests.faults.parsers import PARSERS


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_is_read_is_answered_in_words(name, tmp_path):
    inputs = 5 if "Parquet" in name else 40  # each starts a process
    outcome = fuzz(PARSERS[name], tmp_path / "x", range(inputs))
    assert not outcome.findings
    assert outcome.answered > 0
