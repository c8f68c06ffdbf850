"""An experiment: which data, which models, which maps, judged how.  One TOML file.

Every table is one frozen record below, and unknown keys are errors.  Relative paths are taken from
the folder of the file.  What a table of ``[[data]]`` holds besides the keys of ``Data``
are the options of that data set, as ``heatproof datasets`` lists them.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from heatproof.errors import ExperimentError, near_misses
from heatproof.explain.memory import parse_memory
from heatproof.models.adapter import Outputs
from heatproof.trust.similarity import Normalization

Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class Record(pydantic.BaseModel):
    """A table of the file: frozen, and without room for a misspelt key."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Data(Record):
    """Radiographs.  Other keys are the options of the data set.

    Attributes:
        name: What reports call it.
        dataset: Its kind, such as ``"manifest"``.
        judged: False for films that only train or tune.
        part: Of a seeded division by patient: its name in ``parts``.
        parts: Shares by name, such as ``{train = 0.6, validation = 0.2, test = 0.2}``.
        parts_seed: Of the division.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="allow", strict=True)

    name: Name
    dataset: Name
    judged: bool = True
    part: str | None = None
    parts: dict[str, float] | None = None
    parts_seed: int = 0

    @property
    def options(self) -> dict[str, Any]:
        """What belongs to the data set itself."""
        return dict(self.model_extra or {})


class Identity(Record):
    """What is known of a model that was trained elsewhere (see ``ModelId``)."""

    architecture: Name
    head: str = "linear"
    data: str = ""
    seed: int = 0


class Scaling(Record):
    """How a user's own module wants its images (see ``models.preprocessing``)."""

    geometry: str
    channels: int = 3
    mean: list[float]
    std: list[float]


class Training(Record):
    """How a classifier is trained here.

    Attributes:
        data: Name of the data that trains.
        validation: Name of the data that stops and selects.
        start: Name of an earlier model whose backbone is the start.
        weights: What the backbone starts with: ``"random"``, ``"imagenet"`` (through timm), or the
            path of a state dict.  Of several the first that can be had; the card says which it was.
        settings: Options of ``heatproof.train.Settings``.
    """

    data: Name
    validation: Name
    start: str | None = None
    weights: Name | Annotated[list[Name], pydantic.Field(min_length=1)] = "random"
    settings: dict[str, Any] = {}

    @pydantic.model_validator(mode="after")
    def _one_start(self) -> "Training":
        if self.start and self.weights != "random":
            raise ValueError(
                f"start = {self.start!r} and weights = {self.weights!r}: a backbone starts from one"
                " of them"
            )
        return self


class Sampling(Record):
    """What of its training data a model sees, or saw where it was trained elsewhere.

    Attributes:
        fraction: Share of the patients.
        prevalence: Share of films on which a finding is present, made by leaving films out.
        permuted: Whether labels are dealt out anew among the films, so that nothing can be learned.
        seed: Of what is drawn; the same for all replicates.
    """

    fraction: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    prevalence: Annotated[float, pydantic.Field(gt=0, lt=1)] | None = None
    permuted: bool = False
    seed: int = 0


class Pool(Record):
    """What an ensemble is chosen from, and how many are.

    Attributes:
        of: Names of earlier models; all replicates of those that have some.  Of a model that is
            trained here all checkpoints that its training keeps.
        best: Of each finding, the checkpoints with the highest AUROCs on validation.
    """

    of: Annotated[list[Name], pydantic.Field(min_length=1)]
    best: Annotated[int, pydantic.Field(ge=1)] = 10


