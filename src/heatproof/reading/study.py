"""The file of a reader study: films, maps, readers, and what is asked of them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from heatproof.errors import ExperimentError, near_misses
from heatproof.experiment.file import explained, read_toml
from heatproof.experiment.settings import Data, Name, Seed, SettingsTable, unique

Kind = Literal["contour", "point", "boxes", "decision", "map_rating", "failures"]
Words = Annotated[list[Name], pydantic.Field(min_length=2, max_length=11)]
Text = Annotated[str, pydantic.Field(max_length=10_000)]
NO_MAP = "none"
"""What ``shows`` says where the film is read without a map."""
_CONFIDENCE = ["a guess", "unsure", "fairly sure", "sure"]
_RATING = ["misleading", "useless", "of some use", "useful", "very useful"]
_PLACES = ["lung", "hilum", "heart", "mediastinum", "diaphragm", "rib", "clavicle", "shoulder",
           "soft tissue", "outside the body", "tag or tube", "nothing"]  # fmt: skip


class Films(Data):
    """Any data set of heatproof; other keys are the options of its kind.

    Attributes:
        name: What exports call it.
    """

    name: Name = "films"


class Reader(SettingsTable):
    """Somebody who reads.

    Attributes:
        name: Stands in exports; other readers never see it.
        role: ``"benchmark"``: maps are compared with these marks; ``"reference"``: maps are judged
            by them.
    """

    name: Name
    role: Literal["benchmark", "reference"] = "benchmark"


class Maps(SettingsTable):
    """Maps that films are read with, by a name that never reaches the browser.

    Attributes:
        name: What ``shows`` of a task and exports call them.
        run: Folder of a run that made them.
        method: Spec of the method, for maps of a run.
        model: Name of the model, where a run has several.
        control: Spec of a control, such as ``"edges"``, in place of a run.
        wrong_of: Name of other maps: each film gets the map of another film.
    """

    name: Name
    run: str | None = None
    method: str | None = None
    model: str | None = None
    control: str | None = None
    wrong_of: str | None = None

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> "Maps":
        if [self.run, self.control, self.wrong_of].count(None) != 2:  # noqa: PLR2004
            raise ValueError(f"maps {self.name!r}: say one of run, control and wrong_of")
        if (self.run is None) != (self.method is None):
            raise ValueError(f"maps {self.name!r}: run and method go together")
        return self


class Task(SettingsTable):
    """What is asked about every film.

    Attributes:
        name: What readers and exports call it.
        kind: ``contour`` (outline every finding), ``point`` (the most representative point),
            ``boxes``, ``decision`` (yes or no, and how sure), ``map_rating``, or ``failures`` (what
            a map points at).
        finding: What is looked for.
        instructions: What readers are told.
        version: Of the instructions; every reading keeps the version that it was made by.
        shows: Maps that films are read with, by name; ``"none"`` for the film alone.
        order: Of several ``shows``: ``crossover``, one session for each, in which every film is
            read with one of them, in balance over readers; or ``sequential``, film by film one
            after the other, as listed.
        washout_days: Days between two sessions of a reader.
        scale: Words for how sure a decision is, or for how good a map is, the least first.
        places: What the reader of a failure may choose from.
        run: Folder of the run whose failures are reviewed.
        outcomes: Which films of that run: ``"false positive"``, ..., or ``"true positive, region
            missed"``.
        films: Identifiers of the films; all without.
        training: Identifiers of films that are read first, with feedback, and do not count.
        repeats: How many films are read a second time, at the end of the last session.
        limit_seconds: After which a reading ends; none without.
    """

    name: Name
    kind: Kind
    finding: Name
    instructions: Text = ""
    version: Name = "1"
    shows: list[Name] = [NO_MAP]
    order: Literal["crossover", "sequential"] = "crossover"
    washout_days: Annotated[float, pydantic.Field(ge=0, le=3650)] = 28.0
    scale: Words = []
    places: Words = _PLACES
    run: str | None = None
    outcomes: list[Literal["true positive", "false positive", "true negative", "false negative",
                           "true positive, region missed"]] = [
        "false positive", "true positive, region missed"]  # fmt: skip
    films: list[Name] | None = None
    training: list[Name] = []
    repeats: Annotated[int, pydantic.Field(ge=0)] = 0
    limit_seconds: Annotated[float, pydantic.Field(gt=0)] | None = None

    @pydantic.model_validator(mode="after")
    def _whole(self) -> "Task":
        if not self.scale:
            words = _RATING if self.kind == "map_rating" else _CONFIDENCE
            object.__setattr__(self, "scale", list(words))
        unique(f"shows of task {self.name!r}", self.shows)
        if not self.shows:
            raise ValueError(f'task {self.name!r}: shows is empty; say ["{NO_MAP}"] for no map')
        if self.kind in ("map_rating", "failures") and NO_MAP in self.shows:
            raise ValueError(
                f"task {self.name!r} asks about maps; name them in shows, without {NO_MAP!r}"
            )
        if (self.kind == "failures") != (self.run is not None):
            raise ValueError(
                f"task {self.name!r}: run names the run whose failures are reviewed, and goes with"
                ' kind = "failures" alone'
            )
        return self


class Study(SettingsTable):
    """One file of a reader study.

    Attributes:
        name: What readers and the report call it.
        seed: Of the order of reading.
        private: Whether browsers are told to keep no film.
        output: Folder of everything that is written; without it ``studies/<name of the file>``
            beside the file.
        films: What is read.
        maps: What it is read with.
        readers: Who reads.
        tasks: What is asked, one after the other.
    """

    name: Name
    seed: Seed = 0
    private: bool = True
    output: str | None = None
    films: Films
    maps: list[Maps] = []
    readers: Annotated[list[Reader], pydantic.Field(min_length=1)]
    tasks: Annotated[list[Task], pydantic.Field(min_length=1)]
    _file: Path = pydantic.PrivateAttr(default=Path("study.toml"))

    @pydantic.model_validator(mode="after")
    def _names_exist(self) -> "Study":
        maps = unique("maps", [each.name for each in self.maps])
        unique("tasks", [task.name for task in self.tasks])
        # Two spellings of one person could read as the reference and as the benchmark.
        unique("readers (letters of either case)", [each.name.casefold() for each in self.readers])
        wrong = [*_unknown_maps(self.maps, self.tasks), *_told_names(maps, self.tasks)]
        for kind, named in (("tasks", self.tasks), ("readers", self.readers), ("maps", self.maps)):
            wrong += _sharing(kind, [each.name for each in named])
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def folder(self) -> Path:
        """Where relative paths start: the folder of the file."""
        return self._file.resolve().parent

    @property
    def output_folder(self) -> Path:
        """Where everything is written."""
        return self.folder / (self.output or f"studies/{self._file.stem}")

    def task(self, name: str) -> Task:
        """The task of that name, which exists."""
        return next(task for task in self.tasks if task.name == name)

    def frozen(self) -> dict[str, Any]:
        """What may not change once somebody has read: all but words and limits."""
        words = {"instructions", "version", "limit_seconds"}
        return self.model_dump(
            mode="json",
            exclude={"name": True, "private": True, "output": True, "tasks": {"__all__": words}},
        )


def load(path: Path, output: Path | None = None) -> Study:
    """The study in a TOML file.

    Args:
        path: The file.
        output: Folder of everything that is written, in place of what the file says.

    Raises:
        ExperimentError: The file is missing, is not TOML, or asks for what does not exist.
    """
    text, table = read_toml(path)
    if output is not None:
        table["output"] = str(output.absolute())
    try:
        study = Study.model_validate(table)
    except pydantic.ValidationError as error:
        tables: Mapping[str, type[pydantic.BaseModel]] = {
            "films": Films,
            "maps": Maps,
            "readers": Reader,
            "tasks": Task,
        }
        raise ExperimentError(explained(error, path, text, Study, tables)) from error
    study._file = path
    return study


def file_name(name: str) -> str:
    """A name as part of the name of a file."""
    return re.sub(r"[^\w.-]+", "_", name)[:80]


def _sharing(kind: str, names: Iterable[str]) -> Iterator[str]:
    """Names that would be written into one file."""
    first: dict[str, str] = {}
    for name in names:
        # Some file systems know no case.
        other = first.setdefault(file_name(name).casefold(), name)
        if other != name:
            yield f"{kind} {other!r} and {name!r} would be written into one file; rename one"


def _unknown_maps(maps: Sequence[Maps], tasks: Sequence[Task]) -> Iterator[str]:
    names = [each.name for each in maps]
    right = [each.name for each in maps if each.wrong_of is None]
    if NO_MAP in names:
        yield f"maps: {NO_MAP!r} stands for no map; choose another name"
    for each in maps:
        if each.wrong_of is not None and each.wrong_of not in right:
            yield f"maps {each.name!r}, wrong_of: {near_misses(each.wrong_of, right)}"
    for task in tasks:
        for name in task.shows:
            if name not in (NO_MAP, *names):
                known = near_misses(name, [NO_MAP, *names])
                yield f"task {task.name!r}, shows: no maps are named {name!r}; {known}"


def _told_names(maps: Iterable[str], tasks: Sequence[Task]) -> Iterator[str]:
    """Tasks whose words, which readers see, name what readers may not know."""
    for task in tasks:
        shown = " ".join([task.name, task.instructions, *task.scale, *task.places]).casefold()
        for name in maps:
            if name.casefold() in shown:
                yield (
                    f"task {task.name!r} names the maps {name!r} in words that readers see; call"
                    " them otherwise, since readers must not know which maps they see"
                )
