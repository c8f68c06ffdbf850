"""Processes that train one model together, as Lightning, torchrun or SLURM started them.

All of them run the same command and take the same steps; one of them writes.
"""

import torch
from lightning_utilities.core.rank_zero import rank_zero_only


def is_first() -> bool:
    """Whether this process writes; a process that is alone does."""
    return not getattr(rank_zero_only, "rank", 0)


def wait_for_all() -> None:
    """Wait until every process is here; a process that is alone goes on."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
