"""Features of three small grids, and heads of known weights on them."""

import torch

from heatproof.models.heads import HeadModule, heads

CHANNELS, FINDINGS, CELLS = 6, 2, 20
FEATURES = torch.randn(3, CHANNELS, 5, 4, generator=torch.Generator().manual_seed(0)).double()


def built(spec: str, seed: int = 1) -> HeadModule:
    """A head in double precision, with random weights."""
    torch.manual_seed(seed)
    return heads.parse(spec)(CHANNELS, FINDINGS).double()
