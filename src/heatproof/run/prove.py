"""The whole path in one call, for a model and films that are in memory already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.experiment.file import Experiment
from heatproof.experiment.model import InMemory, ModelEntry
from heatproof.experiment.settings import Data, Explain, Scoring, TrustSettings
from heatproof.models import Model
from heatproof.models.card import Cohort, ModelCard
from heatproof.preparation.opening import network_checksum
from heatproof.progress import Heard, Progress, Silent
from heatproof.run.pipeline import run
from heatproof.types import Dataset, ModelId, Sample


@dataclass(frozen=True)
class Proof:
    """The results of ``prove``.

    Attributes:
        report: The page, for people.
        estimates: One row per statistic with its interval.
        scores: One row per map, reader and metric.
        trust: One row per pair of maps that a criterion compares; None where none was asked for.
        verdicts: One row per criterion, method and rule that judges it, with the reason in
            ``notes`` where nothing was tested; None where no criterion was asked for.
        warnings: What the run warned of, each a sentence or two, such as why a finding has no
            verdict.
    """

    report: Path
    estimates: pl.DataFrame
    scores: pl.DataFrame
    trust: pl.DataFrame | None = None
    verdicts: pl.DataFrame | None = None
    warnings: tuple[str, ...] = ()


def prove(
    model: Model,
    films: Dataset,
    methods: Sequence[str],
    metrics: Sequence[str] = ("auprc", "auroc", "iou", "hit_rate"),
    *,
    criteria: Sequence[str] | None = None,
    output: str | Path = "runs/proof",
    name: str = "My classifier",
    trained_on: Iterable[Sample] = (),
    tuned_on: Iterable[Sample] = (),
    expect: str | Path | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Explain every film, measure every map, and write the report.

    It is ``run`` of an experiment whose films and model are in memory, with the same checks.  Files
    that specs name are looked for from the working directory.

    Args:
        model: A ``Classifier``, or your own network in an ``Adapted``; it stays on its device.
        films: The films that are judged.
        methods: Specs, such as ``"grad_cam"``.
        metrics: Specs; the report ranks by the first.
        criteria: Specs of trust that one model can be put to, such as ``"randomization"``; criteria
            between models need an experiment file.  None for what an experiment file asks by
            default: randomization, one draw of all weights, on 100 films of each finding.  ``()``
            asks nothing.
        output: Folder; what is there already and still holds is not computed again.
        name: Name of the model in the report.
        trained_on: Films that trained it; a report warns when it has seen a judged patient, and
            when that is not known.
        tuned_on: Films that stopped or selected it.
        expect: What you saw the model give for a few films, compared before any work: a CSV with a
            column ``image_id`` and one for each finding, or outputs by the name of the film.
        progress: Hears of every unit of work.

    Raises:
        HeatproofError: Films, model and parts do not fit together.
    """
    card = ModelCard(
        # The weights tell models in memory apart, so that results of another one are not reused.
        id=ModelId(type(model).__name__, checkpoints=(network_checksum(model),)),
        findings=model.findings,
        preprocessing=model.preprocessing,
        pretrained="unknown",
        trained_on=Cohort.of("its training films", trained_on),
        tuned_on=Cohort.of("its tuning films", tuned_on),
    )
    # Left out, it is asked by default, which a network without weights to draw does not refuse.
    asked: dict[str, Any] = {} if criteria is None else {"trust": _asked(criteria)}
    experiment = Experiment(
        name=name,
        output=str(output),
        data=[Data(name="films", dataset=films)],
        models=[ModelEntry(name=name, in_memory=InMemory(model, card), expect=_said(expect))],
        explain=Explain(methods=list(methods)),
        score=Scoring(metrics=list(metrics)),
        **asked,
    )
    heard = Heard(progress or Silent())
    report = run(experiment, progress=heard)
    tables = ("estimates", "scores", *(("trust", "verdicts") if experiment.trust else ()))
    read = {table: _table(report.with_name(f"{table}.parquet")) for table in tables}
    return Proof(report, **read, warnings=tuple(heard.warnings))


def _said(expect: str | Path | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    if expect is None or isinstance(expect, Mapping):
        return None if expect is None else {str(film): value for film, value in expect.items()}
    return str(expect)


def _table(file: Path) -> pl.DataFrame:
    with file.open("rb") as opened:  # a path may be taken for a pattern
        return pl.read_parquet(opened)


def _asked(criteria: Sequence[str]) -> TrustSettings | None:
    return TrustSettings(criteria=list(criteria)) if criteria else None
