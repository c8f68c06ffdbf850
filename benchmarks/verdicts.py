"""Do conclusions err as seldom as they say?  Experiments whose truth is known, judged as a run does.

Run ``python benchmarks/verdicts.py``; it adds to ``benchmarks/results/verdicts.json`` what is not
there yet (about two hours on one core; it goes on where it was stopped), and writes
``docs/results/verdict_calibration.md``.  Every cell is an experiment at the boundary of the null
hypothesis, or at the declared alternative, made a few thousand times.
"""

import argparse
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import beta, skew
from scipy.stats import t as student
from side_by_side import RESULTS, keep, machine
from simulated_scores import DIFFERENCES, LAWS, Law, classified, uniform
from simulated_trust import Design, tables

from heatproof.diagnose.subgroups import subgroups
from heatproof.localize import Detections
from heatproof.localize.metrics.pointwise_detection import PointwiseAP
from heatproof.stats import bounded, estimates
from heatproof.stats.classification import auroc
from heatproof.stats.correlation import spearman
from heatproof.stats.margin import Conclusion, conclude
from heatproof.stats.regression import linear_by_cluster
from heatproof.trust.evidence import CRITERIA
from heatproof.trust.rules import Grid
from heatproof.trust.rules.heatproof import Heatproof
from heatproof.types import Estimate, Outcome, Verdict

PAGE = Path(__file__).parents[1] / "docs" / "results" / "verdict_calibration.md"
EXPERIMENTS, ALTERNATIVES, FAMILIES = 2000, 400, 2000
ROWS = 600_000  # of one table
RULE = Heatproof(correction="none")  # one cell alone; families are judged with the correction
CHANCE = dict.fromkeys(CRITERIA, 0.3) | {"localization": 0.4}
MARGIN = 0.05
COMPARED = (
    "normal, sd 0.1", "rare big losses: gamma(0.5)", "far out on both sides: t(3)",
)  # fmt: skip
RESAMPLES = 1000
Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    stored = RESULTS / "verdicts.json"
    done = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    if not options.page:
        for name, compute in cells():
            if name not in done:
                entry = compute()
                keep("verdicts.json", {name: entry})
                print(name, entry, flush=True)
        keep("verdicts.json", {"machine": machine(["heatproof", "numpy", "polars", "scipy"])})
    wanted = [name for name, _ in cells()]
    entries = json.loads(stored.read_text(encoding="utf-8"))
    PAGE.parent.mkdir(exist_ok=True)
    missing = [name for name in wanted if name not in entries]
    there = {name: entries[name] for name in wanted if name in entries}
    PAGE.write_text(page(there, missing), encoding="utf-8")


def cells() -> Iterator[tuple[str, Callable[[], Cell]]]:
    """Every cell, by its name: kind | what."""
    for law, (patients, films) in product(LAWS, ((20, 1), (40, 1), (40, 3), (150, 1), (600, 2))):
        yield f"mean | {law} | {patients} x {films}", _later(coverage, law, patients, films)
    for law, (patients, films) in product(DIFFERENCES, ((20, 1), (40, 1), (40, 4), (150, 1))):
        yield f"difference | {law} | {patients} x {films}", _later(margins, law, patients, films)
    for law, patients in product(COMPARED, (20, 40)):
        yield f"intervals | {law} | {patients}", _later(intervals, law, patients)
    for kind, area, sizes in product(
        ("equal", "unequal", "hidden"),
        (0.6, 0.8, 0.95, 0.99),
        ((10, 30), (14, 100), (30, 100), (100, 500)),
    ):
        yield (
            f"auroc | {kind} | {area} | {sizes[0]} + {sizes[1]}",
            _later(area_of, kind, area, sizes),
        )
    for patients, share in product((60, 150), (0.2, 0.5)):
        yield f"subgroup | {patients} | {share}", _later(of_subgroup, patients, share)
    for patients in (20, 40, 150):
        yield f"slope | {patients}", _later(of_slope, patients)
        yield f"rank correlation | {patients}", _later(of_ranks, patients)
    for findings, patients in product((3, 10, 14), (40, 150)):
        yield f"macro | {findings} | {patients}", _later(of_macro, findings, patients)
    for films, hits in product((40, 150), (0.3, 0.8)):
        yield f"average precision | {films} | {hits}", _later(of_precision, films, hits)
    for design in designs():
        yield f"verdict | {_words(design)}", _later(verdict_shares, design, EXPERIMENTS)
        there = replace(design, effect=1.0)
        yield f"alternative | {_words(design)}", _later(verdict_shares, there, ALTERNATIVES)
    for design in (
        Design("localization", 20, trainings=3, chance=0.4),
        Design("randomization", 20),
        Design("randomization", 20, trainings=3, draws=3),
        Design("repeatability", 20, trainings=3),
        Design("reproducibility", 20, trainings=3, architectures=2),
    ):
        yield f"planned | {_words(design)}", _later(planned, design)
    for methods, findings in ((8, 1), (3, 4)):
        yield f"family | {methods} methods, {findings} findings", _later(family, methods, findings)


