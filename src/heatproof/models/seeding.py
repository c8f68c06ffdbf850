"""Randomness that others draw from the global generator (weight initialization, dropout), held in.

Layers of torch and timm offer no generator argument.  Inside ``seeded`` they draw from a global
generator that was set for the length of the block; outside, its state is as if nothing had
happened.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make everything inside the block that draws from torch's global generators draw the same each
    time.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.random.manual_seed(seed)
        yield
