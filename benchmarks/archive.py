"""How long an archive takes on many GPUs: a simulation from unit times that were measured.

    python -m benchmarks.archive

Writes ``docs/explanation/scale.md``.  Workers take blocks of films from one list, as leases let
them; each fails after a time that is exponential, loses the block that it was making, and comes
back.  What a block takes is put together from ``results/explain_cuda.json`` and from passes that a
method needs; what a restart takes, from ``results/scale.json``.
"""

import heapq
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/explanation/scale.md"
FILMS, FINDINGS, CHECKPOINTS, BLOCK = 377_110, 14, 10, 32
GPUS = (1, 10, 100, 1000)
HOUR, DAY = 3600.0, 86_400.0
# Gradients of one finding that a method takes; None where that was measured.
PASSES = {
    "gradient": 1.0,
    "guided_backprop": None,
    "guided_grad_cam": None,
    "deep_lift": 2.0,
    "lrp": 2.0,
    "integrated_gradients(steps=50)": 50.0,
    "smooth_grad(samples=50)": 50.0,
    "xrai(base=integrated_gradients(steps=50))": 50.0,
}
CAMS = 7  # methods that share one pass, and were measured together
LONG = 3  # the last of PASSES
MEAN_TIME_BETWEEN_FAILURES = 8000.0  # hours of one GPU; see the page
PREEMPTED = 12.0  # hours of one GPU, where it is lent until somebody else wants it
LEASE = 60.0  # seconds until another worker takes the block of one that is gone


@dataclass(frozen=True)
class Simulated:
    """What came of one simulation.

    Attributes:
        seconds: From the first block to the last.
        failures: How many workers failed.
        lost: Seconds of GPUs that were spent on blocks that were lost, or on coming back.
    """

    seconds: float
    failures: int
    lost: float


def simulate(
    blocks: int, block: float, workers: int, between: float, back: float, seed: int = 0
) -> Simulated:
    """Workers who take blocks from one list.

    Args:
        blocks: How many blocks there are.
        block: Seconds of a block.
        workers: How many GPUs there are.
        between: Mean seconds between two failures of one GPU; infinite for none.
        back: Seconds from the failure of a worker until it makes blocks again.
        seed: Of the failures.
    """
    generator = np.random.default_rng(seed)

    def lives() -> float:
        return float(generator.exponential(between)) if np.isfinite(between) else np.inf

    # When each worker is free, and when it fails.
    free = [(0.0, number, lives()) for number in range(workers)]
    heapq.heapify(free)
    again: list[float] = []  # when the lease of a block that was lost is over
    left, end, failures, lost = blocks, 0.0, 0, 0.0
    while left or again:
        now, number, fails = heapq.heappop(free)
        if left:
            left -= 1
        elif again[0] > now:
            heapq.heappush(free, (again[0], number, fails))
            continue
        else:
            heapq.heappop(again)
        if now + block <= fails:
            heapq.heappush(free, (now + block, number, fails))
            end = max(end, now + block)
            continue
        # It may have failed while it waited; then it loses nothing but the time to come back.
        failed = max(fails, now)
        failures += 1
        lost += failed - now + back
        heapq.heappush(again, failed + LEASE)
        heapq.heappush(free, (failed + back, number, failed + back + lives()))
    return Simulated(end, failures, lost)


@dataclass(frozen=True)
class Measured:
    """Unit times, in seconds.

    Attributes:
        gradient: One gradient of one film and finding.
        guided: The same by guided backpropagation.
        cams: The seven CAMs of one film, all findings together.
        start: A worker starts, and checks an experiment of few films.
        per_film: What the check takes more for each film.
        per_block: What finding out that a block is done takes, for each method.
    """

    gradient: float
    guided: float
    cams: float
    start: float
    per_film: float
    per_block: float


