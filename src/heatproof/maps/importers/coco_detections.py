"""Detections in the format of COCO's results: each pixel's highest score of a box that holds it.

https://cocodataset.org/#format-results: a JSON list of ``{image_id, category_id, score}`` with
``bbox`` ``[x, y, width, height]`` or ``segmentation`` (run lengths) in pixels of the film.  What
the numbers of films and findings mean stands in ``images`` and ``categories`` of a COCO file.  A
film of that file without a detection has a map of zeros, and a probability of 0.

A map has cells of equal size, ``side`` on its longer side, and takes the detections at the centre
of each cell.  The highest score is the probability.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from heatproof.data.annotations.coco_shapes import run_lengths
from heatproof.data.tabular import read_json
from heatproof.data.tabular.spellings import name as spelled
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError, MapError, SpecError
from heatproof.maps.arrays import files_below
from heatproof.maps.importers import FoundMap, ImportedMap, importers
from heatproof.maps.naming import KnownFilms

_HINT = "name the COCO file with images and categories by annotations=... of the importer"


@importers.register("coco_detections")
@dataclass(frozen=True)
class CocoDetections:
    """Boxes or run lengths with scores, all films in one file.

    Attributes:
        annotations: COCO file with the ``images`` and ``categories``; None where the detections
            stand as ``annotations`` in such a file themselves.
        side: Cells of the longer side of each map.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    annotations: Path | None = None
    side: int = 512

    def __post_init__(self) -> None:
        if self.side < 1:
            raise SpecError(f"side={self.side}: expected at least 1")

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """A map of every film and finding that the files list."""
        return [
            found
            for file, name in files_below(folder, self.suffixes)
            if self.annotations is None or not file.samefile(self.annotations)
            for found in self._maps(file, name, known)
        ]

    def _maps(self, file: Path, name: str, known: KnownFilms) -> list[FoundMap]:
        content = _json(file)
        described = _json(self.annotations) if self.annotations else content
        images, findings = _listed(described, self.annotations or file)
        if not set(known.findings) & {*findings.values()}:
            raise MapError(
                f"{self.annotations or file} has the categories"
                f" {', '.join(map(repr, findings.values()))}, none of which is a finding of"
                f" {known.data!r}; {known.described()}"
            )
        detections = content.get("annotations") if isinstance(content, Mapping) else content
        if not isinstance(detections, list):
            raise MapError(f"{file} is no list of detections, as COCO's results are")
        drawn = _by_place(detections, images, findings, file)
        return [
            FoundMap(
                file,
                f"{name}, {finding} of {image.get('file_name')}",
                partial(self._read, image, finding, drawn.get((number, category), []), known, file),
            )
            for number, image in images.items()
            for category, finding in findings.items()
            if finding in known.findings
        ]

    def _read(
        self,
        image: Mapping[str, Any],
        finding: str,
        detections: Sequence[Mapping[str, Any]],
        known: KnownFilms,
        file: Path,
    ) -> ImportedMap:
        film = _film(str(image.get("file_name")), known)
        if film is None:
            raise MapError(
                f"{file}: an image is named {image.get('file_name')!r}, which {known.data!r} does"
                f" not have; {known.described()}"
            )
        height, width = whole(image.get("height")), whole(image.get("width"))
        if not height or not width or min(height, width) < 1:
            raise MapError(f"{file}: image {film!r} has no height and width; {_HINT}")
        size, values = (height, width), self._empty(height, width)
        for detection in detections:
            score = _score(detection, file)
            np.maximum(values, score * _inside(detection, size, values.shape, file), out=values)
        return ImportedMap(film, finding, values, float(values.max()), None, size)

    def _empty(self, height: int, width: int) -> Float32[np.ndarray, "y x"]:
        smaller = min(1.0, self.side / max(height, width))
        return np.zeros(
            (max(1, round(height * smaller)), max(1, round(width * smaller))), np.float32
        )


def _json(file: Path) -> Any:
    try:
        return read_json(file)
    except DataError as error:
        raise MapError(str(error)) from error


def _listed(content: Any, file: Path) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """Images by id, and findings by id of their category."""
    lists = [content.get(key) if isinstance(content, Mapping) else None
             for key in ("images", "categories")]  # fmt: skip
    images, categories = ([e for e in entries or [] if isinstance(e, Mapping)] for entries in lists)
    if not images or not categories:
        raise MapError(f"{file} does not list images and categories; {_HINT}")
    by_number = {str(spelled(image.get("id"))): image for image in images}
    return by_number, {str(spelled(c.get("id"))): str(c.get("name")) for c in categories}


def _by_place(
    detections: Sequence[Any], images: Mapping[str, Any], findings: Mapping[str, str], file: Path
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    drawn = defaultdict(list)
    for number, detection in enumerate(detections):
        if not isinstance(detection, Mapping):
            raise MapError(f"{file}, detection {number}: found {detection!r}, expected an object")
        place = str(spelled(detection.get("image_id"))), str(spelled(detection.get("category_id")))
        if place[0] not in images or place[1] not in findings:
            raise MapError(
                f"{file}, detection {number}: image {place[0]} or category {place[1]} is not"
                " listed; do the detections belong to another COCO file?"
            )
        drawn[place].append(detection)
    return drawn


def _film(name: str, known: KnownFilms) -> str | None:
    return known.film(name) or known.film(name.rpartition("/")[2])


def _score(detection: Mapping[str, Any], file: Path) -> np.float32:
    score = detection.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise MapError(f"{file}: a detection has the score {score!r}, expected a number in [0, 1]")
    return np.float32(score)


def _inside(
    detection: Mapping[str, Any], size: tuple[int, int], cells: tuple[int, ...], file: Path
) -> np.ndarray:
    """Whether the centre of each cell lies inside a detection."""
    rows, columns = (
        (np.arange(count) + 0.5) * length / count for count, length in zip(cells, size, strict=True)
    )
    match detection.get("bbox"), detection.get("segmentation"):
        case _, dict(segmentation) if segmentation:
            mask = _mask(segmentation, size, file)
            inside: np.ndarray = mask[np.ix_(rows.astype(int), columns.astype(int))]
            return inside
        case [
            int() | float() as x,
            int() | float() as y,
            int() | float() as wide,
            int() | float() as high,
        ], None | []:
            try:
                left, top, right, bottom = map(float, (x, y, x + wide, y + high))
            except OverflowError as error:  # of an integer with hundreds of digits
                raise MapError(f"{file}: a detection has a bbox beyond any film") from error
            down = (rows >= top) & (rows < bottom)
            across = (columns >= left) & (columns < right)
            return np.outer(down, across)
    raise MapError(
        f"{file}: a detection has neither bbox = [x, y, width, height] alone nor a segmentation of"
        " run lengths; polygons are not read"
    )


def _mask(segmentation: Mapping[str, Any], size: tuple[int, int], file: Path) -> np.ndarray:
    try:
        return run_lengths(segmentation).mask(*size)
    except ValueError as error:  # an AnnotationError is one, too
        raise MapError(f"{file}: a detection cannot be read: {error}") from error
