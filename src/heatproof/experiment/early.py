"""What can be known of an experiment in a second, before torch is imported: every mistake at once.

Keys and values of the file, names of parts and their options, files that are not there, functions
that a file of the user's does not define, tables with their columns and cells, headers of films,
and findings that a model tells and no data set knows.  What a network does is tried later.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydantic

from heatproof.disk import exists, is_file, is_folder
from heatproof.errors import ExperimentError, Gathered, HeatproofError, Several, near_misses
from heatproof.experiment import declared
from heatproof.experiment.assignment import shared_findings
from heatproof.experiment.declared import Kind
from heatproof.experiment.file import line_of, load, read_toml
from heatproof.experiment.films import OpenedData, check_patients, open_one
from heatproof.experiment.settings import Data
from heatproof.types import BENCHMARK

_Place = tuple[str | int, ...]
_SPECS: Mapping[tuple[str, str], Kind] = {
    ("explain", "methods"): declared.METHODS,
    ("score", "metrics"): declared.METRICS,
    ("score", "controls"): declared.CONTROLS,
    ("report", "rank_by"): declared.METRICS,
    ("trust", "criteria"): declared.CRITERIA,
    ("trust", "similarities"): declared.SIMILARITIES,
    ("trust", "rules"): declared.RULES,
    ("models", "backbone"): declared.BACKBONES,
    ("models", "architectures"): declared.BACKBONES,
    ("models", "head"): declared.HEADS,
    ("models", "localizer"): declared.LOCALIZERS,
    ("scaling", "geometry"): declared.GEOMETRIES,
    ("maps", "geometry"): declared.GEOMETRIES,
    ("scaling", "before"): declared.INTENSITIES,
    ("scaling", "after"): declared.INTENSITIES,
}
"""Which kind of part each key of each table spells."""
_NAMES = {
    "models": ["data"],
    "maps": ["data"],
    "training": ["data", "validation"],
    "score": ["tune"],
    "classification": ["validation"],
}
"""The keys that name data sets."""


def check_early(path: Path, *, films: bool = True) -> Mapping[str, OpenedData]:
    """Find every mistake that shows without torch.

    Args:
        path: The experiment file.
        films: Whether the data sets are opened, too, and the headers of all films read.

    Returns:
        The data sets by name, opened, so that nobody has to do it again; none without ``films``.

    Raises:
        HeatproofError: What is wrong; ``Several`` where there is more than one mistake.
    """
    gathered = Gathered()
    text, table = read_toml(path)
    read = False
    with gathered.each():
        load(path, early=True)
        read = True
    base = table.get("paths_from", ".")
    folder = (path.resolve().parent / (base if isinstance(base, str) else ".")).resolve()
    found = [*_parts(table), *_files(table, folder), *_settings(table)]
    # A file with unknown keys is not read so far that its names are compared.
    found += [] if read else _names(table)
    for place, wrong in found:
        with gathered.each():
            raise ExperimentError(f"{path}:{_line(text, place, table)}: {_spelled(place)}: {wrong}")
    opened: dict[str, OpenedData] = {}
    if films:
        for index, entry in enumerate(_tables(table, "data")):
            within = f"{path}:{line_of(text, ('data', index))}: data.{index}: "
            with gathered.each(), _saying(within):
                _open(entry, index, folder, table, opened)
    with gathered.each():
        check_patients(opened)
    for place, wrong in _findings(table, opened):
        with gathered.each():
            raise ExperimentError(f"{path}:{_line(text, place, table)}: {_spelled(place)}: {wrong}")
    gathered.tell()
    return opened


@contextmanager
def _saying(where: str) -> Iterator[None]:
    """Errors say where they are; those that are several one by one."""
    try:
        yield
    except Several as several:
        raise Several(type(one)(f"{where}{one}") for one in several.errors) from several
    except HeatproofError as error:
        raise type(error)(f"{where}{error}") from error


def _open(
    entry: Mapping[str, Any],
    index: int,
    folder: Path,
    table: Mapping[str, Any],
    opened: dict[str, OpenedData],
) -> None:
    try:
        data = Data.model_validate({"name": f"data {index + 1}", **entry})
    except pydantic.ValidationError:
        return  # which the file itself has told
    score = table.get("score")
    named = score.get("benchmark") if isinstance(score, dict) else None
    benchmark = named if isinstance(named, str) else BENCHMARK
    missing = table.get("missing", "error") == "error"
    opened[data.name] = open_one(data, folder, refuse_missing=missing, benchmark=benchmark)


def _names(table: Mapping[str, Any]) -> Iterator[tuple[_Place, str]]:
    """Names of data sets that there are not."""
    known = [str(entry.get("name")) for entry in _tables(table, "data")]
    for key, options in _NAMES.items():
        for place, inner in _named(table, key):
            for option in options:
                value = inner.get(option)
                for name in value if isinstance(value, list) else [value]:
                    if isinstance(name, str) and name not in known:
                        misses = near_misses(name, known)
                        yield (*place, option), f"no data is named {name!r}; {misses}"


def _findings(
    table: Mapping[str, Any], opened: Mapping[str, OpenedData]
) -> Iterator[tuple[_Place, str]]:
    """Models that share no finding with a data set that they judge."""
    judged = [one.get("name") for one in _tables(table, "data") if one.get("judged", True)]
    for place, model in _named(table, "models"):
        findings, names = model.get("findings"), model.get("data", judged)
        if not isinstance(findings, list) or not isinstance(names, list) or not findings:
            continue
        for films in (opened[name] for name in names if name in opened):
            try:
                shared_findings(str(model.get("name")), tuple(map(str, findings)), films)
            except ExperimentError as error:
                yield (*place, "findings"), str(error)


def _parts(table: Mapping[str, Any]) -> Iterator[tuple[_Place, str]]:
    """Names of parts and of their options, wherever the file spells one."""
    for (key, option), kind in _SPECS.items():
        for place, inner in _named(table, key):
            value = inner.get(option)
            for step, spec in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(spec, str):
                    try:
                        kind.check(spec)
                    except HeatproofError as error:
                        inside = (step,) if isinstance(value, list) else ()
                        yield (*place, option, *inside), str(error)


def _named(table: Mapping[str, Any], key: str) -> Iterator[tuple[_Place, Mapping[str, Any]]]:
    """The tables with a name, at the top of the file or inside a model."""
    value = table.get(key)
    if isinstance(value, dict):
        yield (key,), value
    for index, entry in enumerate(_tables(table, key)):
        yield (key, index), entry
    if key != "models":
        for index, model in enumerate(_tables(table, "models")):
            if isinstance(inner := model.get(key), dict):
                yield ("models", index, key), inner


def _tables(table: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _files(table: Mapping[str, Any], folder: Path) -> Iterator[tuple[_Place, str]]:
    """Files and folders that are named and are not there; those of data sets are told with them."""
    for key, options in (("models", ("card", "expect")), ("maps", ("folder", "probabilities"))):
        for index, entry in enumerate(_tables(table, key)):
            for option in options:
                value = entry.get(option)
                if isinstance(value, str) and not exists(folder / value):
                    yield (key, index, option), _absent(folder / value)
    for place, inner in _named(table, "models"):
        if isinstance(module := inner.get("module"), str):
            yield from (((*place, "module"), wrong) for wrong in _function(module, folder))
    for place, inner in _named(table, "scaling"):
        if isinstance(transform := inner.get("transform"), str):
            yield from (((*place, "transform"), wrong) for wrong in _function(transform, folder))


def _absent(path: Path) -> str:
    """That a path leads nowhere, and what is there instead."""
    shown = path.parent
    if not is_folder(shown):
        return f"there is no {path}, nor a folder {shown}"
    return f"there is no {path}; {near_misses(path.name, (one.name for one in shown.iterdir()))}"


def _function(source: str, folder: Path) -> Iterator[str]:
    """What is wrong with ``file.py:function`` as its text tells; its code is not run."""
    file, colon, name = source.rpartition(":")
    if not colon or not name.isidentifier():
        yield (
            f"cannot read {source!r}; expected file.py:function, or package.module:function of an"
            " installed package"
        )
        return
    if not file.endswith(".py"):
        return
    path = folder / file
    if not is_file(path):
        yield _absent(path)
        return
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        line = (error.text or "").strip()
        yield f"{path}:{error.lineno}: {error.msg}: {line}"
        return
    except ValueError as error:
        yield f"{path}: {error}"
        return
    defined = set(_defined(tree))
    if name not in defined and "*" not in defined:
        yield f"{file} has no function {name!r}; {near_misses(name, defined)}"


def _defined(tree: ast.Module) -> Iterator[str]:
    """The names that a file defines or imports, at any depth, since an ``if`` may hold them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name) for alias in node.names)


def _settings(table: Mapping[str, Any]) -> Iterator[tuple[_Place, str]]:
    """Settings of trainings that there are not."""
    for place, training in _named(table, "training"):
        given = training.get("settings")
        known = declared.fields("train/settings.py", "Settings")
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                yield (*place, "settings", key), f"unknown {key!r}; {near_misses(key, known)}"


def _spelled(place: _Place) -> str:
    return ".".join(map(str, place))


def _line(text: str, place: _Place, table: Mapping[str, Any]) -> int:
    """The line of a value; of an item of a list that of the item, where it stands alone on one."""
    line = line_of(text, place)
    value: Any = table
    for step in place:
        value = value[step]
    if isinstance(place[-1], int) and isinstance(value, str):
        for number, written in enumerate(text.splitlines()[line - 1 :], line):
            if value in written:
                return number
    return line
