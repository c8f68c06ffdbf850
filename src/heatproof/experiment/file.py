"""An experiment, as one TOML file or from Python: data, models, maps, and how they are judged.

Every table is one frozen record of ``settings`` or ``model``, and unknown keys are errors.
Relative paths are taken from the folder of the file.  What a table of ``[[data]]`` holds besides
the keys of ``Data`` are the options of that data set, as ``heatproof datasets`` lists them.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from heatproof.errors import ExperimentError, near_misses
from heatproof.experiment.model import ModelEntry, Pool, Sampling, Scaling, Training
from heatproof.experiment.settings import (
    EARLY,
    ClassificationSettings,
    Data,
    Explain,
    FidelitySettings,
    Identity,
    ImportedMaps,
    Name,
    Report,
    Scoring,
    Searched,
    SettingsTable,
    Statistics,
    Sweep,
    TrustSettings,
    unique,
)
from heatproof.experiment.study import Choice, Counts, Study


def _asked_or_not(value: Any) -> Any:
    """None for ``false``; a table, or ``TrustSettings``, is validated as it is.

    Raises:
        ValueError: It is anything else.
    """
    if not (value is False or value is None or isinstance(value, dict | TrustSettings)):
        raise ValueError("expected a table [trust], or false; without both randomization is asked")
    return None if value is False else value


class Experiment(SettingsTable):
    """One experiment file.

    Attributes:
        name: What reports call it.
        paths_from: Where relative paths start, seen from the folder of the file.
        question: Stands at the top of the report.
        output: Folder of everything that is written; without it
            ``runs/<name of the file>`` beside the file.
        missing: Whether a film whose file is absent is an error, or set aside.
        pilot: At most so many films of each data set, as ``heatproof run --films`` says: a first
            look, in an output folder of its own whose name ends in ``-pilot-`` and the number.
        pseudonyms: File with a key, by which films, patients and studies get pseudonyms in all that
            is written, as ``heatproof run --pseudonymize`` says.
        prepared_gb: Room in the output folder, in gigabytes, for films that were read and prepared,
            so that another model or training need not read them again; about 250 MB more are kept
            in memory.  0 for none.
        data: The data sets.
        models: The models that judge them.  An entry with several seeds or architectures is
            replaced by as many models.
        maps: Maps that other tools made.
        explain: Methods that make maps here, and where.
        score: Metrics and controls.
        statistics: How scores become estimates.
        trust: How maps must react: the table ``[trust]``, or ``false``, before all tables, to ask
            nothing.  Without either randomization is asked, one draw of all weights, where there is
            a model whose weights can be drawn.
        fidelity: Whether maps are true to the model; without it nobody asks.
        classification: Where the operating point comes from.
        report: What the page shows.
        sweep: What ``heatproof sweep`` searches.
        study: The published study that this repeats.
    """

    name: Name
    paths_from: str = "."
    question: str = "Do the saliency maps of this classifier show where the finding is?"
    output: str | None = None
    missing: Literal["error", "set aside"] = "error"
    pilot: Annotated[int, pydantic.Field(ge=2)] | None = None
    pseudonyms: str | None = None
    prepared_gb: Annotated[float, pydantic.Field(ge=0)] = 10.0
    data: Annotated[list[Data], pydantic.Field(min_length=1)]
    models: list[ModelEntry] = []
    maps: list[ImportedMaps] = []
    explain: Explain = Explain()
    score: Scoring = Scoring()
    statistics: Statistics = Statistics()
    trust: Annotated[TrustSettings | None, pydantic.BeforeValidator(_asked_or_not)] = (
        TrustSettings()
    )
    fidelity: FidelitySettings | None = None
    classification: ClassificationSettings = ClassificationSettings()
    report: Report = Report()
    sweep: Sweep | None = None
    study: Study | None = None
    _folder: Path = pydantic.PrivateAttr(default=Path())
    _file: Path = pydantic.PrivateAttr(default=Path("experiment.toml"))
    _text: str = pydantic.PrivateAttr(default="")
    _command: str = pydantic.PrivateAttr(default="heatproof.prove(model, films, methods)")

    @pydantic.model_validator(mode="after")
    def _expand(self) -> "Experiment":
        searched = self.sweep.search if self.sweep else {}
        for model in self.models:
            if model.seeds and "seed" in searched:
                raise ValueError(
                    f"model {model.name!r} has seeds, and [sweep.search] draws the seed; say one"
                )
        # Seeds and architectures are a shorthand: from here on every entry is one model.  The
        # record is frozen for everybody else, so pydantic is passed by.
        object.__setattr__(self, "models", _replicated(self.models))
        return self

    # Validators run in the order in which they stand: names are those after the expansion.
    @pydantic.model_validator(mode="after")
    def _names_exist(self) -> "Experiment":
        models = self.models
        data = unique("data", [entry.name for entry in self.data])
        unique("models", [model.name for model in models])
        _pools_exist(models)
        wrong = [
            f"no data is named {name!r}; {near_misses(name, data)}"
            for name in dict.fromkeys(self._data_named())
            if name not in data
        ]
        groups = [model.group or model.name for model in models]
        groups += [maps.name for maps in self.maps]
        wrong += [
            f"statistics.compare: no model is named {name!r}; {near_misses(name, groups)}"
            for pair in self.statistics.compare
            for name in pair
            if name not in groups
        ]
        if self.pseudonyms is not None and self.maps:
            wrong.append(
                "pseudonyms and [[maps]]: files of maps are named by films; run without pseudonyms,"
                " and pass on an export (heatproof export --pseudonymize)"
            )
        if not models and not self.maps:
            wrong.append("there is nothing to judge: add [[models]] or [[maps]]")
        explained = [model for model in models if model.localizer is None]
        if explained and not self.explain.methods:
            wrong.append(
                "there are models but no methods: add [explain] methods = [...], such as"
                ' "grad_cam" (heatproof methods lists them)'
            )
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @pydantic.model_validator(mode="after")
    def _ask_where_there_is_a_model(self) -> "Experiment":
        # Imported maps, localizers and ensembles have no weights to draw anew.
        if self.asks_by_default and not any(model.randomizable for model in self.models):
            object.__setattr__(self, "trust", None)
        return self

    def _data_named(self) -> Iterator[str]:
        """Every name of data that stands anywhere but in ``[[data]]``."""
        for model in self.models:
            yield from model.data or []
        yield from (maps.data for maps in self.maps)
        trainings = [model.training for model in self.models if model.training]
        yield from (training.data for training in trainings)
        yield from (training.validation for training in trainings)
        yield from filter(None, (self.score.tune, self.classification.validation))
        yield from (*self.study.data, *self.study.counts) if self.study else ()

    @property
    def asks_by_default(self) -> bool:
        """Whether the file says nothing of trust, so that a criterion asks only where it can."""
        return "trust" not in self.model_fields_set

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self._folder

    @property
    def file_name(self) -> str:
        """Name of the file, without its folder."""
        return self._file.name

    @property
    def text(self) -> str:
        """Text of the file, as it was read; empty where there is no file."""
        return self._text

    @property
    def command(self) -> str:
        """The command that runs it again."""
        return self._command

    @property
    def output_folder(self) -> Path:
        """Where everything is written: ``output``, or ``runs/<name of the file>`` beside the file.

        Wherever the command is given, so that it finds what was done before.
        """
        if self.output is None:
            folder = self._file.resolve().parent / "runs" / self._file.stem
        else:
            folder = self._folder / self.output
        # The results of the whole never lie among those of a pilot.
        return folder if self.pilot is None else Path(f"{folder}-pilot-{self.pilot}")


def load(
    path: Path,
    overrides: dict[str, Any] | None = None,
    command: str | None = None,
    *,
    early: bool = False,
) -> Experiment:
    """The experiment in a TOML file.

    Args:
        path: The file.
        overrides: Keys to replace, of tables one by one.
        command: What runs it, if not ``heatproof run``.
        early: Leave out what imports torch: memory, device, controls, and geometries of maps.

    Raises:
        ExperimentError: The file is missing, is not TOML, or asks for what does not exist; the
            message names file, line and value.
    """
    text, table = read_toml(path)
    for key, value in (overrides or {}).items():
        inner = table.get(key)
        table[key] = inner | value if isinstance(value, dict) and isinstance(inner, dict) else value
    try:
        experiment = Experiment.model_validate(table, context=EARLY if early else None)
    except pydantic.ValidationError as error:
        raise ExperimentError(explained(error, path, text, Experiment, _TABLES)) from error
    # These come from where the file lies and not from what it says, so they are no fields.
    experiment._folder = (path.resolve().parent / experiment.paths_from).resolve()
    experiment._file = path
    experiment._text = text
    experiment._command = command or f"heatproof run {path.name}"
    return experiment


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a file of TOML, and its tables; raises ExperimentError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"cannot read {path}: {error}") from error
    try:
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, and deep nesting
        raise ExperimentError(f"{path} is not TOML: {error}{_said_twice(text)}") from error


def _said_twice(text: str) -> str:
    """A hint for a file that both refuses trust and asks for it, which TOML allows no file."""
    lines = [line.replace(" ", "") for line in text.splitlines()]
    twice = "[trust]" in lines and any(line.startswith("trust=") for line in lines)
    return "; leave out trust = ... where there is a table [trust]" if twice else ""


def _replicated(entries: Sequence[ModelEntry]) -> list[ModelEntry]:
    """The entries, with one for each architecture and seed where there are several."""
    named = {entry.name: entry for entry in entries}
    return [replicate for entry in entries for replicate in entry.replicates(named)]


def explained(
    error: pydantic.ValidationError,
    path: Path,
    text: str,
    top: type[pydantic.BaseModel],
    tables: Mapping[str, type[pydantic.BaseModel]],
) -> str:
    """What is wrong, in one line for each problem: ``file:line: key: message``.

    Args:
        error: What pydantic found.
        path: The file.
        text: What it holds.
        top: The record of the whole file.
        tables: Those of its tables, by name.
    """
    lines = []
    for problem in error.errors():
        where = ".".join(str(step) for step in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key; {_meant(problem, top, tables)}"
        elif where and problem["type"] != "missing" and not isinstance(problem["input"], dict):
            message += f" (found {problem['input']!r})"
        place = problem["loc"][:-1] if problem["type"] == "missing" else problem["loc"]
        line = line_of(text, place)
        lines += [
            f"{path}:{line}: {where}: {each}".replace(": : ", ": ") for each in message.split("\n")
        ]
    return "\n".join(lines)


def _meant(
    problem: Any, top: type[pydantic.BaseModel], tables: Mapping[str, type[pydantic.BaseModel]]
) -> str:
    """What somebody who wrote an unknown key may have meant."""
    *steps, key = map(str, problem["loc"])
    # In TOML a line belongs to the table above it, wherever its writer wanted it.
    if steps and key in top.model_fields and not isinstance(problem["input"], dict | list):
        return f"{key} stands at the top of the file, before the first [table]"
    # The keys that may stand in the table in which it was met.
    record = top
    for step in steps:
        record = tables.get(step, record)
    fields = record.model_fields.items()
    return near_misses(key, [name for name, field in fields if not field.exclude])


# A misspelt key is compared with the keys of its own table.
_TABLES: dict[str, type[pydantic.BaseModel]] = {
    "data": Data, "models": ModelEntry, "maps": ImportedMaps, "explain": Explain, "score": Scoring,
    "statistics": Statistics, "classification": ClassificationSettings, "report": Report,
    "id": Identity, "scaling": Scaling, "training": Training, "ensemble": Pool, "sweep": Sweep,
    "search": Searched, "trust": TrustSettings, "fidelity": FidelitySettings, "sampling": Sampling,
    "study": Study, "choices": Choice, "counts": Counts,
}  # fmt: skip


def line_of(text: str, location: tuple[int | str, ...]) -> int:
    """The line on which a value stands, as near as its keys can be followed from the top."""
    # ``tomllib`` keeps no positions, so the keys are looked for in the text.
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


def _pools_exist(models: Sequence[ModelEntry]) -> None:
    """Raises ValueError where an ensemble names a model that does not stand before it."""
    for place, model in enumerate(models):
        earlier = [other.name for other in models[:place] if not other.ensemble]
        for name in model.ensemble.of if model.ensemble else ():
            if name not in earlier:
                raise ValueError(
                    f"ensemble {model.name!r}: no earlier model is named {name!r};"
                    f" {near_misses(name, earlier)}"
                )
