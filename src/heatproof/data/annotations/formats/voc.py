"""Pascal VOC: an XML file per film, in one folder, with upright boxes.

VOC's own films have the numbers of the first and last column and row, counted from 1, both inside
the box.  labelImg, CVAT, Label Studio and Roboflow write the edges of the box instead, counted from
0.  Nothing in a file tells which was meant: it is edges, unless ``counted_from=1`` is said.

Source: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/ (devkit).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal
from xml.etree import ElementTree as ET

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    StrayError,
    box,
    number,
    place_for,
    size_of,
)
from heatproof.data.annotations.shapes import Boxes
from heatproof.data.annotations.xml_files import read_xml, write_xml
from heatproof.errors import DataError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@formats.register("voc")
@dataclass(frozen=True)
class Voc:
    """Pascal VOC's files, all of a folder.

    Attributes:
        counted_from: 0 where numbers are edges of boxes, as most tools write them; 1 where they are
            numbers of pixels, as of VOC's own films.
    """

    counted_from: Literal[0, 1] = 0
    holds: ClassVar[Holds] = Holds(frozenset({"boxes"}), sizes=True, needs_size=True)

    def recognizes(self, path: Path) -> bool:
        """By the root of a file of the folder."""
        file = next(iter(sorted(path.rglob("*.xml"))), None) if path.is_dir() else path
        if file is None or file.suffix.lower() != ".xml":
            return False
        try:
            return read_xml(file).tag == "annotation"
        except DataError:
            return False

    def read(self, path: Path, beside: Beside) -> Markings:
        """The objects of every file."""
        files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path} has no XML file; expected Pascal VOC's, one per film")
        reading = Reading(path, beside)
        for file in files:
            with reading.item(file.name):
                self._file(file, reading)
        return reading.markings("Expected Pascal VOC's files, one per film.")

    def _file(self, file: Path, reading: Reading) -> None:
        root = read_xml(file)
        if root.tag != "annotation":
            raise DataError(f"{file} is no file of Pascal VOC: its root is {root.tag!r:.60}")
        size = size_of(root.findtext("size/height"), root.findtext("size/width"))
        said = (root.findtext("filename") or "").strip() or file.stem
        film = reading.film(said, size, reading.beside.reader)
        for count, item in enumerate(root.findall("object")):
            with reading.item(f"{file.name}, object {count}"):
                edges = item.find("bndbox")
                if edges is None:
                    raise DataError("no bndbox; turned boxes and polygons are not Pascal VOC's")
                x0, y0, x1, y1 = (number(edges.findtext(key), key) for key in _CORNERS)
                if x1 < x0 or y1 < y0:
                    raise StrayError(f"a box from {x0:g}, {y0:g} to {x1:g}, {y1:g}")
                shape = box(x0 - self.counted_from, y0 - self.counted_from, x1, y1)
                finding = reading.finding(item.findtext("name"))
                reading.add(film, Mark(finding, shape, reading.beside.reader))

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film below a folder."""
        for film in films:
            assert film.size is not None
            root = ET.Element("annotation")
            ET.SubElement(root, "filename").text = film.name
            sides = ET.SubElement(root, "size")
            for side, length in (("width", film.size[1]), ("height", film.size[0]), ("depth", 1)):
                ET.SubElement(sides, side).text = str(length)
            ET.SubElement(root, "segmented").text = "0"
            for mark in film.marks:
                assert isinstance(mark.shape, Boxes)
                ((x0, y0, x1, y1),) = mark.shape.boxes
                item = ET.SubElement(root, "object")
                ET.SubElement(item, "name").text = mark.finding
                for key, usual in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
                    ET.SubElement(item, key).text = usual
                place = ET.SubElement(item, "bndbox")
                first = self.counted_from
                for key, value in zip(_CORNERS, (x0 + first, y0 + first, x1, y1), strict=True):
                    ET.SubElement(place, key).text = _plain(value)
            write_xml(root, place_for(path, film.name, ".xml"))


def _plain(value: float | int) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
