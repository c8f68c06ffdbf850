"""COCO annotation files: one JSON with images, categories and annotations.

An annotation is one instance: a polygon (of one or more contours), run lengths (compressed or
plain) or, where it has no segmentation, its box ``[x, y, width, height]``.  Polygons are filled
by the rules of ``heatproof.data.annotations``, which include the outline; COCO's own rasterizer can
differ by pixels of the outline.

Source: https://cocodataset.org/#format-data.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as coco

from heatproof.data.annotations import RLE, Boxes, Polygons
from heatproof.data.tables import read_json
from heatproof.errors import DataError, near_misses
from heatproof.types import Shape


def read_coco(path: Path) -> dict[str, dict[str, tuple[Shape, ...]]]:
    """Shapes by file name and finding; images without annotations are there, with no finding.

    Raises:
        DataError: The file is missing or malformed.
    """
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or not {"images", "annotations", "categories"} <= content.keys()
    ):
        raise DataError(f"{path} is no COCO file: expected images, annotations and categories")
    try:
        images = {image["id"]: image for image in content["images"]}
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        shapes: dict[str, defaultdict[str, list[Shape]]] = {
            str(image["file_name"]): defaultdict(list) for image in images.values()
        }
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: an image lacks id or file_name, or a category id or name"
            f" ({type(error).__name__}: {error})"
        ) from error
    for number, annotation in enumerate(content["annotations"]):
        where = f"{path}, annotation {annotation.get('id', f'number {number}')}"
        image = _known(annotation, "image_id", images, where)
        finding = _known(annotation, "category_id", categories, where)
        shapes[str(image["file_name"])][finding].append(_shape(annotation, image, where))
    return {
        name: {finding: tuple(drawn) for finding, drawn in findings.items()}
        for name, findings in shapes.items()
    }


def _known(annotation: Mapping[str, Any], key: str, known: Mapping[Any, Any], where: str) -> Any:
    value = annotation.get(key)
    if isinstance(value, list | dict) or value not in known:
        raise DataError(
            f"{where}: {key} {value!r} is not listed; {near_misses(str(value), map(str, known))}"
        )
    return known[value]


def _shape(annotation: Mapping[str, Any], image: Mapping[str, Any], where: str) -> Shape:
    size = (int(image["height"]), int(image["width"])) if "height" in image else None
    try:
        match annotation.get("segmentation"):
            case {"size": [height, width], "counts": str(counts)}:
                return RLE((height, width), counts, 1)
            case {"size": [height, width], "counts": list(counts)}:
                if sum(counts) != height * width:
                    raise ValueError(f"counts add up to {sum(counts)}, not {height} x {width}")
                plain = {"size": [height, width], "counts": counts}
                coded = coco.frPyObjects(plain, height, width)["counts"].decode("ascii")
                return RLE((height, width), coded, 1)
            case [*polygons] if polygons:
                pairs = (zip(flat[::2], flat[1::2], strict=True) for flat in polygons)
                contours = tuple(tuple((float(x), float(y)) for x, y in pair) for pair in pairs)
                return Polygons(contours, size, 1)
        x, y, width, height = (float(number) for number in annotation["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: neither polygons [[x, y, x, y, ...]], nor run lengths, nor a bbox"
            f" [x, y, width, height] ({type(error).__name__}: {error})"
        ) from error
    return Boxes(((x, y, x + width, y + height),), size)
