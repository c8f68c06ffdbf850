"""What a study shows: films, and maps over them, as bytes for a browser.

A film travels at full resolution as 16-bit grey values (little-endian, row by row; 0 is black), a
map as the 256 levels of ``maps.render``, at most ``MAP_SIDE`` pixels long.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.data.annotations.contours import edges
from heatproof.data.annotations.readers import first_of, ranked_readers
from heatproof.data.annotations.references import reference_mask
from heatproof.data.tabular import read_rows
from heatproof.errors import ExperimentError, MapError, near_misses
from heatproof.experiment.films import OpenedData, open_one
from heatproof.localize.controls import Context, asks_finding, control_geometry, controls, prepared
from heatproof.maps import render
from heatproof.maps.store import StoredMap
from heatproof.reading.study import Maps, Study, Task
from heatproof.runs.folder import Run, open_run
from heatproof.types import Label, Sample

MAP_SIDE = 512


@dataclass(frozen=True)
class Picture:
    """Grey values for a browser.

    Attributes:
        height: Rows.
        width: Columns.
        signed: Whether the middle of the range is zero.
        data: The values.
    """

    height: int
    width: int
    signed: bool
    data: bytes


@dataclass(frozen=True)
class Cases:
    """The films of a study, opened and checked.

    Attributes:
        study: The study.
        opened: Its data set.
    """

    study: Study
    opened: OpenedData

    @classmethod
    def open(cls, study: Study) -> "Cases":
        """Open films, runs and maps.

        Raises:
            DataError: The data set is not what its description says.
            ExperimentError: A film or map that the study names does not exist, or a benchmark
                reader drew the reference.
        """
        opened = open_one(study.films, study.folder, refuse_missing=True)
        cases = cls(study, opened)
        cases._check_readers()
        for task in study.tasks:
            cases._check_films(task)
        for maps in study.maps:
            cases._check_maps(maps)
        return cases

    @cached_property
    def samples(self) -> Mapping[str, Sample]:
        """Films by identifier."""
        usable = self.opened.usable
        return {each.image_id: each for each in (usable[i] for i in range(len(usable)))}

    def films_of(self, task: Task) -> dict[str, Label]:
        """The films of a task with their labels, in the order of the data set."""
        wanted = self._reviewed(task) if task.run else set(task.films or self.samples)
        wanted |= set(task.training)
        return {
            name: sample.labels.get(task.finding)
            for name, sample in self.samples.items()
            if name in wanted
        }

    def film(self, image_id: str) -> Picture:
        """A film; raises PixelError where it cannot be read."""
        grey = np.rint(self.samples[image_id].pixels.read() * np.float32(65535)).astype("<u2")
        height, width = grey.shape
        return Picture(height, width, False, grey.tobytes())

    def map(self, name: str, image_id: str, finding: str) -> Picture:
        """A map over its film; raises MapError where there is none."""
        maps = self._named(name)
        if maps.wrong_of is not None:
            maps, image_id = self._named(maps.wrong_of), self._another(maps, image_id, finding)
        values = self._values(maps, image_id, finding)
        scale = MAP_SIDE / max(values.shape)
        if scale < 1:
            size = max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale))
            values = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        levels, signed = render.levels(values)
        height, width = levels.shape
        return Picture(height, width, signed, levels.tobytes())

    def suggestions(self, name: str, finding: str) -> dict[str, bool]:
        """What the model behind the map of each film calls: what the map suggests to a reader.

        Empty for maps without a model; films without a threshold, or judged twice, are left out.
        """
        maps = self._named(name)
        source = maps if maps.wrong_of is None else self._named(maps.wrong_of)
        if source.run is None:
            return {}
        rows = self._runs[source.name]["predictions"].frame.filter(
            (pl.col("finding") == finding) & pl.col("threshold").is_not_null()
        )
        if source.model is not None:
            rows = rows.filter(pl.col("model") == source.model)
        calls: dict[str, set[bool]] = {}
        for image_id, probability, threshold in rows.select(
            "image_id", "probability", "threshold"
        ).iter_rows():
            calls.setdefault(image_id, set()).add(probability >= threshold)
        shown = {
            film: film if maps.wrong_of is None else self._another(maps, film, finding)
            for film in self.samples
        }
        return {
            film: next(iter(calls[of])) for film, of in shown.items() if len(calls.get(of, ())) == 1
        }

    def reference(self, image_id: str, finding: str) -> list[list[tuple[float, float]]]:
        """Contours of what the reference standard marked, along the edges of pixels."""
        sample = self.samples[image_id]
        reader = first_of(ranked_readers([sample.annotations]), sample.annotations, finding)
        if reader is None:
            return []
        outer, _ = edges(reference_mask(sample, finding, reader))
        return [[(float(x), float(y)) for x, y in contour] for contour in outer]

    def _values(self, maps: Maps, image_id: str, finding: str) -> Float[np.ndarray, "y x"]:
        if maps.run is not None and maps.method is not None:
            run = self._runs[maps.name]
            return run.map(image_id, finding, maps.method, model=maps.model)
        control, make = self._controls[maps.name]
        sample = self.samples[image_id]
        made = make(sample, finding if asks_finding(control) else "", "")
        if not isinstance(made, StoredMap):
            raise MapError(f"maps {maps.name!r}: the control has no map of film {image_id!r}")
        values, geometry = made.over(control_geometry(control))
        return np.asarray(geometry.back(values, sample.pixels.size()))

    def _another(self, maps: Maps, image_id: str, finding: str) -> str:
        """Another film, whose label is the same where there is one, by the seed of the study."""
        label = self.samples[image_id].labels.get(finding)
        others = [name for name in self.samples if name != image_id]
        alike = [name for name in others if self.samples[name].labels.get(finding) == label]
        text = f"{maps.name}\0{image_id}".encode()
        generator = np.random.default_rng((self.study.seed, zlib.crc32(text)))
        names = alike or others
        return names[int(generator.integers(len(names)))]

    def _named(self, name: str) -> Maps:
        return next(each for each in self.study.maps if each.name == name)

    @cached_property
    def _runs(self) -> dict[str, Run]:
        folder = self.study.folder
        return {each.name: open_run(folder / each.run) for each in self.study.maps if each.run}

    @cached_property
    def _controls(self) -> dict[str, tuple[Any, Any]]:
        context = Context(self.opened.name, self.opened.samples, self.study.seed, "", ())
        named = [(each.name, controls.parse(each.control))
                 for each in self.study.maps if each.control]  # fmt: skip
        return {name: (control, prepared(control, context)) for name, control in named}

    def _reviewed(self, task: Task) -> set[str]:
        """The films of a run that came out as the task says, by the models whose maps it shows."""
        folder = self.study.folder / str(task.run)
        shown = [each.model for each in self.study.maps if each.name in task.shows]
        models = {model for model in shown if model is not None}
        called = open_run(folder)["predictions"].frame.filter(
            (pl.col("finding") == task.finding) & pl.col("label").is_not_null()
        )
        if models:
            called = called.filter(pl.col("model").is_in(sorted(models)))
        found: set[str] = set()
        columns = ("image_id", "label", "probability", "threshold")
        for image_id, label, probability, threshold in called.select(columns).iter_rows():
            if threshold is not None:
                sign = "positive" if probability >= threshold else "negative"
                truth = "true" if label == (sign == "positive") else "false"
                found |= {image_id} if f"{truth} {sign}" in task.outcomes else set()
        listed = folder / "tables" / "failures.csv"
        if listed.is_file():
            found |= {
                row["Film"]
                for row in read_rows(listed)
                if row["Failure"] in task.outcomes
                and row["Finding"] == task.finding
                and (not models or row["Model"] in models)
            }
        return found

    def _check_readers(self) -> None:
        benchmark = {r.name.casefold() for r in self.study.readers if r.role == "benchmark"}
        drew = {a.source for s in self.samples.values() for a in s.annotations}
        if both := sorted(name for name in drew if name.casefold() in benchmark):
            raise ExperimentError(
                f"reader {both[0]!r} is a benchmark reader, and drew annotations by which maps are"
                " judged; nobody can be both. Use another reader, or a data set without these marks"
            )

    def _check_films(self, task: Task) -> None:
        for name in (*(task.films or ()), *task.training):
            if name not in self.samples:
                raise ExperimentError(
                    f"task {task.name!r}: no film is called {name!r};"
                    f" {near_misses(name, self.samples)}"
                )
        cases = [name for name in self.films_of(task) if name not in task.training]
        if not cases:
            raise ExperimentError(
                f"task {task.name!r} has no film; expected at least one"
                + (
                    f", of {' or '.join(task.outcomes)}"
                    if task.run
                    else " that is no training film"
                )
            )
        if task.repeats > len(cases):
            raise ExperimentError(
                f"task {task.name!r}: repeats = {task.repeats}, and there are {len(cases)} films"
            )
        # Readers may outline what no film is labelled with; nothing else can be compared then.
        compared = task.kind in ("decision", "failures") or task.training
        if compared and task.finding not in self.opened.findings:
            raise ExperimentError(
                f"task {task.name!r}: the films have no finding {task.finding!r};"
                f" {near_misses(task.finding, self.opened.findings)}"
            )

    def _check_maps(self, maps: Maps) -> None:
        """Every map that a task shows exists; controls are made when they are shown."""
        if maps.run is None:
            if maps.control is not None:
                controls.parse(maps.control)
            return
        names = {maps.name, *(m.name for m in self.study.maps if m.wrong_of == maps.name)}
        for task in self.study.tasks:
            if names & set(task.shows):
                there = self._runs[maps.name].maps.filter(
                    (pl.col("method") == maps.method) & (pl.col("finding") == task.finding)
                )
                lacking = sorted(set(self.films_of(task)) - set(there["image_id"]))
                if lacking:
                    raise ExperimentError(
                        f"maps {maps.name!r}: {maps.run} has no map of {task.finding!r} by"
                        f" {maps.method!r} for {len(lacking)} films of task {task.name!r}, such as"
                        f" {lacking[0]!r}; heatproof runs lists what a run holds"
                    )
