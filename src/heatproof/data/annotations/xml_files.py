"""XML as annotation tools write it, read safely.

A document type declaration is refused: entities that are declared there may grow without bound, or
name other files, and no annotation tool writes one.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

from heatproof.disk import is_file
from heatproof.errors import DataError


class _Plain(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise DataError(f"a document type declaration ({name}), which no annotation tool writes")


def read_xml(path: Path) -> ET.Element:
    """The root of an XML file.

    Raises:
        DataError: The file is missing, not XML, or declares a document type.
    """
    if not is_file(path):
        raise DataError(f"{path}: there is no such file")
    parser = ET.XMLParser(target=_Plain())
    try:
        parser.feed(path.read_bytes())
        root: ET.Element = parser.close()
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (ET.ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"{path} is not XML: {error}") from error
    return root


def write_xml(root: ET.Element, path: Path) -> None:
    """Write an XML file, indented."""
    ET.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