class Model(Record):
    """A classifier (a card, a user's module, or trained here), a localizer, or an ensemble.

    Attributes:
        name: What reports call it.
        group: Models that share it are judged as one, each film by one of them (cross-fitting).
        data: Names of the data that it judges; all by default, and none where the list is empty.
        judges: Only films with these values in their metadata.
        trained_on: Films with these values in their metadata, in any data set, trained the model;
            a report warns when it judges their patients, and when nothing is said here.
        tuned_on: The same for the films that stopped or selected it.
        card: A folder written by ``heatproof train``.
        module: ``"file.py:function"`` or ``"package.module:function"`` that returns an
            ``nn.Module``, called with ``arguments`` (those that name files: relative to this file).
            With a training it is trained up to its features, and ``head`` stands behind these.
        features: Dotted name of the module whose output is the feature grid.
        findings: Names of the logits, in order.
        scaling: The preprocessing that the module expects.
        outputs: ``"probabilities"`` where the module ends in a sigmoid or a softmax.
        id: What the module is.
        backbone: Spec of a backbone to train.
        head: Spec of its head.
        localizer: Spec of a localizer to train, with the annotations of its data.
        ensemble: Of earlier models: mean probabilities and mean maps.
        training: How to train it.
        sampling: What of its training data it sees.
        architectures: Specs of several backbones to train alike, instead of ``backbone``.
        seeds: Replicates: each is trained once with each of these.
    """

    name: Name
    group: str | None = None
    data: list[str] | None = None
    judges: dict[str, str | list[str]] = {}
    trained_on: dict[str, str | list[str]] = {}
    tuned_on: dict[str, str | list[str]] = {}
    card: str | None = None
    module: str | None = None
    arguments: dict[str, Any] = {}
    features: str | None = None
    findings: list[str] = []
    scaling: Scaling | None = None
    outputs: Outputs = "logits"
    id: Identity | None = None
    backbone: str | None = None
    head: str = "linear"
    localizer: str | None = None
    ensemble: Pool | None = None
    training: Training | None = None
    sampling: Sampling = Sampling()
    architectures: list[str] = []
    seeds: list[int] = []

    @pydantic.model_validator(mode="after")
    def _one_origin(self) -> "Model":
        kinds = ("card", "module", "backbone", "architectures", "localizer", "ensemble")
        if sum(bool(getattr(self, kind)) for kind in kinds) != 1:
            raise ValueError(
                f"model {self.name!r} needs one of {', '.join(kinds[:-1])} or {kinds[-1]}"
            )
        if self.ensemble and (self.training or self.scaling or self.findings):
            raise ValueError(
                f"model {self.name!r} is an ensemble: training, scaling and findings are those of"
                " its members"
            )
        for key in ("architectures", "seeds"):
            _unique(f"{key} of model {self.name!r}", list(map(str, getattr(self, key))))
        if self.seeds and (self.training is None or "seed" in self.training.settings):
            raise ValueError(
                f"model {self.name!r} has seeds, which are those of its training; say either seeds"
                " or a seed in its settings"
            )
        if self.module and self.training:
            if not (self.features and self.scaling) or self.findings or self.id:
                raise ValueError(
                    f"model {self.name!r} is a module that is trained here: say its features and"
                    " scaling; findings and id are those of its training"
                )
            if self.training.weights != "random":
                raise ValueError(
                    f"model {self.name!r} is a module, which comes with its weights: leave weights"
                    " out, or name their file in its arguments"
                )
        elif self.module and not (self.findings and self.scaling and self.id and self.features):
            raise ValueError(
                f"model {self.name!r} is a module: say its features, findings, scaling and id"
            )
        if self.outputs != "logits" and not self.module:
            raise ValueError(f"model {self.name!r} is no module: outputs says what a module gives")
        if (self.backbone or self.architectures) and not self.training:
            raise ValueError(f"model {self.name!r} is a backbone: say its training")
        if self.localizer and not self.training:
            raise ValueError(f"model {self.name!r} is a localizer: say its training")
        return self

    @property
    def made_here(self) -> bool:
        """Whether a run makes it before it judges anything."""
        return bool(self.training or self.ensemble)

    def replicates(self, models: Mapping[str, "Model"]) -> "list[Model]":
        """One model for each architecture and seed; itself where neither is given.

        One that starts from a model with replicates starts from that of its own seed and
        architecture.
        """
        architectures: list[str | None] = [*self.architectures] or [None]
        seeds: list[int | None] = [*self.seeds] or [None]
        return [self._replicate(one, seed, models) for one in architectures for seed in seeds]

    def _replicate(
        self, architecture: str | None, seed: int | None, models: Mapping[str, "Model"]
    ) -> "Model":
        changes: dict[str, Any] = {"name": self._called(architecture, seed)}
        changes |= {"architectures": [], "seeds": [], "backbone": architecture or self.backbone}
        if self.ensemble is not None:
            every: list[str] = []
            for name in self.ensemble.of:
                entry = models.get(name)
                if entry is None or entry.ensemble is not None:
                    every.append(name)  # which is no earlier model, and said to be none
                else:
                    every += [one.name for one in entry.replicates(models)]
            changes["ensemble"] = self.ensemble.model_copy(update={"of": every})
        if self.training is not None:
            training, start = self.training, models.get(self.training.start or "")
            settings = training.settings if seed is None else training.settings | {"seed": seed}
            called = training.start if start is None else start._called(architecture, seed)
            changes["training"] = training.model_copy(
                update={"settings": settings, "start": called}
            )
        return self.model_copy(update=changes)

    def _called(self, architecture: str | None, seed: int | None) -> str:
        """What distinguishes it from its siblings stands behind its name."""
        parts = [architecture] if self.architectures and architecture else []
        parts += [f"seed {seed}"] if self.seeds and seed is not None else []
        return ", ".join([self.name, *parts])


