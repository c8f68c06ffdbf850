"""Writes docs/reference/experiment.md: every table and key of an experiment file, from the code.

python docs/experiment_file.py
"""

import dataclasses
import inspect
import json
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic

from heatproof.data.datasets import datasets
from heatproof.experiment import model as model_table
from heatproof.experiment import settings as tables
from heatproof.experiment import study
from heatproof.experiment.file import Experiment
from heatproof.train.settings import Settings
from heatproof.types import Dataset

PAGE = Path(__file__).parent / "reference" / "experiment.md"
TABLES: dict[str, type] = {
    "the top of the file": Experiment,
    "[[data]]": tables.Data,
    **{f'[[data]] with dataset = "{name}"': datasets.part_class(name) for name in datasets.names()},
    "[[models]]": model_table.ModelEntry,
    "scaling, of a model": model_table.Scaling,
    "id, of a model or maps": tables.Identity,
    "training, of a model": model_table.Training,
    "settings, of a training": Settings,
    "sampling, of a model": model_table.Sampling,
    "ensemble, of a model": model_table.Pool,
    "[[maps]]": tables.ImportedMaps,
    "[explain]": tables.Explain,
    "[score]": tables.Scoring,
    "[statistics]": tables.Statistics,
    "[trust]": tables.TrustSettings,
    "[classification]": tables.ClassificationSettings,
    "[report]": tables.Report,
    "[sweep]": tables.Sweep,
    "[sweep.search], of each parameter": tables.Searched,
    "[study]": study.Study,
    "[[study.choices]]": study.Choice,
    "[study.counts], of each data set": study.Counts,
}
HEAD = """# The experiment file

Every table and key. Paths are taken from the folder of the file; an unknown key is an error that names the near ones. A spec, such as
`iou(binarize=fixed(threshold=0.4))`, is a part with its options: `heatproof methods`, `metrics`, `controls`, `criteria`, `similarities`, `rules`,
`backbones`, `heads`, `localizers`, `datasets`, `importers`, `geometries`, `interpolations` and `intensities` list them. Complete files: [on your own films](../how-to/bring-your-data.md), [with
training](../how-to/train.md), and those in [experiments](../../experiments). `heatproof check FILE` tries one, and shows what its networks see of a few films.

*This page is written by `docs/experiment_file.py`.*
"""
FOOT = """
## What a run writes

Into `output`, or `runs/<name of the file>` beside the file, wherever the command is given. A folder belongs to one experiment, and another is refused:

| | |
|---|---|
| `report.html` | the report, in one file; `tables/` (CSV and LaTeX) and `figures/` (SVG and PDF) hold what it shows, and `pictures/` its films where they are too many for one file |
| `*.parquet` | beside it, the tables that the report is made of; some also as CSV. [Tables](tables.md) names each with its columns |
| `models/` | a folder for each model that was trained: `card.json`, weights, `history.json`, `training/history.csv`; the second best checkpoints in `kept/` |
| `maps/` | the saliency maps: Zarr, and an index in SQLite |
| other folders | finished units of work, by which a killed run goes on ([units](tables.md#units)); removing them costs time and nothing else, and so does damage: `heatproof doctor FOLDER` finds it, and the same command makes again what is damaged |
| `run.json` | which experiment the folder holds: its name, digests of its settings and data, versions, machine, dates. Another experiment is refused there |
| `sweep.html`, `sweep.parquet`, `best.toml`, `sweep.sqlite3` | of `heatproof sweep`: all trials to look at, as a table, the experiment of the best, and the state of the search |
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, record in TABLES.items():
        summary = inspect.cleandoc(record.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        parts.append(
            f"\n## {title}\n\n{plain(summary)}\n\n| key | values | without it | |\n|---|---|---|---|\n"
        )
        about = attributes(record)
        for name, kind, default in fields(record):
            parts.append(f"| `{name}` | {kind} | {default} | {about.get(name, '')} |\n")
    return "".join([*parts, FOOT])


def fields(record: type) -> list[tuple[str, str, str]]:
    """Name, type and default of every key, as a person writes them."""
    if issubclass(record, pydantic.BaseModel):
        return [
            (name, kind(key.annotation), "needed" if key.is_required() else written(key.default))
            for name, key in record.model_fields.items()
            if not key.exclude  # what only Python can say
        ]
    rows = []
    for key in dataclasses.fields(record):
        needed = key.default is key.default_factory is dataclasses.MISSING
        rows.append((key.name, kind(key.type), "needed" if needed else written(key.default)))
    return rows


def attributes(record: type) -> dict[str, str]:
    """What the docstring says of each."""
    doc = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |^\S|\Z)", doc, re.M | re.S)
    return {name: plain(" ".join(text.split())) for name, text in entries}


WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}


def kind(annotation: Any) -> str:
    """A type in the words of TOML."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inner[0])
    if origin is Literal:
        return " or ".join(f'`"{part}"`' for part in inner)
    if origin in (Union, UnionType):
        kinds = (kind(part) for part in inner if part not in (type(None), Dataset))
        return " or ".join(dict.fromkeys(kinds))
    if origin in (list, tuple):
        kinds = (kind(part) for part in inner if part is not ...)
        several = " or ".join(dict.fromkeys(kinds))
        return "tables" if several == "table" else f"list of {several}"
    return WORDS.get(annotation, "table")


def written(value: Any) -> str:
    """A default."""
    if value in (None, dataclasses.MISSING) or isinstance(value, tables.SettingsTable):
        return ""
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return f"`{json.dumps([*value])}`"  # a spec has quotes inside, which stay as they are
    return f"`{[*value] if isinstance(value, tuple) else value!r}`".replace("'", '"')


def plain(text: str) -> str:
    """As Markdown, in a cell of a table."""
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
