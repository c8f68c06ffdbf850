"""The whole path in one call, for models and films that are in memory already."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.errors import DataError
from heatproof.experiment.file import Experiment
from heatproof.experiment.settings import Data, Explain, Scoring, Statistics, TrustSettings
from heatproof.parquet import read_sealed
from heatproof.progress import Heard, Progress, Silent
from heatproof.run.in_memory import Models, entries
from heatproof.run.pipeline import run
from heatproof.run.proof_card import card
from heatproof.types import AUTO, Dataset, Sample


@dataclass(frozen=True, repr=False)
class Proof:
    """The results of ``prove``; printed, it tells its verdicts and where the page is.

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

    def __repr__(self) -> str:
        return card(self.report, self.estimates, self.verdicts, self.warnings)

    def _repr_html_(self) -> str:
        link = html.escape(self.report.as_posix(), quote=True)
        return f'<p><a href="{link}">the page</a></p><pre>{html.escape(repr(self))}</pre>'


def prove(
    model: Models,
    films: Dataset,
    methods: Sequence[str] | str,
    metrics: Sequence[str] | str = ("auprc", "auroc", "iou", "hit_rate"),
    *,
    criteria: Sequence[str] | str | None = None,
    images: int | None = None,
    output: str | Path = "runs/proof",
    name: str = "My classifier",
    trained_on: Iterable[Sample] = (),
    tuned_on: Iterable[Sample] = (),
    expect: str | Path | Mapping[str, Any] | None = None,
    statistics: Mapping[str, Any] | None = None,
    memory: str = AUTO,
    progress: Progress | None = None,
) -> Proof:
    """Explain every film, measure every map, and write the report.

    It is ``run`` of an experiment whose films and models are in memory, with the same checks.
    Files that specs name are looked for from the working directory.

    Args:
        model: What ``wrap`` or ``load_model`` gives; it explains on the device where it is.  A list
            holds replicates, the same network trained from other seeds; a mapping holds one or the
            other by the name of the architecture: ``{"ResNet-50": [a, b], "DenseNet": [c, d]}``.
        films: The films that are judged.
        methods: Specs, such as ``"grad_cam"``; like metrics and criteria one or several.
        metrics: Specs; the report ranks by the first.
        criteria: Specs of trust, such as ``"randomization"``; ``"repeatability"`` compares
            replicates, ``"reproducibility"`` architectures.  None for what an experiment file asks
            by default: randomization, one draw of all weights.  ``()`` asks nothing.
        images: Films of each finding on which trust is asked; None for 100.
        output: Folder; what is there already and still holds is not computed again.
        name: Name of the model in the report, where it has no other.
        trained_on: Films that trained it; a report warns when it has seen a judged patient, and
            when that is not known.
        tuned_on: Films that stopped or selected it.
        expect: What you saw the model give for a few films, compared before any work: a CSV with a
            column ``image_id`` and one for each finding, or outputs by the name of the film.
        statistics: Keys of ``[statistics]`` of an experiment file, such as ``{"level": 0.99}``.
        memory: What the process may take, such as ``"4GB"``.
        progress: Hears of every unit of work.

    Raises:
        HeatproofError: Films, models and parts do not fit together.
    """
    if not isinstance(films, Dataset):
        raise DataError(
            f"{type(films).__name__} is no data set; expected one, such as"
            ' heatproof.Manifest("films.csv", labels=["Nodule"]). Of films without labels criteria'
            " may be asked: heatproof.randomization(model, films, methods)"
        )
    # Left out, it is asked by default, which a network without weights to draw does not refuse.
    asked: dict[str, Any] = {}
    if criteria is not None:
        asked = {"trust": _asked(_several(criteria), images)}
    elif images is not None:
        asked = {"trust": TrustSettings(images=images)}
    experiment = Experiment(
        name=name,
        output=str(output),
        data=[Data(name="films", dataset=films)],
        models=entries(model, name, trained_on, tuned_on, expect=_said(expect)),
        explain=Explain(methods=_several(methods), memory=memory),
        score=Scoring(metrics=_several(metrics)),
        statistics=Statistics(**(statistics or {})),
        **asked,
    )
    heard = Heard(progress or Silent())
    report = run(experiment, progress=heard)
    tables = ("estimates", "scores", *(("trust", "verdicts") if experiment.trust else ()))
    read = {table: _table(report.with_name(f"{table}.parquet")) for table in tables}
    return Proof(report, **read, warnings=tuple(heard.warnings))


def _several(specs: Sequence[str] | str) -> list[str]:
    return [specs] if isinstance(specs, str) else list(specs)


def _said(expect: str | Path | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    if expect is None or isinstance(expect, Mapping):
        return None if expect is None else {str(film): value for film, value in expect.items()}
    return str(expect)


def _table(file: Path) -> pl.DataFrame:
    return read_sealed(file.stem, file.read_bytes())


def _asked(criteria: Sequence[str], images: int | None) -> TrustSettings | None:
    if not criteria:
        return None
    sampled: dict[str, Any] = {} if images is None else {"images": images}
    return TrustSettings(criteria=list(criteria), **sampled)