def measured() -> Measured:
    """From the results of ``explain.py --device cuda`` and ``scale.py``."""
    results = ROOT / "benchmarks/results"
    gpu = json.loads((results / "explain_cuda.json").read_text())
    gradients = gpu["gradients, densenet121, 10 findings"]
    cams = gpu["cams, densenet121, 10 findings"]
    pairs = gradients["images"] * 10
    runs = json.loads((results / "scale.json").read_text())["films"]
    few, many = (runs[count]["restart"] for count in ("1000", "10000"))
    check = (many["stages"]["check"] - few["stages"]["check"]) / 9000
    blocks = -(-10_000 // BLOCK) - -(-1000 // BLOCK)
    found = sum(many["stages"][s] - few["stages"][s] for s in ("explain", "score"))
    return Measured(
        gradient=gradients["median seconds"]["gradient"] / pairs,
        guided=gradients["median seconds"]["guided_backprop"] / pairs,
        cams=cams["median seconds"]["all together"] / cams["images"],
        start=few["begun"] + few["stages"]["check"],
        per_film=max(check, 0.0),
        per_block=found / blocks / 2,  # that experiment has two methods
    )


def seconds_of_film(unit: Measured, long: bool) -> float:
    """What all findings of one film take, by all methods or by those without many passes."""
    passes = list(PASSES.values())[: None if long else -LONG]
    return unit.cams + FINDINGS * sum(
        unit.guided if each is None else each * unit.gradient for each in passes
    )


def back(unit: Measured, methods: int) -> float:
    """Seconds until a worker that was started again makes a block."""
    blocks = -(-FILMS // BLOCK) * CHECKPOINTS
    return unit.start + unit.per_film * FILMS + unit.per_block * blocks * methods


def page() -> str:
    """The page, with its numbers."""
    unit = measured()
    blocks = -(-FILMS // BLOCK) * CHECKPOINTS
    rows = []
    kinds = (("all 15 methods", True), ("12, without the three of many passes", False))
    for name, long in kinds:
        film = seconds_of_film(unit, long)
        again = back(unit, CAMS + len(PASSES) - (0 if long else LONG))
        for gpus in GPUS:
            quiet, failing, lent = (
                simulate(blocks, film * BLOCK, gpus, hours * HOUR, again)
                for hours in (np.inf, MEAN_TIME_BETWEEN_FAILURES, PREEMPTED)
            )
            hourly = gpus / MEAN_TIME_BETWEEN_FAILURES
            rows.append(
                f"| {name} | {gpus:,} | {_time(quiet.seconds)} | {_time(failing.seconds)} |"
                f" {hourly:.4f} | {_time(lent.seconds)} | {lent.lost / lent.seconds / gpus:.0%} |"
            )
    every = seconds_of_film(unit, long=True)
    maps = FILMS * FINDINGS * CHECKPOINTS
    fine, coarse = maps * len(PASSES) * 320 * 320 * 4, maps * CAMS * 10 * 10 * 4
    files = blocks * (CAMS + len(PASSES) + 1)
    return PROSE.format(
        films=f"{FILMS:,}",
        rate=GPUS[-1]
        / (seconds_of_film(unit, long=False) * BLOCK)
        * (CAMS + len(PASSES) - LONG + 1),
        blocks=f"{blocks:,}",
        gradient=f"{unit.gradient * 1000:.1f}",
        cams=f"{unit.cams * 1000:.1f}",
        film=f"{every:.1f}",
        short=f"{seconds_of_film(unit, long=False):.2f}",
        table="\n".join(rows),
        maps=f"{maps * (CAMS + len(PASSES)) / 1e6:,.0f}",
        fine=f"{fine / 1e12:,.0f}",
        coarse=f"{coarse / 1e12:.2f}",
        files=f"{files / 1e6:.1f}",
        found=_time(back(unit, CAMS + len(PASSES))),
        per_block=f"{unit.per_block * 1000:.2f}",
        failures=f"{MEAN_TIME_BETWEEN_FAILURES:,.0f}",
        preempted=f"{PREEMPTED:.0f}",
        growth=_growth(),
    )


def _growth() -> str:
    """What runs of phantoms took, by the number of films."""
    runs = json.loads((ROOT / "benchmarks/results/scale.json").read_text())["films"]
    lines = []
    for count, run in sorted(runs.items(), key=lambda item: int(item[0])):
        costs, first = run["milliseconds of processor a film"], run["first"]
        lines.append(
            f"| {int(count):,} | {costs['explain']:.1f} | {costs['whole run']:.1f} |"
            f" {first['peak MB']:,} | {run['restart']['processor']:.0f} | {run['folder MB']:.1f} |"
        )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for unit, length in (("years", 365 * DAY), ("days", DAY), ("hours", HOUR), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} seconds"


PROSE = """# How far it scales

## An archive, simulated

MIMIC-CXR has {films} films. With 14 findings, 10 checkpoints and 15 methods (seven CAMs; gradient, guided backpropagation, guided Grad-CAM, DeepLIFT, LRP; integrated gradients,
SmoothGrad and XRAI of 50 passes each) that is {maps} million maps, in {blocks} blocks of 32 films. `benchmarks/archive.py` simulates workers that
[share them](../how-to/share-the-work.md), and writes this page.

| methods | GPUs | without failures | with failures | failures an hour | preempted every {preempted} hours | of it lost |
|---|---|---|---|---|---|---|
{table}

**Where the numbers come from.** DenseNet-121 at 320 px on one H100 (`benchmarks/results/explain_cuda.json`): a gradient of one film and finding takes {gradient} ms, seven CAMs of all findings of
a film together {cams} ms. Methods that were not measured on a GPU count as gradients: DeepLIFT and LRP two, the three others 50; XRAI's regions are left out. So a film takes {film} s by all methods, {short} s without the three of many passes.
No GPU waits for films here: one core reads 69 PNG a second (`benchmarks/results/data.json`). Failures come once in {failures} hours of a GPU, about as often as jobs of 1,024 GPUs failed in
[Kokolis et al. 2024](https://arxiv.org/abs/2410.21680) (every 7.9 hours). A block that is lost is made again a minute later, and the worker comes back once it has gone through
what is done.

**What the limit is.** Passes, as long as methods need many of them: 15 methods take {film} s a film whatever else is done. Then what a worker does before its first block: it looks at every unit that is there, {per_block} ms for
each block and method, which is {found} for the whole archive. So let checkpoints be experiments of their own: a tenth of the units, and a tenth of that time. Then the shared folder: {files} million small files, and with 1,000
GPUs and the 12 shorter methods {rate:,.0f} of them a second, besides as many leases. Maps that stay are listed in one SQLite file, whose writers take turns: with that many workers, keep none.

**Storage.** With `keep = "all"` the maps are {fine} TB for eight methods of 320 x 320 pixels and {coarse} TB for seven CAMs of 10 x 10, before compression. With `keep = "none"` there are
tables alone.

**What it leaves out.** All blocks take equally long; scoring is not in them (MIMIC-CXR has no marks; where films have, a map of a film of 2,320 x 2,828 pixels takes 0.4 s of two cores by four metrics,
`benchmarks/results/score.json`); GPUs do not wait for the file system; other GPUs are faster or slower than this one. Nobody has run this.

## What was run

Phantoms of 96 px, a network of two convolutions, two methods, two metrics and a control, trust on 100 films, `keep = "none"`, one thread, `python -m benchmarks.scale films`. Times are those of the processor. 100,000 films were not run.

| films | explain and score, ms a film | whole run, ms a film | peak memory, MB | the same command again, s | folder, MB |
|---|---|---|---|---|---|
{growth}

A process that has imported everything takes about 1,050 MB; of the rest, 250 MB are inputs of films that stay in memory for later stages. From 7,000 films on, memory in `explain` stayed at 1,428 MB.
The same command again looks at every film and every unit, which grows with their number; with 100,000 films it would take more than half a minute.

*This page is written by `benchmarks/archive.py`.*
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