class ImportedMaps(Record):
    """Maps that another tool made, with the probabilities that came along.

    Attributes:
        name: Of the model behind them, as reports call it.
        importer: The format, such as ``"chexlocalize"``.
        folder: Where they lie.
        method: What they are called here, such as ``"grad_cam"``.
        data: Name of the data they explain.
        id: The model behind them.
    """

    name: Name
    importer: Name
    folder: str
    method: Name
    data: Name
    id: Identity


class Explain(Record):
    """Which maps are made: specs of methods, and the memory that the process may take."""

    methods: list[str] = []
    memory: str = "4GB"

    @pydantic.field_validator("memory")
    @classmethod
    def _readable(cls, memory: str) -> str:
        parse_memory(memory)
        return memory


class Scoring(Record):
    """How maps are measured, and what is measured beside them.

    Attributes:
        metrics: Their specs; the first ranks the gallery unless told.
        controls: What stands in every table besides the mean-mask prior, which always does.
    """

    metrics: Annotated[list[str], pydantic.Field(min_length=1)] = [
        "iou", "hit_rate", "auprc", "auroc"
    ]  # fmt: skip
    controls: list[Literal["centre", "edges", "random", "readers", "ceiling"]] = [
        "centre", "edges", "random", "readers", "ceiling",
    ]  # fmt: skip


class Statistics(Record):
    """How scores become estimates."""

    resamples: Annotated[int, pydantic.Field(ge=100)] = 1000
    by: Literal["patient", "image"] = "patient"
    level: Annotated[float, pydantic.Field(gt=0.5, lt=1)] = 0.95
    seed: int = 0


class Trust(Record):
    """How maps must react when the model or the film changes.

    Attributes:
        criteria: Specs, such as ``"randomization(draws=3)"``.
        similarities: Specs of what compares maps.
        rules: Specs of what makes verdicts of that; the first is the one of the short answer.
        normalize: What is done to each map before: ``min_max``, ``magnitude`` or ``none``.
        side: Pixels of a side of the frame over the film on which maps are compared.
        films: Those on which the finding is ``present``, or ``all``.
        images: How many of them, drawn anew for each finding; None for all.
        seed: Of films, their pairs and nothing else.
    """

    criteria: Annotated[list[str], pydantic.Field(min_length=1)]
    similarities: Annotated[list[str], pydantic.Field(min_length=1)] = ["ssim"]
    rules: list[str] = ["heatproof"]
    normalize: Normalization = "min_max"
    side: Annotated[int, pydantic.Field(ge=8)] = 320
    films: Literal["present", "all"] = "present"
    images: Annotated[int, pydantic.Field(ge=1)] | None = 100
    seed: int = 0


class Classification(Record):
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


class Report(Record):
    """What the page shows: films of each kind in the gallery, and the metric that ranks them."""

    gallery: Annotated[int, pydantic.Field(ge=0, le=50)] = 3
    rank_by: str | None = None
    seed: int = 0


