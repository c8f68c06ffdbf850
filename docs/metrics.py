"""Writes the tables of metrics and controls into docs/reference/metrics.md, from the registries.

python docs/metrics.py
"""

import dataclasses
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from heatproof.localize import DatasetMetric, metrics
from heatproof.localize.controls import controls, definition
from heatproof.registry import Registry

PAGE = Path(__file__).parent / "reference" / "metrics.md"


def page() -> str:
    """The whole page, with its tables as they should be."""
    parts = {name: metrics.parse(name) for name in shipped(metrics)}
    whole = {name for name, part in parts.items() if isinstance(part, DatasetMetric)}
    tables = {
        "metrics of one map": rows(name for name in parts if name not in whole),
        "metrics of a data set": rows(name for name in parts if name in whole),
        "controls": beside(),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        start = f"<!-- {name}, by docs/metrics.py -->\n"
        whole_table = rf"{re.escape(start)}.*?(?=<!-- end -->)"
        text, count = re.subn(whole_table, lambda _, t=start + table: t, text, flags=re.DOTALL)
        assert count == 1, f"the page has {count} tables of {name}"
    return text


def shipped(registry: Registry[Any]) -> list[str]:
    """Names of the parts that do not come from another package."""
    names = registry.names()
    return [n for n in names if registry.part_class(n).__module__.startswith("heatproof.")]


def rows(names: Iterable[str]) -> str:
    """Name, definition and options of each metric."""
    lines = ["| metric | is | options |", "|---|---|---|"]
    for name in names:
        part: Any = metrics.part_class(name)
        options = ", ".join(f"`{field.name}`" for field in dataclasses.fields(part))
        lines.append(f"| `{name}` | {summary(part)} | {options} |")
    return "\n".join([*lines, ""])


def beside() -> str:
    """Name, definition and knowledge of each control."""
    lines = ["| control | is | knows |", "|---|---|---|"]
    for name in shipped(controls):
        part: Any = controls.parse(name)
        lines.append(f"| `{name}` | {definition(type(part))} | {part.knows} |")
    return "\n".join([*lines, ""])


def summary(documented: Any) -> str:
    """The first paragraph of a docstring, in a cell of a table."""
    text = inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