def _later(compute: Callable[..., Cell], *arguments: Any) -> Callable[[], Cell]:
    return lambda: compute(*arguments)


def designs() -> Iterator[Design]:
    """The designs that users have, the quick ones first."""
    for criterion in ("localization", "randomization"):
        chance = CHANCE[criterion]
        for patients, films, trainings in product((20, 60), (1, 4), (1, 2, 3, 5)):
            yield Design(criterion, patients, films, trainings, chance=chance)
        yield Design(criterion, 200, 2, 3, chance=chance)
        yield Design(criterion, 600, 1, 1, chance=chance)
        yield Design(criterion, 60, 1, 2, architectures=2, chance=chance)
        yield Design(criterion, 60, 1, 2, architectures=3, chance=chance)
        yield Design(criterion, 60, 1, 3, chance=chance, of_models=0.06)
        yield Design(criterion, 60, 1, 3, chance=chance, of_models=0.0)
    for trainings, draws in ((1, 2), (1, 3), (1, 5), (2, 2), (3, 3), (2, 5), (5, 2), (5, 5)):
        yield Design("randomization", 40, 1, trainings, draws)
    for of_models, of_draws in ((0.06, 0.0), (0.0, 0.06)):
        yield Design("randomization", 60, 1, 3, 3, of_models=of_models, of_draws=of_draws)
    for patients, trainings in product((20, 60), (2, 3, 5)):
        yield Design("repeatability", patients, 1, trainings)
    yield Design("repeatability", 60, 4, 3)
    yield Design("repeatability", 200, 1, 3)
    yield Design("repeatability", 60, 1, 3, of_models=0.06)
    yield Design("repeatability", 60, 1, 2, architectures=3)
    for patients, trainings, architectures in product((20, 60), (1, 3), (2, 3)):
        yield Design("reproducibility", patients, 1, trainings, architectures=architectures)
    for criterion, chance in product(CRITERIA, (0.1, 0.8)):
        yield (
            Design(criterion, 40, 1, 2 if criterion.startswith("rep") else 1, chance=chance)
            if (criterion != "reproducibility")
            else Design(criterion, 40, 1, 1, architectures=2, chance=chance)
        )


def _words(design: Design) -> str:
    parts = [design.criterion, f"{design.patients} x {design.films}", f"{design.trainings} trained"]
    parts += [f"{design.architectures} architectures"] if design.architectures > 1 else []
    parts += [f"{design.draws} draws"] if design.draws > 1 else []
    parts += [f"level {design.chance}"] if design.chance != CHANCE[design.criterion] else []
    parts += [f"sd {design.of_models}, {design.of_draws}"] if design.of_models != 0.03 else []
    return ", ".join(parts)


