"""Films side by side: one thread for each film, and no threads within.

Work on the pixels of one film gains little from several cores, and threads that start threads wait
for each other.  So inside the pool torch and OpenCV keep to the thread that they are called from.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import cv2


def readers() -> int:
    """Threads that read films at once: one for each core that this process may use.

    Each holds a film of full size several times over: 0.2 GB at 2,320 x 2,828.
    """
    # A scheduler may give a job some cores of a machine alone; not every system can tell.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@contextmanager
def side_by_side() -> Iterator[ThreadPoolExecutor]:
    """A pool for work on films; torch and OpenCV get their threads back when it ends."""
    import torch  # here: tables are read without it, in a second

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(readers()) as pool:
            yield pool
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
