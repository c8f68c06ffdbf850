"""The tables of an experiment file but that of a model: data, maps, and what is asked of them."""

import datetime
from typing import Annotated, Any, Literal

import pydantic

from heatproof.maps.importers import importers
from heatproof.trust.similarity import Normalization
from heatproof.types import AUTO, BENCHMARK, Dataset

Seed = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]
BY_DEFAULT = "randomization(order='whole', draws=1)"
"""The criterion that is asked of every model unless an experiment says otherwise.

It needs no second model and explains the films of a sample once more: the cheapest of the four.
"""
EARLY = "before torch"
"""Context in which a file is read without what would import torch, which takes seconds."""


def _kind_or_dataset(value: Any) -> str | Dataset:
    if isinstance(value, Dataset) or (isinstance(value, str) and value):
        return value
    raise ValueError('expected the kind of a data set, such as "manifest"')


# pydantic tells validators of two parameters the context.
def _geometry(spec: str | None, told: Any) -> str | None:
    if spec is None or told.context == EARLY:
        return spec
    from heatproof.data.geometry import geometries

    return geometries.spec(geometries.parse(spec))


class SettingsTable(pydantic.BaseModel):
    """A table of the file: frozen, and without room for a misspelt key."""

    # Strict, so that a number in quotes is an error and is not converted.
    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )


class Data(SettingsTable):
    """A data set.  Other keys are the options of its kind.

    Attributes:
        name: What reports call it.
        dataset: Name of its kind, such as ``"manifest"``.
        judged: False for films that only train or tune.
        part: Name in ``parts`` of the part that is meant; patients are divided, not films.
        parts: Shares by name, such as ``{train = 0.6, validation = 0.2, test = 0.2}``.
        parts_seed: Seed of the division.
    """

    # Which options there are depends on the kind of data set, which checks them when it is built.
    model_config = pydantic.ConfigDict(frozen=True, extra="allow", strict=True)

    name: Name
    # From Python, the data set itself may stand in the place of its kind.
    dataset: Annotated[str | Dataset, pydantic.PlainValidator(_kind_or_dataset)]
    judged: bool = True
    part: str | None = None
    parts: dict[str, float] | None = None
    parts_seed: Seed = 0

    @property
    def options(self) -> dict[str, Any]:
        """The options of the data set itself."""
        return dict(self.model_extra or {})


class Identity(SettingsTable):
    """What is known of a model that was trained elsewhere.

    Attributes:
        architecture: The backbone, such as ``"densenet121"``.
        head: Spec of the head.
        data: Name of the data that it was trained on.
        seed: Seed of its training.
    """

    architecture: Name
    head: str = "linear"
    data: str = ""
    seed: Seed = 0


class ImportedMaps(SettingsTable):
    """Maps that another tool made, with the probabilities that came along.

    Attributes:
        name: Name in reports of the model behind the maps.
        importer: Spec of the format, such as ``"npy(pattern='{image_id}_{finding}.npy')"``.
        folder: Where the files lie, or the one file.
        method: Name of the method here, such as ``"grad_cam"``.
        data: Name of the data that the maps explain.
        id: The model behind the maps.
        axes: ``"yx"`` where arrays are rows before columns, ``"xy"`` where they are transposed.
        geometry: What the maps cover: the whole film without it, and with it the canvas of the
            network, such as ``"letterbox(height=320, width=320)"``.
        probabilities: CSV or Parquet with the probabilities of the model: a column ``image_id``,
            and a column of each finding, in [0, 1].
    """

    name: Name
    importer: Name
    folder: str
    method: Name
    data: Name
    id: Identity
    axes: Literal["yx", "xy"] = "yx"
    geometry: Annotated[str | None, pydantic.AfterValidator(_geometry)] = None
    probabilities: str | None = None

    @pydantic.field_validator("importer")
    @classmethod
    def _known(cls, spec: str) -> str:
        # Parsed for its error alone, which is then found with the line of the file.
        importers.parse(spec)
        return spec