def _seeded(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def _clusters(patients: int, films: int) -> list[str]:
    return [f"p{number // films}" for number in range(patients * films)]


def _ends(found: list[Estimate], truth: float) -> Cell:
    """How often an interval lies above the truth, below it, and holds it."""
    above = float(np.mean([one.low > truth + 1e-9 for one in found]))
    below = float(np.mean([one.high < truth - 1e-9 for one in found]))
    open_ones = float(np.mean([bool(one.hindrance) for one in found]))
    told = [one for one in found if not one.hindrance]
    wrong = sum(one.low > truth + 1e-9 or one.high < truth - 1e-9 for one in told)
    return {
        "experiments": len(found), "above": above, "below": below, "covered": 1 - above - below,
        "nothing concluded": open_ones, "false": wrong / len(found),
    }  # fmt: skip


def coverage(law: str, patients: int, films: int) -> Cell:
    """The mean of scores in [0, 1]."""
    rng, clusters = _seeded("mean", law, patients, films), _clusters(patients, films)
    draw = LAWS[law]
    return _ends(
        [
            bounded.mean(draw.quantile(uniform(rng, patients, films)), clusters)
            for _ in range(EXPERIMENTS)
        ],
        draw.mean,
    )


def margins(law: str, patients: int, films: int) -> Cell:
    """A paired difference: truth 0 for "better" and "worse", on the margin for "non-inferior"."""
    rng, clusters = _seeded("difference", law, patients, films), _clusters(patients, films)
    draw: Law = DIFFERENCES[law]
    nothing = np.zeros(patients * films)
    found, called = [], dict.fromkeys(("better", "worse", "non-inferior", "inferior"), 0)
    for _ in range(EXPERIMENTS):
        values = draw.quantile(uniform(rng, patients, films))
        one = estimates.difference(values, nothing, clusters)
        found.append(one)
        called["better"] += not one.hindrance and one.low > 0
        called["worse"] += not one.hindrance and one.high < 0
        # The same films with the truth on the margin: intervals move with their values.
        lost = conclude(replace(one, low=one.low - MARGIN, high=one.high - MARGIN), MARGIN)
        called["non-inferior"] += lost in (Conclusion.NON_INFERIOR, Conclusion.SUPERIOR)
        called["inferior"] += lost is Conclusion.INFERIOR
    return _ends(found, 0.0) | {name: number / EXPERIMENTS for name, number in called.items()}


def intervals(law: str, patients: int) -> Cell:
    """How often each kind of interval of a mean lies above the truth, and below it."""
    rng, draw, n = _seeded("intervals", law, patients), DIFFERENCES[law], patients
    names = _clusters(n, 1)
    quantile = float(student.ppf(0.975, n - 1))
    wrong = {kind: np.zeros(2) for kind in ("percentile", "Student", "Hall", "the farther")}
    for _ in range(EXPERIMENTS):
        values = draw.quantile(uniform(rng, n, 1))
        mean, spread = values.mean(), values.std(ddof=1)
        means = values[rng.integers(n, size=(RESAMPLES, n))].mean(axis=1)
        half = quantile * spread / np.sqrt(n)
        skewness = float(skew(values, bias=False)) * (1 + 2 / np.sqrt(n))
        shares = np.array([quantile, -quantile]) / np.sqrt(n) - skewness / (6 * n)
        halls = mean - spread * 3 / skewness * (np.cbrt(1 + skewness * shares) - 1)
        ours = estimates.mean(values, names)
        for kind, ends in (
            ("percentile", np.quantile(means, [0.025, 0.975])),
            ("Student", (mean - half, mean + half)),
            ("Hall", halls),
            ("the farther", (ours.low, ours.high)),
        ):
            wrong[kind] += ends[0] > draw.mean, ends[1] < draw.mean
    shares_of = {kind: (numbers / EXPERIMENTS).tolist() for kind, numbers in wrong.items()}
    return {"experiments": EXPERIMENTS, "errors": shares_of}


def area_of(kind: str, area: float, sizes: tuple[int, int]) -> Cell:
    rng, clusters = _seeded("auroc", kind, area, sizes), _clusters(sum(sizes), 1)
    return _ends(
        [auroc(*classified(rng, kind, area, *sizes), clusters) for _ in range(EXPERIMENTS)], area
    )


def of_subgroup(patients: int, share: float) -> Cell:
    """One group of films against the others, scores skewed and of one law."""
    rng, clusters = _seeded("subgroup", patients, share), _clusters(patients, 1)
    values = ["F" if number < share * patients else "M" for number in range(patients)]
    found, called = [], 0
    for _ in range(EXPERIMENTS):
        scores = LAWS["IoU, skewed: beta(0.5, 3)"].quantile(uniform(rng, patients, 1))
        first = subgroups(scores, clusters, {"sex": values}, fewest=1)[0]
        assert first.difference is not None
        found.append(first.difference)
        called += first.p < 0.05
    return _ends(found, 0.0) | {"called": called / EXPERIMENTS}


def of_slope(patients: int) -> Cell:
    """A regression of skewed scores on a skewed feature that does not matter; two films each."""
    rng, clusters = _seeded("slope", patients), _clusters(patients, 2)
    found = []
    for _ in range(EXPERIMENTS):
        feature = rng.gamma(1, 1, patients * 2)
        scores = LAWS["IoU, skewed: beta(0.5, 3)"].quantile(uniform(rng, patients, 2))
        found.append(linear_by_cluster(feature, scores, clusters).estimate)
    return _ends(found, 0.0)


def of_ranks(patients: int) -> Cell:
    """Spearman's correlation of two series without any."""
    rng, clusters = _seeded("ranks", patients), _clusters(patients, 1)
    return _ends(
        [
            spearman(rng.random(patients), rng.random(patients), clusters)
            for _ in range(EXPERIMENTS)
        ],
        0.0,
    )


def of_macro(findings: int, patients: int) -> Cell:
    """The macro average of paired differences; a film has each finding with a chance of .4."""
    rng, clusters = _seeded("macro", findings, patients), _clusters(patients, 1)
    draw, found = DIFFERENCES["rare big losses: gamma(0.5)"], []
    for _ in range(EXPERIMENTS):
        table = np.stack(
            [draw.quantile(uniform(rng, patients, 1)) for _ in range(findings)], axis=1
        )
        table[rng.random(table.shape) > 0.4] = np.nan
        found.append(estimates.macro(table, clusters))
    return _ends(found, 0.0)


def _detected(
    rng: np.random.Generator, films: int, hits: float, better: float
) -> tuple[Detections, Detections]:
    """Two methods' detections on the same films, a third of them with the finding."""
    positive = np.arange(films) < films // 3
    probabilities = 1 / (1 + np.exp(-rng.normal(1.5 * positive, 1, films)))
    return tuple(  # type: ignore[return-value]
        Detections(
            np.where(positive, rng.random(films) < share, np.nan)[:, None],
            positive.astype(int),
            probabilities,
            positive,
            positive,
        )
        for share in (hits + better, hits)
    )


def of_precision(films: int, hits: float) -> Cell:
    """Pointwise average precision of two methods that hit equally often: value and difference."""
    rng, clusters, metric = _seeded("precision", films, hits), _clusters(films, 1), PointwiseAP()
    whole, _ = _detected(np.random.default_rng(0), 600_000, hits, 0.0)
    truth = float(metric.of_dataset(whole, np.ones((1, 600_000)))[0])
    values, gaps = [], []
    for _ in range(EXPERIMENTS):
        first, second = _detected(rng, films, hits, 0.0)
        cases = first.regions > 0
        values.append(
            estimates.statistic(partial(metric.of_dataset, first), cases, clusters, bounds=(0, 1))
        )

        def gain(
            weights: np.ndarray, first: Detections = first, second: Detections = second
        ) -> np.ndarray:
            return metric.of_dataset(first, weights) - metric.of_dataset(second, weights)

        gaps.append(estimates.statistic(gain, cases, clusters))
    called = {
        "better": np.mean([not one.hindrance and one.low > 0 for one in gaps]),
        "worse": np.mean([not one.hindrance and one.high < 0 for one in gaps]),
    }
    # Films of small samples rank otherwise than 600,000 do, so the truth is that of such samples.
    truth = float(np.mean([one.value for one in values])) if films < 100 else truth
    return _ends(values, truth) | {name: float(share) for name, share in called.items()}


def judged(design: Design, experiments: int) -> Iterator[Verdict]:
    """The verdicts of so many experiments."""
    pairs = design.models**2 if design.criterion.startswith("rep") else design.models * design.draws
    batch = max(1, min(experiments, ROWS // (2 * design.patients * design.films * pairs)))
    for start in range(0, experiments, batch):
        size = min(batch, experiments - start)
        seed = zlib.crc32(repr((_words(design), design.effect, start)).encode())
        names = [str(number) for number in range(size)]
        for verdict in RULE(tables(design, size, seed), names):
            if verdict.criterion == design.criterion:
                yield verdict


def verdict_shares(design: Design, experiments: int) -> Cell:
    """How often each outcome was called."""
    counts = dict.fromkeys(Outcome, 0)
    plans = []
    for verdict in judged(design, experiments):
        counts[verdict.passed] += 1
        plans.append(verdict.needed)
    settled = sum(plan is None for plan in plans) / len(plans)
    shares = {str(outcome): number / experiments for outcome, number in counts.items()}
    return {"design": asdict(design), "experiments": experiments, "settled": settled} | shares


def planned(design: Design) -> Cell:
    """As many patients, models and draws as open verdicts ask for, at the declared alternative."""
    plans = [one.needed for one in judged(design, ALTERNATIVES) if one.needed]

    def middle(numbers: list[int | None], least: int) -> int:
        return max(least, int(np.median([number or least for number in numbers])))

    larger = replace(
        design,
        effect=1.0,
        patients=middle([plan.patients for plan in plans], design.patients),
        trainings=-(-middle([p.models for p in plans], design.models) // design.architectures),
        draws=middle([plan.draws for plan in plans], design.draws),
    )
    return {"asked from": asdict(design)} | verdict_shares(larger, ALTERNATIVES)


def family(methods: int, findings: int) -> Cell:
    """Grids that are read together, every cell at the boundary: is any called?"""
    rule, names = Heatproof(), [str(number) for number in range(methods)]
    passed = failed = 0
    for number in range(FAMILIES):
        grids = []
        for finding in range(findings):
            parts = [
                tables(Design(criterion, 30, 1, 2 if criterion == "repeatability" else 1,
                              chance=CHANCE[criterion]), methods, 97 * number + 7 * finding + k)
                for k, criterion in enumerate(CRITERIA[:3])
            ]  # fmt: skip
            grids.append(Grid(pl.concat(parts, how="diagonal"), names))
        outcomes = [one.passed for verdicts in rule.family(grids) for one in verdicts]
        passed += Outcome.PASS in outcomes
        failed += Outcome.FAIL in outcomes
    return {
        "experiments": FAMILIES, "cells": 3 * methods * findings,
        "any pass": passed / FAMILIES, "any fail": failed / FAMILIES,
    }  # fmt: skip


def page(entries: dict[str, Cell], missing: list[str]) -> str:
    text = Path(__file__).with_name("verdicts.md").read_text(encoding="utf-8")
    kinds = {
        kind: {
            name.split(" | ", 1)[1]: entry
            for name, entry in entries.items()
            if name.split(" | ")[0] == kind
        }
        for kind in dict.fromkeys(name.split(" | ")[0] for name in entries)
    }
    return text.format(
        experiments=f"{EXPERIMENTS:,}",
        alternatives=ALTERNATIVES,
        short="\n".join(_short(entries)) or "- none",
        missing="\n".join(f"- {name}" for name in missing) or "- none",
        verdicts="\n".join(_verdict_lines(kinds)),
        planned="\n".join(_planned_lines(kinds.get("planned", {}))),
        families="\n".join(_family_lines(kinds.get("family", {}))),
        means="\n".join(_ends_lines(kinds.get("mean", {}))),
        intervals="\n".join(_interval_lines(kinds.get("intervals", {}))),
        differences="\n".join(_difference_lines(kinds.get("difference", {}))),
        areas="\n".join(_ends_lines(kinds.get("auroc", {}))),
        others="\n".join(
            line
            for kind in ("subgroup", "slope", "rank correlation", "macro", "average precision")
            for line in _ends_lines({f"{kind}, {n}": e for n, e in kinds.get(kind, {}).items()})
        ),
    )


def _lower(share: float, n: int) -> float:
    """Clopper and Pearson's lower end, 99%: what falls short for sure."""
    k = round(share * n)
    return float(beta.ppf(0.005, k, n - k + 1)) if k else 0.0


def _short(entries: dict[str, Cell]) -> Iterator[str]:
    """Every cell that errs more often than it says, beyond what so many experiments leave open."""
    for name, entry in entries.items():
        n = entry["experiments"]
        for what in ("pass", "fail", "any pass", "any fail", "better", "worse", "non-inferior",
                     "inferior"):  # fmt: skip
            if name.startswith(("alternative", "planned")):
                continue
            if what in entry and _lower(entry[what], n) > 0.025:
                yield f"- {name}: {what} in {entry[what]:.1%}, claimed 2.5%"
        if "covered" in entry and _lower(entry["false"], n) > 0.05:
            yield f"- {name}: covered in {entry['covered']:.1%}, claimed 95%"
        if name.startswith("planned") and entry["pass"] < 0.9:
            yield f"- {name}: passes in {entry['pass']:.1%} where 90% are planned for"


def _verdict_lines(kinds: dict[str, dict[str, Cell]]) -> Iterator[str]:
    for name, null in kinds.get("verdict", {}).items():
        there = kinds.get("alternative", {}).get(name, {})
        power = f"{there['pass']:.0%}" if there else ""
        yield f"| {name} | {null['pass']:.1%} | {null['fail']:.1%} | {power} |"


def _planned_lines(entries: dict[str, Cell]) -> Iterator[str]:
    for name, entry in entries.items():
        design = entry["design"]
        asked = f"{design['patients']} patients, {design['trainings']} trained"
        asked += f", {design['draws']} draws" if design["draws"] > 1 else ""
        yield f"| {name} | {asked} | {entry['pass']:.1%} |"


def _family_lines(entries: dict[str, Cell]) -> Iterator[str]:
    for name, entry in entries.items():
        yield f"| {name} | {entry['cells']} | {entry['any pass']:.1%} | {entry['any fail']:.1%} |"


def _ends_lines(entries: dict[str, Cell]) -> Iterator[str]:
    for name, entry in entries.items():
        yield (
            f"| {name.replace(' | ', ', ')} | {entry['covered']:.1%} | {entry['above']:.1%}"
            f" | {entry['below']:.1%} | {entry['nothing concluded']:.0%} |"
        )


def _interval_lines(entries: dict[str, Cell]) -> Iterator[str]:
    for name, entry in entries.items():
        cells = (f"{above:.1%} / {below:.1%}" for above, below in entry["errors"].values())
        yield f"| {name.replace(' | ', ', ')} | {' | '.join(cells)} |"


def _difference_lines(entries: dict[str, Cell]) -> Iterator[str]:
    for name, entry in entries.items():
        shares = (entry[what] for what in ("better", "worse", "non-inferior", "inferior"))
        yield (
            f"| {name.replace(' | ', ', ')} | {entry['covered']:.1%} | "
            + " | ".join(f"{share:.1%}" for share in shares)
            + f" | {entry['nothing concluded']:.0%} |"
        )


if __name__ == "__main__":
    main()