class Searched(Record):
    """What a parameter of a sweep may be: a range, or one of some values.

    Attributes:
        low: Of a range, included.
        high: Likewise.  Two integers make a range of integers, where the parameter can be one.
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
            _unique("choices", list(map(str, self.choices)))
            return self
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError(
                f"expected low < high, found low = {self.low} and high = {self.high};"
                " for one value alone, write it into the settings or the head"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs low > 0, found low = {self.low}")
        return self


class Sweep(Record):
    """A search for good settings; ``heatproof sweep`` reads it, and ``heatproof run`` does not.

    Attributes:
        trials: Models tried of each entry of ``[[models]]``, the same number for all.
        seed: Of what is drawn.
        grid: Try every combination of the choices instead of drawing; ``trials`` is left out.
        at_once: Trials that know nothing of each other, and so may be trained at the same time.
        prune: End a trial once it is worse than the median of the earlier ones at the same round.
        localize: Measure also how well the maps of all trials localize; selects nothing.
        search: Training settings (``lr``) and options of heads (``"wildcat.alpha"``).
    """

    trials: Annotated[int, pydantic.Field(ge=1)] = 20
    seed: int = 0
    grid: bool = False
    at_once: Annotated[int, pydantic.Field(ge=1)] = 1
    prune: bool = True
    localize: bool = False
    search: Annotated[dict[str, Searched], pydantic.Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _grid_of_choices(self) -> "Sweep":
        if not self.grid:
            return self
        if "trials" in self.model_fields_set:
            raise ValueError("grid = true tries every combination: leave trials out")
        for name, searched in self.search.items():
            if not searched.choices:
                raise ValueError(f"grid = true needs choices, and {name} has a range")
        return self


class Experiment(Record):
    """One experiment file.

    Attributes:
        paths_from: Where relative paths start, seen from the folder of the file.
    """

    name: Name
    paths_from: str = "."
    question: str = "Do the saliency maps of this classifier show where the finding is?"
    output: str | None = None
    missing: Literal["error", "set aside"] = "error"
    data: Annotated[list[Data], pydantic.Field(min_length=1)]
    models: list[Model] = []
    maps: list[ImportedMaps] = []
    explain: Explain = Explain()
    score: Scoring = Scoring()
    statistics: Statistics = Statistics()
    trust: Trust | None = None
    classification: Classification = Classification()
    report: Report = Report()
    sweep: Sweep | None = None
    _folder: Path = pydantic.PrivateAttr(default=Path())
    _file: Path = pydantic.PrivateAttr(default=Path("experiment.toml"))
    _text: str = pydantic.PrivateAttr(default="")
    _command: str = pydantic.PrivateAttr(default="heatproof.prove(model, films, methods)")

    @pydantic.model_validator(mode="after")
    def _one_origin_of_seeds(self) -> "Experiment":
        searched = self.sweep.search if self.sweep else {}
        for model in self.models:
            if model.seeds and "seed" in searched:
                raise ValueError(
                    f"model {model.name!r} has seeds, and [sweep.search] draws the seed; say one"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _names_exist(self) -> "Experiment":
        named = {model.name: model for model in self.models}
        replicates = [one for model in self.models for one in model.replicates(named)]
        self.__dict__["models"] = replicates  # frozen for everyone else
        data = _unique("data", [entry.name for entry in self.data])
        _unique("models", [model.name for model in self.models])
        _pools_exist(self.models)
        asked = [name for model in self.models for name in model.data or []]
        asked += [maps.data for maps in self.maps]
        asked += [m.training.data for m in self.models if m.training]
        asked += [m.training.validation for m in self.models if m.training]
        asked += [self.classification.validation] if self.classification.validation else []
        for name in asked:
            if name not in data:
                raise ValueError(f"no data is named {name!r}; {near_misses(name, data)}")
        if not self.models and not self.maps:
            raise ValueError("there is nothing to judge: add [[models]] or [[maps]]")
        explained = [model for model in self.models if model.localizer is None]
        if explained and not self.explain.methods:
            raise ValueError("there are models but no methods: add [explain] methods = [...]")
        return self

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self._folder

    @property
    def file_name(self) -> str:
        """Of the file, without its folder."""
        return self._file.name

    @property
    def text(self) -> str:
        """Of the file, as it was read; empty where there is no file."""
        return self._text

    @property
    def command(self) -> str:
        """What to say to run it again."""
        return self._command

    @property
    def output_folder(self) -> Path:
        """Where everything is written: ``output``, or ``runs/<name of the file>`` here."""
        if self.output is None:
            return Path("runs") / self._file.stem
        return self._folder / self.output


def load(
    path: Path, overrides: dict[str, Any] | None = None, command: str | None = None
) -> Experiment:
    """The experiment in a TOML file.

    Args:
        path: The file.
        overrides: Keys to replace, of tables one by one.
        command: What runs it, if not ``heatproof run``.

    Raises:
        ExperimentError: The file is missing, is not TOML, or asks for what does not exist; the
            message names file, line and value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"cannot read the experiment {path}: {error}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(f"{path} is not TOML: {error}") from error
    for key, value in (overrides or {}).items():
        inner = table.get(key)
        table[key] = inner | value if isinstance(value, dict) and isinstance(inner, dict) else value
    try:
        experiment = Experiment.model_validate(table)
    except pydantic.ValidationError as error:
        raise ExperimentError(_explained(error, path, text)) from error
    experiment._folder = (path.resolve().parent / experiment.paths_from).resolve()
    experiment._file = path
    experiment._text = text
    experiment._command = command or f"heatproof run {path.name}"
    return experiment