class Explain(SettingsTable):
    """Which maps are made, and where.

    Attributes:
        methods: Specs of saliency methods.
        memory: What the process may take, or on a GPU what its passes may, such as ``4GB``;
            ``auto`` for 4 GB, or half of the GPU.
        device: Where models run: ``auto`` is the GPU where there is one.
        keep: Which maps stay in the folder: ``all``; ``sampled``, those of the films that trust and
            fidelity compare; or ``none``. Maps that do not stay are scored while they are in
            memory, and all tables are the same.
        precision: Significant bits of every value of a map that are kept, of the 24 of float32:
            fewer take less room, and maps are scored as they are kept.
    """

    methods: list[str] = []
    memory: str = AUTO
    device: str = AUTO
    keep: Literal["all", "sampled", "none"] = "all"
    precision: Annotated[int, pydantic.Field(ge=4, le=24)] = 24

    @pydantic.field_validator("memory")
    @classmethod
    def _readable(cls, memory: str, told: Any) -> str:
        if told.context != EARLY:
            from heatproof.saliency.memory import parse_memory

            # Parsed for its error alone, which is then found with the line of the file.
            parse_memory(memory)
        return memory

    @pydantic.field_validator("device")
    @classmethod
    def _found(cls, device: str, told: Any) -> str:
        if told.context != EARLY:
            from heatproof.models.devices import device_named

            device_named(device)
        return device


class Scoring(SettingsTable):
    """How maps are measured, and what is measured beside them.

    Attributes:
        metrics: Their specs; the first ranks the gallery unless ``rank_by`` names another.
        controls: Specs of what stands in every table besides the mean-mask prior, which always
            does.
        tune: Name of the data on which metrics choose what they are to be tuned in, such as
            ``iou(binarize=tuned)``: films that nobody judges, of other patients.
        benchmark: Name of the reader whose annotations are no reference: they are measured as a
            method is, and methods are compared with them.
        structures: Names of annotated things that are no findings, such as a tag or a tube: the
            report says how much of every map lies there.
    """

    metrics: Annotated[list[str], pydantic.Field(min_length=1)] = [
        "iou", "hit_rate", "auprc", "auroc"
    ]  # fmt: skip
    controls: list[str] = ["centre", "edges", "random", "readers", "ceiling"]
    tune: str | None = None
    benchmark: Name = BENCHMARK
    structures: list[Name] = []

    @pydantic.field_validator("controls")
    @classmethod
    def _exist(cls, specs: list[str], told: Any) -> list[str]:
        if told.context != EARLY:
            from heatproof.localize.controls import controls

            controls.parts(specs)
        return specs


class Statistics(SettingsTable):
    """How scores become estimates.

    Attributes:
        resamples: Number of resamples of the published arithmetic of CheXlocalize; other intervals
            are computed, not drawn.
        by: What is independent: patients with all their films, or films.
        level: Confidence level of every interval.
        seed: Seed of the halves of patients and of random maps.
        min_positives: A finding with fewer is described: nothing is inferred from it.
        compare: Pairs of models (or groups of them, or of imported maps): the first is compared
            with the second, film by film.  An ensemble is compared unasked with the one of the same
            members that takes only the best checkpoint of each finding.
        margin: The largest loss against the human benchmark, or another model, that would not
            matter, in the unit of the metric: declared, never looked for.
        family: Which conclusions share one correction of p-values: all of a kind in the ``report``,
            so that choosing the best of many methods or findings is covered; or those of one
            ``grid``: verdicts of one data set and finding, comparisons of one method by one metric.
    """

    resamples: Annotated[int, pydantic.Field(ge=100, le=1_000_000)] = 1000
    by: Literal["patient", "image"] = "patient"
    level: Annotated[float, pydantic.Field(gt=0.5, lt=1)] = 0.95
    seed: Seed = 0
    min_positives: Annotated[int, pydantic.Field(ge=1)] = 10
    margin: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    family: Literal["report", "grid"] = "report"
    compare: list[Annotated[list[Name], pydantic.Field(min_length=2, max_length=2)]] = []


class TrustSettings(SettingsTable):
    """How maps must react when the model or the film changes.  A file without this table asks for
    randomization, with the values below; ``trust = false`` at its top asks nothing.

    Attributes:
        criteria: Specs, such as ``"randomization(draws=3)"``.
        similarities: Specs of what compares maps.
        rules: Specs of what makes verdicts of that; the first is the one of the short answer.
        normalize: What is done to each map before it is compared: ``min_max``, ``magnitude`` or
            ``none``.
        side: Pixels of a side of the frame over the film on which maps are compared.
        films: Those on which the finding is ``present``, or ``all``.
        images: How many of them, drawn anew for each finding; None for all.
        seed: Seed of the draw of films and of their pairs, and of nothing else.
    """

    criteria: list[str] = [BY_DEFAULT]
    similarities: Annotated[list[str], pydantic.Field(min_length=1)] = ["pearson", "ssim"]
    rules: list[str] = ["heatproof"]
    normalize: Normalization = "min_max"
    side: Annotated[int, pydantic.Field(ge=8, le=10_000)] = 320
    films: Literal["present", "all"] = "present"
    # Of 100 patients a whole grid of clear differences is decided, and of 30 nearly all of it
    # (docs/results/verdict_calibration.md).
    images: Annotated[int, pydantic.Field(ge=1)] | None = 100
    seed: Seed = 0

    @pydantic.field_validator("criteria")
    @classmethod
    def _some(cls, specs: list[str]) -> list[str]:
        if not specs:
            raise ValueError("expected at least one; trust = false instead of [trust] asks nothing")
        return specs


