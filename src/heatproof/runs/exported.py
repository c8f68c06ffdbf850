"""What leaves a run: its tables and maps, with the identifiers that may leave.

Every exporter takes identifiers, film files and maps from here, so that pseudonyms stand in all
formats or in none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32

from heatproof.data.pseudonyms import Kind, Pseudonyms
from heatproof.errors import ExperimentError, MapError
from heatproof.maps.binarize import Binarizer, PerFinding
from heatproof.maps.store import StoredMap
from heatproof.runs.folder import Frame, Run
from heatproof.tables.scores import Scores
from heatproof.types import Sample

_KINDS: dict[str, Kind | Literal["cluster"]] = {
    "image_id": "film", "image_id_b": "film", "patient": "patient", "study": "study",
    "cluster": "cluster", "cluster_b": "cluster",
}  # fmt: skip
"""Columns that hold identifiers of people and films, and of what."""
_WORDS = ("reason",)  # columns whose words name files


@dataclass(frozen=True)
class MapOfFilm:
    """One stored map, before it is written.

    Attributes:
        row: Data set, model, member, method, film and finding, as the run knows them.
        image_id: The film, by the name that may leave.
        stored: The map at its own resolution.
        geometry: What lays it over its film.
        size: Height and width of the film.
    """

    row: Mapping[str, str]
    image_id: str
    stored: StoredMap
    geometry: Any
    size: tuple[int, int]

    def values(self, frame: Frame) -> Float32[np.ndarray, "y x"]:
        """Its values, over the film or at its own resolution."""
        if frame == "native":
            return self.stored.values
        values, geometry = self.stored.over(self.geometry)
        return np.asarray(geometry.back(values, self.size))

    def mask(self, binarize: Binarizer) -> Bool[np.ndarray, "h w"] | None:
        """What a binarizer makes of it over its film; None where that is undefined."""
        if isinstance(binarize, PerFinding):
            binarize = binarize.at(self.row["finding"])
        return binarize(self.values("film"))

    @property
    def shown(self) -> dict[str, str]:
        """Its place, with the name of the film that may leave."""
        return {**self.row, "image_id": self.image_id}


@dataclass(frozen=True)
class Exported:
    """What of a run is written, and how.

    Attributes:
        run: The run.
        frame: Whether maps lie over their films, or have the resolution of the method.
        films: The films by data set and identifier; empty where nobody said where they lie.
        pseudonyms: Pseudonyms in place of identifiers; None where identifiers stay.
    """

    run: Run
    frame: Frame = "native"
    films: Mapping[tuple[str, str], Sample] = field(default_factory=dict)
    pseudonyms: Pseudonyms | None = None

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Every table that is there, by name."""
        for name in self.run.tables:
            yield name, self._shown(self.run[name].frame)

    def maps(self) -> Iterator[MapOfFilm]:
        """Every map, read when its turn comes.

        Raises:
            MapError: A map is damaged, or none was kept.
        """
        if self.run.keeps == "none":
            raise MapError(
                f"{self.run.folder} has no maps: [explain] keep = 'none' let go of them once they"
                " were scored; a run with keep = 'all' makes them again"
            )
        for row in self.run.maps.iter_rows(named=True):
            stored, geometry = self.run.stored(row)
            film = self._name("film", row["image_id"])
            yield MapOfFilm(row, film, stored, geometry, self.run.size(row))

    def film(self, each: MapOfFilm) -> Sample:
        """The film of a map.

        Raises:
            ExperimentError: Nobody said where films lie, or it is not there, or has another size.
        """
        place = each.row["data"], each.row["image_id"]
        if not self.films:
            raise ExperimentError(
                "this format refers to the films, and a run does not say where they lie; say it:"
                " --films EXPERIMENT.toml"
            )
        if place not in self.films:
            raise ExperimentError(
                f"the data set {place[0]!r} of --films has no film {place[1]!r}, of which the run"
                " has a map; is it the experiment of this run?"
            )
        film = self.films[place]
        if film.pixels.size() != each.size:
            raise ExperimentError(
                f"film {place[1]!r} has {film.pixels.size()} pixels (down, across), and its map"
                f" was made of {each.size}; was the file replaced?"
            )
        return film

    def probability(self, each: MapOfFilm) -> float | None:
        """The probability that the model gave to the finding; None where it gave none."""
        return self._probabilities.get(_place(each.row))

    def scores(self, each: MapOfFilm) -> Iterator[tuple[str, str, float]]:
        """Reader, metric and value of every score of a map that is defined."""
        found = self._scores.get((*_place(each.row), each.row["method"]), ())
        yield from (score for score in found if np.isfinite(score[2]))

    @cached_property
    def _probabilities(self) -> dict[tuple[str, ...], float]:
        if "predictions" not in self.run.tables:
            return {}
        frame = self.run["predictions"].frame.filter(pl.col("probability").is_finite())
        columns = ("data", "model", "member", "image_id", "finding", "probability")
        return {tuple(row[:-1]): row[-1] for row in frame.select(columns).iter_rows()}

    @cached_property
    def _scores(self) -> dict[tuple[str, ...], list[tuple[str, str, float]]]:
        if Scores.name not in self.run.tables:
            return {}
        frame = self.run[Scores.name].frame.filter(pl.col("metric").is_not_null())
        columns = ("data", "model", "member", "image_id", "finding", "method", "reader", "metric",
                   "value")  # fmt: skip
        found: dict[tuple[str, ...], list[tuple[str, str, float]]] = {}
        for *place, reader, metric, value in frame.select(columns).iter_rows():
            found.setdefault(tuple(place), []).append((reader, metric, value))
        return found

    def _shown(self, table: pl.DataFrame) -> pl.DataFrame:
        if self.pseudonyms is None:
            return table
        hidden = {name: kind for name, kind in _KINDS.items() if name in table.columns}
        return table.with_columns(
            pl.Series(name, [self._hidden(kind, cell) for cell in table[name]], pl.String)
            for name, kind in hidden.items()
        ).with_columns(
            pl.when(pl.col(name).is_not_null()).then(pl.lit("(not shown)")).alias(name)
            for name in _WORDS
            if name in table.columns
        )

    def _hidden(self, kind: Kind | Literal["cluster"], cell: str | None) -> str | None:
        if cell is None or self.pseudonyms is None:
            return cell
        if kind == "cluster":
            return self.pseudonyms.cluster(cell)
        return self.pseudonyms.of(kind, cell)

    def _name(self, kind: Kind, name: str) -> str:
        return name if self.pseudonyms is None else self.pseudonyms.of(kind, name)


def _place(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[key] for key in ("data", "model", "member", "image_id", "finding"))


def films_of(experiment: Path) -> dict[tuple[str, str], Sample]:
    """The films of an experiment file, by data set and identifier; their pixels are unread.

    Raises:
        ExperimentError: The file cannot be read.
        DataError: A data set is not what its description says.
    """
    from heatproof.experiment.file import load  # here: few formats need films
    from heatproof.experiment.films import open_data, pseudonymous

    described = load(experiment)
    opened = pseudonymous(described, open_data(described))
    return {(name, film.image_id): film for name, data in opened.items() for film in data.samples}
