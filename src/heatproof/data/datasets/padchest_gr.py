"""PadChest-GR: 4,555 films with reports in sentences, shown by boxes of two readers or by none.

Point at the folder that BIMCV sends::

    [data]
    dataset = "padchest_gr"
    root = "BIMCV-PadChest-GR"
    split = "test"

=====================================  ============================================================
file                                   holds
=====================================  ============================================================
``grounded_reports_20240819.json``     a list of films: ``StudyID``, ``ImageID`` (a file) and
                                       ``findings``, each a sentence (``sentence_en``,
                                       ``sentence_es``) that is ``abnormal`` or not, with its
                                       ``labels``, ``locations``, and ``boxes`` and ``extra_boxes``:
                                       ``[x0, y0, x1, y1]`` of the first and the second reader, as
                                       shares of the sides of the film
``master_table.csv``                   a row per film and label: ``StudyID``, ``ImageID``,
                                       ``PatientID``, ``PatientAge``, ``PatientSex_DICOM`` and
                                       ``split``
``Padchest_GR_files``                  the films, PNG of 16 bits
=====================================  ============================================================

A finding is present where an abnormal sentence has it among its labels, absent where only a normal
one has, and absent on a film whose sentences do not name it, since reports are complete.  A
sentence without a box is one that readers could not show; ``phrases`` lists all.

Traps.  A sentence may have several labels, which share its boxes; so do its annotations.  Boxes are
shares, and not pixels.  Films are of 16 bits with values of their own range, so that the whitest is
far below 65,535; ``percentiles`` spreads them.

Download: https://bimcv.cipf.es/bimcv-projects/padchest-gr/ (a form).  Licence: BIMCV's research use
agreement; no film may be passed on.  Source: de Castro et al., NEJM AI 2025,
https://arxiv.org/abs/2411.05085.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from heatproof.data.annotations.consensus import Rule, consensus
from heatproof.data.annotations.shapes import Box, Boxes
from heatproof.data.datasets import datasets
from heatproof.data.decoding.levels import Levels
from heatproof.data.phrases import Phrase
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, find_table, read_json, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.disk import is_file
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Annotation, Label, Sample, Shape

_REPORTS, _TABLE = "grounded_reports_20240819.json", "master_table.csv"
_READERS = {"boxes": "reader 1", "extra_boxes": "reader 2"}
_SHARES = (1, 1)  # frame of boxes that are shares of the sides
_OVERHANG = 0.01


@datasets.register("padchest_gr")
@dataclass(frozen=True)
class PadChestGR(Listed):
    """PadChest-GR: sentences of reports with boxes of two readers.

    Attributes:
        root: The folder with the reports, the table and the films.
        split: ``"all"`` films, or a part of the official split.
        consensus: Which pixels are the reference: those that both readers marked (``"majority"`` or
            ``"intersection"``), or any of them (``"union"``); ``"none"`` makes no reference.
        readers: Whether the marks of each reader are kept, too, as further sources.
        images: Folder of the films; the root unless told.
        percentiles: Those of each film's values that become black and white.
    """

    root: Path | str
    split: Literal["all", "train", "validation", "test"] = "all"
    consensus: Literal["majority", "union", "intersection", "none"] = "none"
    readers: bool = True
    images: Path | str | None = None
    percentiles: tuple[float, float] | None = (0.0, 100.0)

    @property
    def findings(self) -> tuple[str, ...]:
        """The labels of all sentences of the data set, in alphabetical order."""
        named = chain.from_iterable(phrase.findings for of in self._films.values() for phrase in of)
        return tuple(sorted(set(named)))

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """Each sentence of the films of the split, with the boxes of those who could show it."""
        kept = {film.image_id for film in self._samples}
        every = chain.from_iterable(self._films.values())
        return tuple(phrase for phrase in every if phrase.image_id in kept)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        rows = self._rows
        kept = [
            name
            for name in self._films
            if self.split == "all" or (name in rows and rows[name]["split"] == self.split)
        ]
        if not kept:
            raise DataError(f"{self.root} has no film of the split {self.split!r}")
        paths = find_films(Path(self.images or self.root), map(_stem, kept), ".png")
        every = self.findings
        return tuple(self._sample(name, rows.get(name), paths[_stem(name)], every) for name in kept)

    def _sample(
        self, name: str, row: TableRow | None, path: Path, findings: tuple[str, ...]
    ) -> Sample:
        phrases = self._films[name]
        shown = [phrase for phrase in phrases if phrase.present]
        present = set(chain.from_iterable(phrase.findings for phrase in shown))
        labels: dict[str, Label] = {finding: finding in present for finding in findings}
        metadata: dict[str, str | float] = {
            "phrases": float(len(phrases)),
            "phrases not grounded": float(sum(not phrase.grounded for phrase in shown)),
        }
        for key, column in (("sex", "PatientSex_DICOM"), ("age", "PatientAge")):
            if row is not None and row.values.get(column, "").strip():
                metadata[key] = row[column]
        return Sample(
            image_id=_stem(name),
            pixels=ImageFile(path, None, Levels(percentiles=self.percentiles)),
            patient_id=(row.values.get("PatientID", "").strip() or None) if row else None,
            labels=labels,
            annotations=tuple(self._marks(shown)),
            study_id=row["StudyID"] if row else "",
            metadata=metadata,
        )

    def _marks(self, shown: list[Phrase]) -> Iterator[Annotation]:
        for finding in dict.fromkeys(chain.from_iterable(phrase.findings for phrase in shown)):
            boxes: dict[str, list[Box]] = {}
            for phrase in shown:
                if finding in phrase.findings:
                    for reader, region in phrase.regions.items():
                        boxes.setdefault(reader, []).extend(region.boxes)
            shapes: dict[str, Shape] = {
                reader: Boxes(tuple(of), _SHARES) for reader, of in boxes.items()
            }
            if self.consensus != "none":
                rule: Rule = self.consensus
                agreed = consensus([*shapes.values()], len(_READERS), rule)
                if agreed is not None:
                    yield Annotation(finding, REFERENCE, agreed)
            if self.readers or self.consensus == "none":
                yield from (Annotation(finding, *mark) for mark in shapes.items())

    @cached_property
    def _rows(self) -> dict[str, TableRow]:
        """The first row of each film in the table; it has one for each label."""
        table = find_table([Path(self.root)], [_TABLE])
        if table is None:
            if self.split == "all":
                return {}
            raise DataError(f"{self.root} has no {_TABLE}, which names the split")
        rows: dict[str, TableRow] = {}
        for row in read_rows(table):
            rows.setdefault(row["ImageID"], row)
        return rows

    @cached_property
    def _films(self) -> Mapping[str, tuple[Phrase, ...]]:
        """The sentences of each film; raises DataError with all problems."""
        path = Path(self.root) / _REPORTS
        if not is_file(path):
            named = sorted(Path(self.root).glob("grounded_reports_*.json"))
            if len(named) != 1:
                raise DataError(
                    f"{self.root} has no {_REPORTS}; expected root = the folder of PadChest-GR"
                )
            path = named[0]
        content = read_json(path)
        if not isinstance(content, list):
            raise DataError(f"{path}: expected a list of films")
        problems = Problems()
        films: dict[str, tuple[Phrase, ...]] = {}
        for number, film in enumerate(content):
            with problems.noted():
                name = film.get("ImageID") if isinstance(film, dict) else None
                found = film.get("findings") if isinstance(film, dict) else None
                if not isinstance(name, str) or not isinstance(found, list):
                    raise DataError(f"film number {number}: expected ImageID and findings")
                if name in films:
                    raise DataError(f"film {name} is listed twice")
                films[name] = tuple(_phrases(name, found, problems))
        problems.refuse(path)
        return films


def _phrases(name: str, found: list[Any], problems: Problems) -> Iterator[Phrase]:
    for number, finding in enumerate(found):
        place = f"film {name}, finding {number}"
        with problems.noted():
            match finding:
                case {"sentence_en": str(text), "abnormal": bool(present), "labels": list(labels)}:
                    pass
                case _:
                    raise DataError(f"{place}: expected sentence_en, abnormal and labels")
            if not all(isinstance(label, str) and label.strip() for label in labels):
                raise DataError(f"{place}: labels {labels!r:.60}, expected names")
            regions = {
                reader: Boxes(boxes, _SHARES)
                for key, reader in _READERS.items()
                if (boxes := _boxes(finding.get(key) or [], f"{place}, {key}"))
            }
            yield Phrase(
                _stem(name), text, tuple(label.strip() for label in labels), present, regions
            )


def _boxes(drawn: Any, place: str) -> tuple[Box, ...]:
    boxes = []
    for corners in drawn if isinstance(drawn, list) else [drawn]:
        try:
            x0, y0, x1, y1 = map(float, corners)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{place}: {corners!r:.60}, expected [x0, y0, x1, y1]") from None
        if not all(map(isfinite, (x0, y0, x1, y1))) or not (x1 > x0 and y1 > y0):
            raise DataError(f"{place}: {corners!r:.60}, expected x1 above x0 and y1 above y0")
        if min(x0, y0) < -_OVERHANG or max(x1, y1) > 1 + _OVERHANG:
            raise DataError(
                f"{place}: {corners!r:.60}, expected shares from 0 to 1; are they pixels?"
            )
        boxes.append((max(x0, 0.0), max(y0, 0.0), min(x1, 1.0), min(y1, 1.0)))
    return tuple(boxes)


def _stem(name: str) -> str:
    return Path(name).stem
