"""Is the default rule of trust calibrated?  Experiments whose truth is known, judged by it.

Run ``python benchmarks/verdicts.py``; it adds to ``benchmarks/results/verdicts.json`` what is not
there yet (hours, on one core; it goes on where it was stopped), and writes
``docs/results/verdict_calibration.md``.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import polars as pl
from scipy.stats import beta
from side_by_side import RESULTS, keep, machine
from simulated_trust import Design, tables

from heatproof.trust.evidence import CRITERIA
from heatproof.trust.rules.heatproof import Heatproof
from heatproof.types import Outcome, Verdict

PAGE = Path(__file__).parents[1] / "docs" / "results" / "verdict_calibration.md"
EXPERIMENTS, ALTERNATIVES, GRIDS = 2000, 500, 2000
ROWS = 1_000_000  # of one table
RULE = Heatproof(correction="none")  # one cell alone; the grid is judged with the correction
CHANCE = dict.fromkeys(CRITERIA, 0.3) | {"localization": 0.4}
PATIENTS, DRAWS = (30, 100, 600), (2, 5, 8, 10)
SPREAD, WIDE = 0.02, 0.06
METHODS = 8  # of a grid


def main() -> None:
    stored = RESULTS / "verdicts.json"
    done = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for name, design, experiments in designs():
        if name not in done:
            entry = {"design": asdict(design)} | shares(design, experiments)
            keep("verdicts.json", {name: entry})
            print(name, entry, flush=True)
    for name, patients, effect, grids in (
        ("grid boundary", 60, 0.0, GRIDS),
        ("grid alternative 30", 30, 1.0, 200),
        ("grid alternative 100", 100, 1.0, 200),
    ):
        if name not in done:
            keep("verdicts.json", {name: grid_shares(patients, effect, grids)})
    keep("verdicts.json", {"machine": machine(["heatproof", "numpy", "polars"])})
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(json.loads(stored.read_text(encoding="utf-8"))), encoding="utf-8")


def designs() -> Iterator[tuple[str, Design, int]]:
    """By the name of their entry, the quick ones first."""
    for patients, draws, criterion in product(PATIENTS, DRAWS, CRITERIA):
        design = _design(criterion, patients, draws)
        yield f"boundary {criterion} {patients} {draws}", design, EXPERIMENTS
        yield (
            f"alternative {criterion} {patients} {draws}",
            replace(design, effect=1.0),
            ALTERNATIVES,
        )
    for criterion in CRITERIA:
        yield f"few {criterion}", _design(criterion, 20, 2), EXPERIMENTS
        for draws in (8, 10):
            wide = replace(_design(criterion, 100, draws), spread=WIDE)
            yield f"wide {criterion} {draws}", wide, EXPERIMENTS
        for chance in (0.1, 0.8):
            yield (
                f"chance {criterion} {chance}",
                replace(_design(criterion, 30, 2), chance=chance),
                EXPERIMENTS,
            )
        beyond = replace(_design(criterion, 100, 3), spread=WIDE, of_all=True)
        yield f"beyond {criterion}", beyond, EXPERIMENTS


def _design(criterion: str, patients: int, draws: int) -> Design:
    return Design(criterion, patients, draws, 0.0, CHANCE[criterion], SPREAD, draws >= RULE.models)


def shares(design: Design, experiments: int) -> dict[str, float | int]:
    """How often each outcome was called."""
    counts = dict.fromkeys(Outcome, 0)
    pairs = 1 if design.criterion in CRITERIA[:2] else design.models
    batch = max(1, min(experiments, ROWS // (2 * design.patients * design.models * pairs)))
    for start in range(0, experiments, batch):
        size = min(batch, experiments - start)
        table = tables(design, size, seed=start + experiments * CRITERIA.index(design.criterion))
        for verdict in RULE(table, [str(number) for number in range(size)]):
            if verdict.criterion == design.criterion:
                counts[verdict.passed] += 1
    return {"experiments": experiments} | {str(k): n / experiments for k, n in counts.items()}


def grid_shares(patients: int, effect: float, grids: int) -> dict[str, float | int]:
    """Every cell at the boundary, or every cell at the alternative."""
    rule, methods = Heatproof(), [str(number) for number in range(METHODS)]
    found: list[tuple[Verdict, ...]] = []
    for number in range(grids):
        parts = [
            tables(replace(_design(criterion, patients, 3), effect=effect), METHODS, 7 * number + k)
            for k, criterion in enumerate(CRITERIA)
        ]
        found.append(rule(pl.concat(parts, how="diagonal"), methods))
    flat = [verdict.passed for verdicts in found for verdict in verdicts]
    passed = [any(v.passed is Outcome.PASS for v in verdicts) for verdicts in found]
    failed = [any(v.passed is Outcome.FAIL for v in verdicts) for verdicts in found]
    return {
        "patients": patients,
        "effect": effect,
        "experiments": grids,
        "any pass": sum(passed) / grids,
        "any fail": sum(failed) / grids,
        "pass": flat.count(Outcome.PASS) / len(flat),
        "inconclusive": flat.count(Outcome.INCONCLUSIVE) / len(flat),
    }


def page(entries: dict[str, dict]) -> str:
    text = Path(__file__).with_name("verdicts.md").read_text(encoding="utf-8")
    rows = {name: entry for name, entry in entries.items() if "design" in entry}
    boundary = {n: e for n, e in rows.items() if not n.startswith(("alternative", "beyond"))}
    worst = max(boundary, key=lambda name: boundary[name]["pass"])
    above = [name for name, entry in boundary.items() if _interval(entry)[0] > 0.05]
    alternatives = {n: e for n, e in rows.items() if n.startswith("alternative")}
    weakest = min(alternatives, key=lambda name: alternatives[name]["pass"])
    return text.format(
        experiments=f"{EXPERIMENTS:,}",
        alternatives=ALTERNATIVES,
        grids=f"{GRIDS:,}",
        spread=SPREAD,
        wide=WIDE,
        worst=_said(boundary[worst]),
        above="none" if not above else ", ".join(above),
        weakest=_said(alternatives[weakest]),
        main="\n".join(_main(entries)),
        others="\n".join(_others(rows)),
        beyond="\n".join(_line(e, "") for n, e in rows.items() if n.startswith("beyond")),
        grid=_grid(entries),
    )


def _main(entries: dict[str, dict]) -> Iterator[str]:
    for criterion, patients, draws in product(CRITERIA, PATIENTS, DRAWS):
        null = entries[f"boundary {criterion} {patients} {draws}"]
        power = entries[f"alternative {criterion} {patients} {draws}"]
        yield (
            f"| {criterion} | {patients} | {draws} | {_share(null)} | {null['fail']:.1%}"
            f" | {null['inconclusive']:.1%} | {power['pass']:.1%} | {power['inconclusive']:.1%} |"
        )


def _others(rows: dict[str, dict]) -> Iterator[str]:
    kinds = {
        "few": "20 patients",
        "wide": f"models vary by {WIDE}",
        "chance": "another level to beat",
    }
    for name, entry in rows.items():
        kind = name.split()[0]
        if kind in kinds:
            yield _line(entry, kinds[kind])


def _line(entry: dict, first_cell: str) -> str:
    design = entry["design"]
    cells = [first_cell] if first_cell else []
    cells += [design["criterion"], design["patients"], design["models"], design["chance"]]
    cells += [_share(entry), f"{entry['fail']:.1%}", f"{entry['inconclusive']:.1%}"]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _grid(entries: dict[str, dict]) -> str:
    null = entries["grid boundary"]
    few, many = entries["grid alternative 30"], entries["grid alternative 100"]
    return (
        f"| every cell at the boundary | {null['patients']} | {null['any pass']:.1%}"
        f" | {null['any fail']:.1%} | {null['inconclusive']:.1%} |\n"
        f"| every cell at the alternative | 30 | {few['pass']:.1%} of cells | 0 | {few['inconclusive']:.1%} |\n"
        f"| every cell at the alternative | 100 | {many['pass']:.1%} of cells | 0 | {many['inconclusive']:.1%} |"
    )


def _interval(entry: dict) -> tuple[float, float]:
    """Clopper and Pearson's, 95%, of the share of passes."""
    n = entry["experiments"]
    k = round(entry["pass"] * n)
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    return low, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def _share(entry: dict) -> str:
    low, high = _interval(entry)
    return f"{entry['pass']:.1%} [{low:.1%}, {high:.1%}]"


def _said(entry: dict) -> str:
    design = entry["design"]
    return (
        f"{_share(entry)} ({design['criterion']}, {design['patients']} patients,"
        f" {design['models']} draws, level to beat {design['chance']})"
    )


if __name__ == "__main__":
    main()
