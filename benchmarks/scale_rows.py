"""An analysis of made-up rows of scores: what it takes of the processor and of memory.

    python -m benchmarks.scale_rows 10000000 [--profile]

Five methods and the prior on 14 findings by two metrics; each finding is marked on every second
film, and every patient has two films.  Intervals leave out one patient after the other: as many
resamples as there are patients, of which no mean needs more than one pass.
"""

import argparse
import cProfile
import json
import pstats
import resource
import sys
import time

import numpy as np
import polars as pl

from heatproof.analysis.analyse import Analysis, Questions, Tables, analyse
from heatproof.analysis.classification import Calls, with_thresholds
from heatproof.localize import metrics
from heatproof.localize.controls import PRIOR
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables import Table
from heatproof.tables.films import Films
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures

METHODS, FINDINGS, SPECS = 5, 14, ("auprc", "hit_rate")
READER = "reference"


def made_up(count: int) -> Tables:
    """Tables with so many rows of scores."""
    generator = np.random.default_rng(0)
    films = 2 * (count // (FINDINGS * (METHODS + 1) * len(SPECS)))
    names = pl.Series("image_id", [f"film{number:07}" for number in range(films)])
    clusters = pl.Series("cluster", [f"patient p{number // 2:07}" for number in range(films)])
    findings = [f"finding {number}" for number in range(FINDINGS)]
    present = generator.random((films, FINDINGS)).argsort(axis=0) < films // 2
    scores, predictions = [], []
    for column, finding in enumerate(findings):
        marked = np.flatnonzero(present[:, column])
        place = {"data": pl.lit("films"), "member": pl.lit("net"), "finding": pl.lit(finding)}
        base = pl.DataFrame([names, clusters])
        predictions.append(
            base.with_columns(
                **place,
                model=pl.lit("net"),
                label=pl.Series(present[:, column]),
                probability=pl.Series(generator.random(films)),
            )
        )
        for method in (*(f"method{number}" for number in range(METHODS)), PRIOR):
            for spec in SPECS:
                values = generator.random(len(marked))
                scores.append(
                    base[marked].with_columns(
                        **place,
                        model=pl.lit("" if method == PRIOR else "net"),
                        reader=pl.lit(READER),
                        method=pl.lit(method),
                        regions=pl.lit(1, pl.Int32),
                        metric=pl.lit(spec),
                        value=pl.Series(values if spec == "auprc" else (values > 0.5) * 1.0),
                        validity=pl.lit("ok"),
                    )
                )
    marks = [
        [
            {"finding": finding, "reader": READER, "instances": 1, "benchmark": False}
            for finding, there in zip(findings, row, strict=True)
            if there
        ]
        for row in present.tolist()
    ]
    labels = [
        [{"finding": f, "label": there} for f, there in zip(findings, row, strict=True)]
        for row in present.tolist()
    ]
    told = [
        [{"name": "sex", "text": "FM"[number % 4 // 2], "number": None}] for number in range(films)
    ]
    about = pl.DataFrame([names, clusters]).with_columns(
        data=pl.lit("films"), study=pl.lit(""), view=pl.lit("PA"), patient=clusters
    )
    known = _table(
        Films,
        [
            about.with_columns(
                marks=pl.Series(marks), labels=pl.Series(labels), metadata=pl.Series(told)
            )
        ],
    )
    said = _table(Predictions, predictions)
    return Tables(
        films=known,
        predictions=said,
        called=with_thresholds(said, known, Calls()),
        scores=_table(Scores, scores),
        shapes=Shapes.of_rows([]),
        structures=OnStructures.of_rows([]),
        pairs=Pairs.of_rows([]),
    )


def _table(kind: type[Table], parts: list[pl.DataFrame]) -> Table:
    """Parts of a table, with its other columns empty."""
    schema = kind.schema()
    return kind(
        pl.concat(parts).select(
            (pl.col(name) if name in parts[0].columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in schema.items()
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    tables = made_up(asked.count)
    questions = Questions(TunedMetrics(metrics.parts(list(SPECS))), {("films", "net")})
    profile = cProfile.Profile()
    if asked.profile:
        profile.enable()
    began, processor = time.perf_counter(), time.process_time()
    parts: dict[str, dict[str, float]] = {}
    last = [processor, began]

    def done(part: str) -> None:
        now = [time.process_time(), time.perf_counter()]
        spent = [round(end - start, 1) for end, start in zip(now, last, strict=True)]
        parts[part] = dict(zip(("processor", "wall"), spent, strict=True))
        last[:] = now
        print(part, parts[part], file=sys.stderr, flush=True)

    found: Analysis = analyse(tables, questions, done)
    wall, processor = time.perf_counter() - began, time.process_time() - processor
    if asked.profile:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "rows": len(tables.scores),
        "films": len(tables.films),
        "patients": tables.films.frame["cluster"].n_unique(),
        "estimates": sum(len(panel.rows) for panel in found.localization),
        "seconds by part": parts,
        "seconds of processor": round(processor, 1),
        "seconds on the wall": round(wall, 1),
        "peak MB, tables included": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
