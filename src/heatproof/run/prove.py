"""The whole path in one call, for a model and films that are in memory already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from heatproof.experiment.file import Experiment
from heatproof.experiment.films import check_films
from heatproof.experiment.judging import Judging
from heatproof.experiment.model import Model as Entry
from heatproof.experiment.settings import Data, Explain, Scoring, Trust
from heatproof.experiment.workspace import Workspace
from heatproof.localize import metrics as all_metrics
from heatproof.models import Model
from heatproof.models.card import Cohort, ModelCard
from heatproof.preparation.opening import checksum
from heatproof.progress import Progress, Silent
from heatproof.run.pipeline import run_stages
from heatproof.saliency import methods as all_methods
from heatproof.stages.trust import check_pairs
from heatproof.trust.criteria import criteria as all_criteria
from heatproof.trust.rules import rules
from heatproof.trust.similarity import similarities
from heatproof.types import Dataset, ModelId, Sample


@dataclass(frozen=True)
class Proof:
    """What came of it.

    Attributes:
        report: The page, for people.
        estimates: One row per statistic with its interval.
        scores: One row per map, reader and metric.
        trust: One row per pair of maps that a criterion compares; None where none was asked for.
        verdicts: One row per criterion, method and rule that judges it; likewise.
    """

    report: Path
    estimates: pl.DataFrame
    scores: pl.DataFrame
    trust: pl.DataFrame | None = None
    verdicts: pl.DataFrame | None = None


def prove(
    model: Model,
    films: Dataset,
    methods: Sequence[str],
    metrics: Sequence[str] = ("auprc", "auroc", "iou", "hit_rate"),
    *,
    criteria: Sequence[str] = (),
    output: str | Path = "runs/proof",
    name: str = "My classifier",
    trained_on: Iterable[Sample] = (),
    tuned_on: Iterable[Sample] = (),
    progress: Progress | None = None,
) -> Proof:
    """Explain every film, measure every map, and write the report.

    Args:
        model: A ``Classifier``, or your own network in an ``Adapted``.
        films: Judged ones.
        methods: Specs, such as ``"grad_cam"``.
        metrics: Specs; the report ranks by the first.
        criteria: Specs of trust that one model can be put to, such as ``"randomization"``; criteria
            between models need an experiment file.
        output: Folder; what is there already and still holds is not computed again.
        name: What the report calls the model.
        trained_on: Films that trained it; a report warns when it has seen a judged patient, and
            when that is not known.
        tuned_on: Films that stopped or selected it.
        progress: Hears of every unit of work.

    Raises:
        HeatproofError: Films, model and parts do not fit together.
    """
    experiment = Experiment(
        name=name,
        data=[Data(name="films", dataset="in memory")],
        models=[Entry(name=name, card="in memory")],
        explain=Explain(methods=list(methods)),
        score=Scoring(metrics=list(metrics)),
        trust=Trust(criteria=list(criteria)) if criteria else None,
    )
    trust = experiment.trust
    judged = check_films(experiment, "films", films)
    card = ModelCard(
        id=ModelId(type(model).__name__, checkpoints=(checksum(model),)),
        findings=model.findings,
        preprocessing=model.preprocessing,
        pretrained="unknown",
        trained_on=Cohort.of("its training films", trained_on),
        tuned_on=Cohort.of("its tuning films", tuned_on),
    )
    work = Workspace(
        experiment=experiment,
        folder=Path(output),
        data={"films": judged},
        judgings=(Judging(name, name, judged, judged.samples),),
        methods=all_methods.parts(methods),
        metrics=all_metrics.parts(metrics),
        criteria=all_criteria.parts(criteria),
        similarities=similarities.parts(trust.similarities) if trust else {},
        rules=rules.parts(trust.rules) if trust else {},
    )
    check_pairs(work, {name: card.id})
    report = run_stages(work, {name: partial(_given, model, card)}, progress or Silent())
    names = ("estimates", "scores", *(("trust", "verdicts") if trust else ()))
    tables = {table: pl.read_parquet(work.folder / f"{table}.parquet") for table in names}
    return Proof(report, **tables)


def _given(model: Model, card: ModelCard) -> tuple[Model, ModelCard, None]:
    return model, card, None
