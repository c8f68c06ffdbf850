"""Writes docs/reference/parts.md: every part that a name in an experiment or a command may stand for, from the registries.

python docs/parts.py
"""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from heatproof.cli.parts import summary_of
from heatproof.registry import Registry, type_text, written

PAGE = Path(__file__).parent / "reference" / "parts.md"

# Where they are found, in the order in which an experiment meets them.
PLACES = (
    ("Data sets", "data.datasets:datasets"),
    ("Annotation formats", "data.annotations.formats:formats"),
    ("Geometries of preprocessing", "data.geometry:geometries"),
    ("Interpolations", "data.interpolations:interpolations"),
    ("Intensities", "data.intensities:intensities"),
    ("Backbones", "models.backbones:backbones"),
    ("Heads", "models.heads:heads"),
    ("Localizers", "models.localizers:localizers"),
    ("Augmentations", "train.augmentations:augmentations"),
    ("Schedules of the learning rate", "train.schedules:schedules"),
    ("Saliency methods", "saliency.methods:methods"),
    ("Rules of relevance", "saliency.relevance:relevance_rules"),
    ("Importers of maps", "maps.importers:importers"),
    ("Exporters of runs", "runs.exporters:exporters"),
    ("Binarizers", "maps.binarize:binarizers"),
    ("Localization metrics", "localize.metrics:metrics"),
    ("Metrics of fidelity", "fidelity.metrics:fidelities"),
    ("Infills of regions", "fidelity.infills:infills"),
    ("Controls", "localize.controls:controls"),
    ("Criteria of trust", "trust.criteria:criteria"),
    ("Similarities of maps", "trust.similarity:similarities"),
    ("Rules of verdicts", "trust.rules:rules"),
)

HEAD = """# Parts, and their options

Whatever has a name in an experiment file or a command is a part: a method, a metric, a data set. `name(option=value)` makes one, and what is
not said has the value that stands here. A part is one file and one test, in heatproof or in [a package of yours](../how-to/add-a-part.md).
`heatproof methods`, `metrics`, `criteria` and so on print the same. `python docs/parts.py` writes this page.
"""


def page() -> str:
    sections = []
    for title, place in PLACES:
        module, name = place.split(":")
        registry = getattr(importlib.import_module(f"heatproof.{module}"), name)
        sections.append(f"\n## {title}\n\n" + "\n".join(parts(registry)))
    return HEAD + "\n".join(sections)


def parts(registry: Registry[Any]) -> list[str]:
    """A row for each part that does not come from another package."""
    lines = ["| part | is | options |", "|---|---|---|"]
    for name in registry.names():
        cls = registry.part_class(name)
        if not cls.__module__.startswith("heatproof."):
            continue
        title = getattr(cls, "title", None)
        called = f"**{title}.** " if isinstance(title, str) else ""
        presets = [f"`{name}.{preset}`" for preset in registry.presets(name)]
        also = f" Presets: {', '.join(presets)}." if presets else ""
        row = f"`{name}` | {cell(called + summary_of(cls) + also)} | {'<br>'.join(options(cls))}"
        lines.append(f"| {row} |")
    return [*lines, ""]


def options(cls: type) -> list[str]:
    """Each option with its type and, where there is one, its value if nothing is said."""
    fields: Any = dataclasses.fields(cls)
    return [
        cell(f"`{field.name}`: {type_text(field.type)}")
        + (
            ""
            if field.default is dataclasses.MISSING
            else cell(f" = `{written(field, field.default)}`")
        )
        for field in fields
    ]


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
