"""Writes docs/reference/annotation-formats.md: what each format of annotations can hold, from the formats themselves.

python docs/annotation_formats.py
"""

from pathlib import Path

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import KINDS, Holds
from heatproof.registry import docstring_summary

PAGE = Path(__file__).parent / "reference" / "annotation-formats.md"
HEAD = """# Formats of annotations, and what each can hold

[`heatproof convert`](../how-to/convert-annotations.md) writes the marks of one as another, and tables take all of them
(`annotations = "file"` of a [manifest](../how-to/bring-your-data.md)). `python docs/annotation_formats.py` writes this page from the formats, and the
tests hold each to it: what is written is read again with the same pixels, and what a format cannot hold is told.

"""
TAIL = """
- **several parts**: one thing drawn by several contours; elsewhere each contour is a thing. **holes**: of polygons; masks always hold them.
- **things**: whether two things of one finding stay apart. **readers**: who drew a mark; elsewhere `convert` writes a file of each reader.
  **who drew nothing**: whether a reader who looked at a film and drew nothing is told from one who never saw it.
- **scores**: how sure a program was. **sizes**: height and width of the film; **needs sizes**: without them nothing can be written, and
  `--images FOLDER` names the films. **empty films**: films on which nothing is marked.

A mark becomes the first kind that the target holds: a box a box, a polygon, a mask; a turned box likewise, and then the upright box around it; a
polygon a polygon, a mask, a box; a mask a mask, a polygon along the edges of its pixels, a box; a point a point. The pixels inside stay the same but in
a box around something else, and in a polygon of a mask with holes where the target holds none. Numbers are written with all digits; `label_studio` and
`yolo` divide them by the sides, to 15 digits, so that corners on the grid of pixels are exact and others within a billionth of a pixel.
"""
COLUMNS = {
    "several parts": lambda holds: holds.parts or "masks" in holds.shapes,
    "holes": lambda holds: holds.holes,
    "things": lambda holds: holds.things,
    "readers": lambda holds: holds.readers,
    "who drew nothing": lambda holds: holds.lookers,
    "scores": lambda holds: holds.scores,
    "sizes": lambda holds: holds.sizes,
    "needs sizes": lambda holds: holds.needs_size,
    "empty films": lambda holds: holds.empty,
}


def page() -> str:
    parts = {name: formats.part_class(name) for name in formats.names()}
    own = {name: cls for name, cls in parts.items() if cls.__module__.startswith("heatproof.")}
    named = "\n".join(
        f"| `{name}` | {docstring_summary(cls.__doc__)} |" for name, cls in own.items()
    )
    head = f"| format | {' | '.join([*KINDS, *COLUMNS])} |\n|---|{'---|' * (len(KINDS) + len(COLUMNS))}\n"
    table = "\n".join(f"| `{name}` | {' | '.join(cells(cls.holds))} |" for name, cls in own.items())
    return f"{HEAD}| format | is |\n|---|---|\n{named}\n\n## What each can hold\n\n{head}{table}\n{TAIL}"


def cells(holds: Holds) -> list[str]:
    kinds = [kind in holds.shapes for kind in KINDS]
    return [
        "yes" if held else "" for held in [*kinds, *(asked(holds) for asked in COLUMNS.values())]
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