def _explained(error: pydantic.ValidationError, path: Path, text: str) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(step) for step in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key; {near_misses(str(problem['loc'][-1]), _siblings(problem))}"
        elif where and problem["type"] != "missing":
            message += f" (found {problem['input']!r})"
        place = problem["loc"][:-1] if problem["type"] == "missing" else problem["loc"]
        lines.append(f"{path}:{_line(text, place)}: {where}: {message}".replace(": : ", ": "))
    return "\n".join(lines)


def _siblings(problem: Any) -> list[str]:
    """The keys that the table of an unknown key knows."""
    record: type[pydantic.BaseModel] = Experiment
    for step in problem["loc"][:-1]:
        if isinstance(step, str):
            record = _TABLES.get(step, record)
    return list(record.model_fields)


_TABLES: dict[str, type[Record]] = {
    "data": Data, "models": Model, "maps": ImportedMaps, "explain": Explain, "score": Scoring,
    "statistics": Statistics, "classification": Classification, "report": Report, "id": Identity,
    "scaling": Scaling, "training": Training, "ensemble": Pool, "sweep": Sweep, "search": Searched,
    "trust": Trust, "sampling": Sampling,
}  # fmt: skip


def _line(text: str, location: tuple[int | str, ...]) -> int:
    """The line on which a value stands, as near as its keys can be followed from the top."""
    position = 0
    for step, following in zip(location, (*location[1:], None), strict=False):
        if isinstance(step, int):
            continue
        header = rf"^\s*\[+\s*(?:[\w.]+\.)?{re.escape(step)}\s*\]+"
        key = rf"(?:^|[{{,])\s*\"?{re.escape(step)}\"?\s*="
        matches = list(re.finditer(f"{header}|{key}", text[position:], re.MULTILINE))
        count = following if isinstance(following, int) and len(matches) > following else 0
        if matches:
            position += matches[count].end()
    return text.count("\n", 0, position) + 1


def _pools_exist(models: list[Model]) -> None:
    for place, model in enumerate(models):
        earlier = [other.name for other in models[:place] if not other.ensemble]
        for name in model.ensemble.of if model.ensemble else ():
            if name not in earlier:
                raise ValueError(
                    f"ensemble {model.name!r}: no earlier model is named {name!r};"
                    f" {near_misses(name, earlier)}"
                )


def _unique(kind: str, names: list[str]) -> set[str]:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two {kind} are named {sorted(twice)[0]!r}")
    return set(names)
