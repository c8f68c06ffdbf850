"""All questions of one small set of tables: what is asked of which rows."""

import numpy as np
import pytest

from heatproof.analysis import rows
from heatproof.analysis.analyse import Questions, Tables, analyse
from heatproof.analysis.classification import Calls, with_thresholds
from heatproof.localize.controls import HUMAN_BENCHMARK as READERS
from heatproof.localize.controls import PRIOR
from heatproof.tables.pairs import Pairs
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.trust.rules import rules
from tests.analysis.made_up import (
    QUICK,
    Films,
    Predictions,
    Scores,
    control,
    films,
    measures,
    predictions,
    scores,
)  # fmt: skip

NAMES = [f"f{index:02}" for index in range(34)]
RARE, COMMON = "Mass", "Edema"  # marked on 3 films, and on 24
HAS = {RARE: NAMES[:3], COMMON: NAMES[4:28]}


def everything(readers=("reference",)):
    """Two models, a prior, readers, shapes, a structure and pairs; by chance, always the same."""
    generator = np.random.default_rng(0)

    def values(finding):
        return dict(zip(HAS[finding], generator.random(len(HAS[finding])), strict=True))

    made = [
        row
        for finding in HAS
        for reader in ("reference", "aaa")
        for model in ("net", "other")
        for row in scores(values(finding), finding=finding, model=model, reader=reader)
    ]
    made += [
        row
        for finding in HAS
        for reader in ("reference", "aaa")
        for name in (PRIOR, READERS)
        for row in control(name, values(finding), finding=finding, reader=reader)
    ]
    told = [
        row
        for finding in HAS
        for model in ("net", "other")
        for row in predictions(
            {name: (name in HAS[finding], float(generator.random())) for name in NAMES},
            finding=finding,
            model=model,
        )
    ]
    shapes = [
        {"data": "films", "image_id": name, "finding": finding, "reader": reader}
        | {"instances": 1, "area_ratio": float(generator.random()), "elongation": 1.5}
        | {"irrectangularity": 0.2, "box_coverage": 0.8}
        for finding, names in HAS.items()
        for reader in ("reference", "aaa")
        for name in names
    ]
    tags = [
        {"data": "films", "model": "net", "member": "net", "image_id": name, "cluster": name}
        | {"finding": COMMON, "method": "cam", "structure": "Tag"}
        | {"share": float(generator.random()), "peak": 1.0, "area": 0.1}
        for name in NAMES
    ]
    pairs = [
        {"criterion": "repeatability", "data": "films", "finding": finding, "method": "cam"}
        | {"similarity": "ssim", "image_id": name, "image_id_b": name, "cluster": name}
        | {"cluster_b": name, "model_a": "net", "model_b": "other", "step": "", "draw": -1}
        | {"population": population, "value": float(generator.random())}
        | {"validity_a": "ok", "validity_b": "ok"}
        for finding in HAS
        for population in ("same film", "different films")
        for name in NAMES
    ]
    marks = {
        name: [(finding, reader) for reader in readers for finding in HAS if name in HAS[finding]]
        for name in NAMES
    }
    known, said = Films.of_rows(films(marks)), Predictions.of_rows(told)
    return Tables(
        films=known,
        predictions=said,
        called=with_thresholds(said, known, Calls()),
        scores=Scores.of_rows(made),
        shapes=Shapes.of_rows(shapes),
        structures=OnStructures.of_rows(tags),
        pairs=Pairs.of_rows(pairs),
    )


QUESTIONS = Questions(
    metrics=measures("iou"),
    judged={("films", "net"), ("films", "other")},
    intervals=QUICK,
    compare=[("net", "other")],
    rules=rules.parts(["heatproof"]),
)


@pytest.fixture(scope="module")
def asked():
    done = []
    return analyse(everything(), QUESTIONS, done.append), done


def test_everything_is_asked(asked):
    found, done = asked
    assert done == ["estimates", "diagnosis", "verdicts"]
    assert {panel.finding for panel in found.localization} == {
        f"{finding} ({reader})" for finding in HAS for reader in ("reference", "aaa")
    }
    assert {(row.model, row.finding) for row in found.classification} == {
        (model, finding) for model in ("net", "other") for finding in HAS
    }
    assert {row.other for row in found.comparisons} == {"the human benchmark", "other"}
    assert {row.feature for row in found.spreads} >= {"area_ratio"}
    assert [row.structure for row in found.structures] == ["Tag"]
    assert {grid.finding for grid in found.trust} == set(HAS)
    assert found.rare == ()
    assert found.failures


def test_of_rare_findings_nothing_is_compared_diagnosed_or_judged(asked):
    few = Questions(**(vars(QUESTIONS) | {"intervals": type(QUICK)(resamples=60, min_positives=5)}))
    found = analyse(everything(), few)
    assert {(row.finding, row.what, row.positives) for row in found.rare} == {
        (RARE, "maps", 3), (RARE, "classifier", 3),
    }  # fmt: skip
    assert {row.finding for row in found.comparisons} == {COMMON}
    assert {finding for row in found.diagnoses for finding in row.subgroups} <= {COMMON}
    assert {row.cases for row in found.diagnoses} == {24}
    assert {row.cases for row in asked[0].diagnoses} == {27}
    assert [grid.finding for grid in found.trust] == [COMMON]
    values = {panel.finding: panel.rows[0].estimate for panel in found.localization}
    assert np.isfinite(values[f"{RARE} (reference)"].value)
    assert np.isnan(values[f"{RARE} (reference)"].low)
    assert np.isfinite(values[f"{COMMON} (reference)"].low)


def test_the_order_in_which_films_list_their_readers_changes_nothing():
    first, second = (
        analyse(everything(readers), QUESTIONS)
        for readers in (("aaa", "reference"), ("reference", "aaa"))
    )
    tables = {
        "comparisons": rows.comparisons_table,
        "diagnoses": rows.diagnoses_table,
        "trust": rows.verdicts_table,
    }
    for name, table in tables.items():
        one, other = (table(getattr(found, name)) for found in (first, second))
        assert len(one)
        assert one.frame.equals(other.frame)
    estimates = [
        rows.estimates_table(found.localization, found.classification) for found in (first, second)
    ]
    assert estimates[0].frame.equals(estimates[1].frame)
    assert repr(first.failures) == repr(second.failures)
