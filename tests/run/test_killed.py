"""A run that is killed at random moments and started again ends as if nothing had happened."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.run import pipeline
from heatproof.stages import blocks, trust
from tests.squares import write_films

KILLS = 12
MOST = 10 * KILLS


def run_in_small_blocks(file: Path, output: Path) -> None:
    """Many units, so that a kill finds some done and others not."""
    blocks.BLOCK = pipeline.BLOCK = trust.FILMS = trust.PAIRS = 2
    pipeline.run(load(file, {"output": str(output)}))


def units(folder: Path) -> dict[Path, int]:
    kinds = ("made", "predictions", "scores", "trust")
    files = (file for kind in kinds for file in (folder / kind).glob("*.parquet"))
    return {file: file.stat().st_mtime_ns for file in files}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_killed_run_goes_on_where_it_was(squares):
    write_films(squares.parent, count=60)
    criteria = '\n[trust]\ncriteria = ["input_noise", "flip"]\nside = 32\n'
    squares.write_text(squares.read_text() + criteria)
    start = multiprocessing.get_context("forkserver")  # imports torch once, not at every start
    start.set_forkserver_preload(["heatproof.run.pipeline"])
    generator = random.Random(0)

    def attempt(folder: Path, seconds: float | None) -> int | None:
        process = start.Process(target=run_in_small_blocks, args=(squares, folder))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode

    unbroken, folder = squares.parent / "unbroken", squares.parent / "killed"
    began = time.monotonic()
    assert attempt(unbroken, None) == 0
    lasts = time.monotonic() - began
    seen: dict[Path, int] = {}
    killed = 0
    for _ in range(MOST):
        ended = attempt(folder, generator.uniform(0, lasts) if killed < KILLS else None)
        now = units(folder)
        assert {file: now.get(file) for file in seen} == seen, "a finished unit was made again"
        seen = now
        killed += ended == -signal.SIGKILL
        if ended == 0 and killed >= KILLS:
            break
        assert ended in (0, -signal.SIGKILL)
        if ended == 0:  # too early: leave half of the work to be done again
            for file in generator.sample(sorted(seen), len(seen) // 2):
                file.unlink()
                del seen[file]
    assert (ended, killed) == (0, KILLS)
    report = "report.html"
    assert (folder / report).read_bytes() == (unbroken / report).read_bytes()
    for table in ("scores", "predictions", "estimates", "trust"):
        one = pl.read_parquet(folder / f"{table}.parquet")
        assert one.equals(pl.read_parquet(unbroken / f"{table}.parquet"))