class FidelitySettings(SettingsTable):
    """Whether maps are true to the model.  A file without this table does not ask.

    Attributes:
        metrics: Specs of metrics of fidelity; ``heatproof fidelities`` lists them.
        films: Those on which the finding is ``present``, or ``all``.
        images: How many of them, drawn anew for each finding; None for all.  Each takes hundreds of
            passes of the model.
        seed: Seed of the draw of films.
    """

    metrics: Annotated[list[str], pydantic.Field(min_length=1)] = [
        "infidelity(infill='blur')", "deletion(infill='blur')", "insertion"
    ]  # fmt: skip
    films: Literal["present", "all"] = "present"
    images: Annotated[int, pydantic.Field(ge=1)] | None = 50
    seed: Seed = 0


class ClassificationSettings(SettingsTable):
    """Where the operating point comes from.

    Attributes:
        validation: Name of the data that chooses the threshold.  Without it, each half of the
            judged patients is judged at the threshold chosen on the other half.
        sensitivity: Lowest threshold-wise sensitivity to reach; Youden's index without it.
        by: What is classified: images, or studies, by the highest probability of their views.
    """

    validation: str | None = None
    sensitivity: Annotated[float, pydantic.Field(gt=0, le=1)] | None = None
    by: Literal["image", "study"] = "image"


class Report(SettingsTable):
    """What the page shows.

    Attributes:
        gallery: Number of films of each kind in the gallery.
        rank_by: Spec of the metric that ranks them; without it the first of ``metrics``.
        seed: Seed of what is drawn from many.
        by: Who makes the report, such as ``"A. Rossi, University Hospital"``.
        date: When, such as ``2026-11-30``.  The clock is not asked, so that equal runs give equal
            reports.
    """

    gallery: Annotated[int, pydantic.Field(ge=0, le=50)] = 3
    rank_by: str | None = None
    seed: Seed = 0
    by: Annotated[str, pydantic.Field(max_length=200)] = ""
    date: datetime.date | None = None


class Searched(SettingsTable):
    """What a parameter of a sweep may be: a range, or one of some values.

    Attributes:
        low: Lower end of a range, included.
        high: Upper end, included.  Two integers make a range of integers, where the parameter can
            be one.
        log: Whether ratios count and not differences.
        choices: Instead of a range.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: list[bool | int | float | str] = []

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> "Searched":
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise ValueError("expected either low and high, or choices")
        if self.choices:
            unique("choices", list(map(str, self.choices)))
            return self
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError(
                f"expected low < high, found low = {self.low} and high = {self.high};"
                " for one value alone, write it into the settings or the head"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs low > 0, found low = {self.low}")
        return self


class Sweep(SettingsTable):
    """A search for good settings; ``heatproof sweep`` reads it, and ``heatproof run`` does not.

    Attributes:
        trials: Number of models tried of each entry of ``[[models]]``, the same for all.
        seed: Seed of what is drawn.
        grid: Try every combination of the choices instead of drawing; ``trials`` is left out.
        at_once: Trials that know nothing of each other, and so may be trained at the same time.
        prune: End a trial once it is worse than the median of the earlier ones at the same round.
        localize: Measure also how well the maps of all trials localize; selects nothing.
        search: Training settings (``lr``) and options of heads (``"wildcat.alpha"``).
    """

    trials: Annotated[int, pydantic.Field(ge=1, le=100_000)] = 20
    seed: Seed = 0
    grid: bool = False
    at_once: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 1
    prune: bool = True
    localize: bool = False
    search: Annotated[dict[str, Searched], pydantic.Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _grid_of_choices(self) -> "Sweep":
        if not self.grid:
            return self
        # The value alone does not tell whether ``trials`` was given or has its default.
        if "trials" in self.model_fields_set:
            raise ValueError("grid = true tries every combination: leave trials out")
        for name, searched in self.search.items():
            if not searched.choices:
                raise ValueError(f"grid = true needs choices, and {name} has a range")
        return self


def unique(kind: str, names: list[str]) -> set[str]:
    """The names, each given once."""
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two {kind} are named {sorted(twice)[0]!r}")
    return set(names)
