"""Every criterion of trust as a function of models, films and a method.

``heatproof.randomization(model, films, "grad_cam")`` asks what ``[trust] criteria`` of an
experiment asks, with the same maps, evidence and rule; the name of any registered criterion will
do.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import ModelEntry, Sampling
from heatproof.experiment.settings import Data, Explain, Scoring, TrustSettings
from heatproof.interactive.film import Film, is_one, source_of
from heatproof.models import Model, wrapped
from heatproof.parquet import read_sealed
from heatproof.run.in_memory import Models, entries
from heatproof.run.pipeline import run
from heatproof.run.proof_card import verdict_lines
from heatproof.trust.criteria import BetweenModels, criteria
from heatproof.trust.pairs import Origin
from heatproof.types import Dataset, Sample

_TABLES = ("verdicts", "trust")


@dataclass(frozen=True, repr=False)
class Answer:
    """What a criterion found; printed, its verdicts.

    Attributes:
        verdicts: One row per finding and method: verdict, value, interval, threshold and notes.
        pairs: One row per pair of maps that was compared.
    """

    verdicts: pl.DataFrame
    pairs: pl.DataFrame

    def __repr__(self) -> str:
        return "\n".join(verdict_lines(self.verdicts))


def names() -> tuple[str, ...]:
    """The criteria that there is a function of."""
    return criteria.names()


def function(criterion: str) -> Callable[..., Answer]:
    """The function of a criterion: ``ask`` of it."""
    asking = partial(ask, criterion)
    asking.__doc__ = f"{criteria.part_class(criterion).__doc__}\n\nSee ``heatproof.ask``."
    return asking


def ask(
    criterion: str,
    models: Models | Mapping[float, Model] | Mapping[bool, Model],
    films: Dataset | Iterable[Film] | Film,
    methods: Sequence[str] | str,
    *,
    findings: Sequence[str] | None = None,
    images: int | None = 100,
    **options: Any,
) -> Answer:
    """Put methods to one criterion of trust.

    Args:
        criterion: Its name, such as ``"randomization"``; ``heatproof criteria`` lists them.
        models: A model where the criterion compares a model with itself.  For ``repeatability`` a
            list of replicates; for ``reproducibility`` a mapping from the name of the architecture
            to a model or a list of replicates, for ``head`` likewise from that of the head; for
            criteria of how models were trained, a mapping from that: ``{1.0: all, 0.1: tenth}`` for
            ``label_efficiency``, ``{False: true, True: permuted}`` for ``data_randomization``.
        films: A data set, or films in any form that ``explain`` takes, one or several.  Of films
            with labels, those on which the finding is present are compared; of others, all.
        methods: Specs of saliency methods.
        findings: Which findings; None for all that models and films share.
        images: At most so many films of each finding; None for all.
        options: Options of the criterion, such as ``draws=3``.

    Raises:
        HeatproofError: The criterion cannot compare these models, or a film cannot be read.

    Example:
        >>> import heatproof, torch
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, 4), torch.nn.Flatten(),
        ...                               torch.nn.Linear(64, 1))
        >>> model = heatproof.wrap(network, ["Nodule"], size=16, mean=0, std=1)
        >>> films = heatproof.Phantom(images=8, seed=2)
        >>> heatproof.flip(model, films, "gradient").pairs["criterion"].unique().to_list()
        ['flip']
    """
    specs = [methods] if isinstance(methods, str) else list(methods)
    part = criteria.build(criterion, options)
    spec = criteria.spec(part)
    data = films if isinstance(films, Dataset) else _Listed(films, _findings(models, findings))
    if findings is not None:
        data = _Some(data, tuple(findings))
    labelled = any(data[row].labels for row in range(len(data)))
    with tempfile.TemporaryDirectory(prefix="heatproof-") as folder:
        experiment = Experiment(
            name=criterion,
            output=folder,
            data=[Data(name="films", dataset=data)],
            models=_entries(part, criterion, models),
            explain=Explain(methods=specs),
            score=Scoring(metrics=["auprc"], controls=[]),
            trust=TrustSettings(
                criteria=[spec], images=images, films="present" if labelled else "all"
            ),
        )
        report = run(experiment)
        files = [report.with_name(f"{name}.parquet") for name in _TABLES]
        read = [read_sealed(file.stem, file.read_bytes()) for file in files]
    verdicts, pairs = (table.filter(pl.col("criterion") == spec) for table in read)
    return Answer(verdicts, pairs)


def _entries(part: Any, criterion: str, models: Any) -> list[ModelEntry]:
    """The models of an experiment, with what the criterion tells them apart by."""
    if not isinstance(part, BetweenModels):
        if isinstance(models, Mapping) and not all(isinstance(key, str) for key in models):
            raise ExperimentError(f"{criterion} compares a model with itself; give one model")
        return entries(models, "model")
    if not isinstance(models, Mapping | Sequence):
        raise ExperimentError(
            f"{criterion} needs two models or more, and was given one; expected"
            f" {getattr(part, 'in_python', part.needs)}"
        )
    if not isinstance(models, Mapping):
        return entries(models, "model")
    field = _field(part, criterion, list(models))
    if field in ("architecture", "head"):
        return entries(models, "model", named_by=field)  # type: ignore[arg-type]  # one of the two
    every = []
    for key, model in models.items():
        sampling = Sampling(**{field: key})
        every += entries(model, f"{field} {key}", sampling=sampling)
    return every


def _field(part: BetweenModels, criterion: str, keys: Sequence[str | float | bool]) -> str:
    """The property of trainings that a criterion compares, of which the keys are values."""
    fields: tuple[str, ...] = ("fraction", "prevalence")
    if all(isinstance(key, str) for key in keys):
        fields = ("architecture", "head")
    elif all(isinstance(key, bool) for key in keys):
        fields = ("permuted",)
    for field in fields:
        known = [{"architecture": "", field: key} for key in keys]
        if part.pairs([Origin(str(key), **of) for key, of in zip(keys, known, strict=True)]):  # type: ignore[arg-type]
            return field
    # Replicates of several architectures: the criterion finds its pairs among those of one.
    if fields[0] == "architecture":
        return fields[0]
    raise ExperimentError(
        f"{criterion} cannot compare these models; expected"
        f" {getattr(part, 'in_python', part.needs)}"
    )


def _findings(models: Any, findings: Sequence[str] | None) -> tuple[str, ...]:
    if findings is not None:
        return tuple(findings)
    first = next(iter(models.values())) if isinstance(models, Mapping) else models
    first = first[0] if isinstance(first, Sequence) else first
    return tuple(name for name in wrapped(first).findings if name)


class _Listed:
    """Films in any form, as a data set without labels."""

    def __init__(self, films: Iterable[Film] | Film, findings: tuple[str, ...]) -> None:
        self.findings = findings
        self._samples = []
        for number, film in enumerate([films] if is_one(films) else films):
            name, pixels = source_of(film)
            known = film if isinstance(film, Sample) else Sample(f"{number:04d} {name}", pixels)
            self._samples.append(known)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


class _Some:
    """A data set of which only some findings are asked."""

    def __init__(self, films: Dataset, findings: tuple[str, ...]) -> None:
        self._films, self.findings = films, findings

    def __len__(self) -> int:
        return len(self._films)

    def __getitem__(self, index: int) -> Sample:
        return self._films[index]
