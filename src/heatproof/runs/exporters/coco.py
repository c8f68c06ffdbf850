"""COCO: what each map calls the finding, as instances and as detections.

https://cocodataset.org/#format-data and #format-results.  ``instances.json`` has ``images``,
``categories`` and ``annotations``, one for each connected part of the mask of a map, as run lengths
with box and area in pixels of the film, and a ``score``; ``detections.json`` is the list of the
same as results, which evaluation servers and ``coco_detections`` of importers read.

The score of a part is its highest value as a share of the range of the map, times the probability
that the model gave to the finding, where it gave one: in [0, 1], so that detections of several
films can be ranked.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from heatproof.data.annotations import Part, cropped_parts, encode
from heatproof.data.annotations.run_lengths import lengths_of
from heatproof.maps.binarize import Binarizer, Otsu, binarizers, rescaled
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.exporters import exporters
from heatproof.tables.units import folder_name


@exporters.register("coco")
@dataclass(frozen=True)
class Coco:
    """Masks of maps as COCO instances and detections, a folder per data set, member and method.

    Attributes:
        binarize: What makes a mask of a map.
    """

    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """Both files of each data set, member and method."""
        groups: defaultdict[tuple[str, str, str], _File] = defaultdict(_File)
        for each in what.maps():
            row = each.row
            group = groups[row["data"], row["member"], row["method"]]
            group.add(each, self._parts(each, what.probability(each)))
        for place, group in groups.items():
            folder = to / "coco"
            for name in place:
                folder /= folder_name(name, name, digits=6)
            folder.mkdir(parents=True, exist_ok=True)
            info = {"description": f"{place[2]} of {place[1]}", "binarize": self._spelled}
            for name, content in group.files(info).items():
                (folder / name).write_text(json.dumps(content))
                yield folder / name

    @property
    def _spelled(self) -> str:
        return binarizers.spec(self.binarize)

    def _parts(self, each: MapOfFilm, probability: float | None) -> Iterator[dict[str, Any]]:
        mask, scaled = each.mask(self.binarize), rescaled(each.values("film"))
        if mask is None or scaled is None:
            return
        for part in cropped_parts(mask):
            height, width = part.mask.shape
            peak = float(scaled[part.place][part.mask].max())
            yield {
                "segmentation": {
                    "size": list(mask.shape),
                    "counts": lengths_within(part, mask.shape),
                },
                "bbox": [part.left, part.top, width, height],
                "area": int(part.mask.sum()),
                "score": peak if probability is None else peak * probability,
            }


def lengths_within(part: Part, size: tuple[int, ...]) -> str:
    """The run lengths of a part in a mask of that size, from those of its columns alone."""
    height, width = size
    columns = np.zeros((height, part.mask.shape[1]), bool)
    columns[part.place[0]] = part.mask
    lengths = lengths_of(encode(columns).counts).tolist()
    lengths[0] += height * part.left
    rest = height * (width - part.left) - columns.size
    if len(lengths) % 2:  # the last run is of background, as the first is
        lengths[-1] += rest
    elif rest:
        lengths.append(rest)
    coded = coco.frPyObjects({"size": [height, width], "counts": lengths}, height, width)
    counts: str = coded["counts"].decode("ascii")
    return counts


class _File:
    """What one data set, member and method has, with numbers for films and findings."""

    def __init__(self) -> None:
        self._images: dict[str, dict[str, Any]] = {}
        self._findings: dict[str, int] = {}
        self._annotations: list[dict[str, Any]] = []

    def add(self, each: MapOfFilm, parts: Iterator[dict[str, Any]]) -> None:
        """Add the parts of one map."""
        height, width = each.size
        image = {"file_name": each.image_id, "height": height, "width": width}
        number = len(self._images) + 1
        image = self._images.setdefault(each.image_id, {"id": number, **image})
        category = self._findings.setdefault(each.row["finding"], len(self._findings) + 1)
        place = {"image_id": image["id"], "category_id": category, "iscrowd": 0}
        for part in parts:
            self._annotations.append({"id": len(self._annotations) + 1, **place, **part})

    def files(self, info: dict[str, str]) -> dict[str, Any]:
        """The content of both files, by name."""
        kept = ("image_id", "category_id", "segmentation", "bbox", "score")
        return {
            "instances.json": {
                "info": info,
                "images": list(self._images.values()),
                "categories": [{"id": n, "name": name} for name, n in self._findings.items()],
                "annotations": self._annotations,
            },
            "detections.json": [{key: one[key] for key in kept} for one in self._annotations],
        }
