"""What is loaded before work starts: seconds, and 200 MB each, that many runs can spare."""

import subprocess
import sys

HEAVY = ("lightning", "timm", "torchvision", "ray", "optuna", "captum")


def test_a_run_that_trains_nothing_and_opens_no_network_loads_nothing_for_it():
    code = "import sys, heatproof.run.pipeline; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "torch" in loaded
    assert set(HEAVY).isdisjoint(loaded)
