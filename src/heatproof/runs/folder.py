"""``open``: one run, read from its folder; neither its experiment, models nor films are needed."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float32

from heatproof.data.geometry import geometries
from heatproof.errors import ExperimentError, MapError, near_misses
from heatproof.experiment.claim import RUN, read_claim
from heatproof.maps.store import MapStore, StoredMap
from heatproof.parquet import read_own
from heatproof.tables import Described, Table
from heatproof.tables.choices import Choices
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.diagnoses import Diagnoses
from heatproof.tables.estimates import Estimates
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.films import Films
from heatproof.tables.headers import Headers
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Called
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.tables.units import folder_name
from heatproof.tables.verdicts import Verdicts
from heatproof.types import MapKey, ModelId

if TYPE_CHECKING:
    from heatproof.analysis.scorecard import WithMap
    from heatproof.runs.comparison import RunComparison
    from heatproof.runs.scorecard import RunScorecard

TABLES: tuple[type[Table], ...] = (
    Estimates, Verdicts, Comparisons, Diagnoses, Films, Headers, Called, Scores, Shapes,
    OnStructures, Pairs, FidelityOfMaps, Choices,
)  # fmt: skip
"""The tables beside a report, in the order in which they are read."""
_PLACE = ("data", "model", "member", "method", "image_id", "finding")
Frame = Literal["film", "native"]


@dataclass(frozen=True, repr=False)
class Run:
    """A run that was begun, and perhaps finished.

    Attributes:
        folder: Where it lies.
        about: What ``run.json`` says: settings, data, versions, machine, dates.
    """

    folder: Path
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What its experiment is called."""
        return str(self.about["experiment"])

    @property
    def state(self) -> str:
        """``"finished"``, or ``"begun"`` where it goes on, or ended before the report."""
        return "finished" if self.about.get("finished") else "begun"

    @property
    def data(self) -> tuple[str, ...]:
        """Names of its data sets."""
        asked = self.about.get("asked", {}).get("data", ())
        return tuple(entry["name"] for entry in asked) or tuple(self.about.get("data") or ())

    @property
    def models(self) -> tuple[str, ...]:
        """Names of its models, and of the models behind imported maps."""
        asked = self.about.get("asked", {})
        entries = [*asked.get("models", ()), *asked.get("maps", ())]
        return tuple(dict.fromkeys(entry.get("group") or entry["name"] for entry in entries))

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def keeps(self) -> str:
        """Which maps stayed, as ``[explain] keep`` asked: ``all``, ``sampled`` or ``none``."""
        return str(self.about.get("asked", {}).get("explain", {}).get("keep", "all"))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that are there."""
        return tuple(table.name for table in TABLES if self._file(table).is_file())

    def __getitem__(self, name: str) -> Table:
        """A table: its rows are ``.frame``, and ``.describe()`` says what its columns mean.

        Raises:
            ExperimentError: There is no such table, and the message says which there are; or its
                file is damaged.
        """
        kinds = {table.name: table for table in TABLES}
        if name not in self.tables:
            hint = "" if name in kinds else f"; {near_misses(name, kinds)}"
            raise ExperimentError(
                f"{self.folder} has no table {name!r}{hint or f': it is {self.state}'};"
                " heatproof report EXPERIMENT.toml writes those of a run"
            )
        file = self._file(kinds[name])
        try:
            return kinds[name].of_file(read_own(file.stem, file.read_bytes()))
        except (OSError, ValueError) as error:
            raise ExperimentError(
                f"{file} cannot be read: {error}; heatproof report EXPERIMENT.toml writes it anew"
            ) from error

    @property
    def verdicts(self) -> pl.DataFrame:
        """The trust grid, one row per data set, finding, rule, criterion and method."""
        return self[Verdicts.name].frame

    def describe(self) -> Described:
        """Every column of every table that is there, and what it means."""
        kinds = [table for table in TABLES if table.name in self.tables]
        parts = [
            kind.describe().select(pl.lit(kind.name).alias("table"), pl.all()) for kind in kinds
        ]
        nothing = pl.DataFrame(schema=["table", "column", "type", "meaning"])
        return Described(pl.concat(parts) if parts else nothing)

    @cached_property
    def maps(self) -> pl.DataFrame:
        """Which maps there are: data set, model, member, method, film and finding of each."""
        rows = []
        for member in self._members:
            known = ModelId.of_rest(member["id"])
            place = (member["data"], member["model"], member["member"])
            rows += [
                (*place, key.method, key.image_id, key.finding)
                for key in self._store(member["data"])
                if key.model == known
            ]
        return pl.DataFrame(rows, dict.fromkeys(_PLACE, pl.String), orient="row")

    def map(
        self,
        image_id: str,
        finding: str,
        method: str,
        *,
        model: str | None = None,
        data: str | None = None,
        frame: Frame = "film",
    ) -> Float32[np.ndarray, "y x"]:
        """One map, as the method made it: raw, and signed where the method is.

        Args:
            image_id: The film.
            finding: The finding.
            method: Spec of the method.
            model: Name of the model, or of a member of it; needed where several judged the film.
            data: Name of the data set; needed where several have the film.
            frame: ``"film"`` lays it over the film, pixel by pixel; ``"native"`` leaves it at the
                resolution of the method.

        Raises:
            MapError: There is no such map, or several; the message says what there is.
        """
        asked = {"image_id": image_id, "finding": finding, "method": method, "data": data}
        found = self.maps.filter(*(pl.col(k) == v for k, v in asked.items() if v is not None))
        if model is not None:
            found = found.filter((pl.col("model") == model) | (pl.col("member") == model))
        if len(found) != 1:
            raise MapError(self._told(found, asked | {"model": model}))
        return self.read_map(found.row(0, named=True), frame)

    def read_map(self, row: Mapping[str, str], frame: Frame) -> Float32[np.ndarray, "y x"]:
        """The map of a row of ``maps``; raises MapError where it is damaged."""
        stored, geometry = self.stored(row)
        if frame == "native":
            return stored.values
        values, geometry = stored.over(geometry)
        return np.asarray(geometry.back(values, self.size(row)))

    def stored(self, row: Mapping[str, str]) -> tuple[StoredMap, Any]:
        """The map of a row of ``maps`` as stored, and the geometry that lays it over its film."""
        [member] = [
            member for member in self._members
            if all(member[key] == row[key] for key in ("data", "model", "member"))
        ]  # fmt: skip
        key = MapKey(ModelId.of_rest(member["id"]), row["method"], row["image_id"], row["finding"])
        return self._store(row["data"]).get(key), geometries.parse(member["geometry"])

    def size(self, row: Mapping[str, str]) -> tuple[int, int]:
        """Height and width of the film of a row, in pixels; raises MapError where unknown."""
        place = row["data"], row["image_id"]
        if place not in self._sizes:
            raise MapError(
                f"{self.folder} does not tell the size of film {place[1]!r}; the command of the"
                ' run, given again, writes it, and frame="native" needs none'
            )
        return self._sizes[place]

    def compare(self, other: "Run | str | Path") -> "RunComparison":
        """This run beside another, paired by film: the other minus this one."""
        from heatproof.runs.comparison import compare  # which reads runs

        return compare(self, other if isinstance(other, Run) else open_run(other))

    def scorecard(self, reading: "Sequence[WithMap]" = ()) -> "RunScorecard":
        """Each method by consistency, plausibility, fidelity and usefulness.

        Args:
            reading: What readers gained with the maps, for usefulness.

        Raises:
            ExperimentError: The run is not finished.
        """
        from heatproof.runs.scorecard import scorecard_of  # which reads runs

        return scorecard_of(self, reading)

    def __repr__(self) -> str:
        return "\n".join(f"{key:<9} {value}" for key, value in self.summary().items())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
            for key, value in self.summary().items()
        )
        return f"<table><caption>{html.escape(self.name)}</caption>{rows}</table>"

    def summary(self) -> dict[str, str]:
        """What it is, in a few words each."""
        has_verdicts = Verdicts.name in self.tables
        verdicts = self.verdicts["verdict"].to_list() if has_verdicts else []
        counts = {word: verdicts.count(word) for word in dict.fromkeys(verdicts)}
        return {
            "folder": str(self.folder),
            "state": self.state,
            "begun": str(self.about.get("begun", "")),
            "finished": str(self.about.get("finished") or ""),
            "data": ", ".join(self.data),
            "models": ", ".join(self.models),
            "verdicts": ", ".join(f"{count} {word}" for word, count in counts.items()),
            "tables": ", ".join(self.tables),
        }

    @property
    def _members(self) -> Sequence[Mapping[str, Any]]:
        members: Sequence[Mapping[str, Any]] = self.about.get("members", ())
        return members

    @cached_property
    def _sizes(self) -> dict[tuple[str, str], tuple[int, int]]:
        headers = self[Headers.name].frame.select("data", "image_id", "height", "width")
        return {(data, film): (height, width) for data, film, height, width in headers.iter_rows()}

    def _store(self, data: str) -> MapStore:
        return MapStore(self.folder / "maps" / folder_name(data, data, digits=6))

    def _file(self, table: type[Table]) -> Path:
        return self.folder / f"{table.name}.parquet"

    def _told(self, found: pl.DataFrame, asked: Mapping[str, str | None]) -> str:
        what = ", ".join(f"{key} {value!r}" for key, value in asked.items() if value is not None)
        if len(found):
            which = ", ".join(
                " of ".join(row) for row in found.select("model", "data").unique().iter_rows()
            )
            return f"{len(found)} maps of {what}: {which}; say model=... or data=..."
        if self.keeps != "all":
            return (
                f"{self.folder} has no map of {what}: [explain] keep = {self.keeps!r} let go of"
                " maps once they were scored; a run with keep = 'all' makes them again"
            )
        for key, value in asked.items():
            there = set(self.maps[key]) | (set(self.maps["member"]) if key == "model" else set())
            if value is not None and value not in there:
                return f"{self.folder} has no map of {key} {value!r}; {near_misses(value, there)}"
        return f"{self.folder} has no map of {what}; .maps lists what there is"


def open_run(folder: str | Path) -> Run:
    """The run in a folder.

    Raises:
        ExperimentError: It holds none.
    """
    path = Path(folder)
    about = read_claim(path)
    if about is None:
        raise ExperimentError(
            f"{path} holds no run: there is no {RUN} in it, or a damaged one; heatproof runs lists"
            " the runs below a folder, and the command of a run writes the file anew"
        )
    return Run(path, about)
