"""A first experiment file, drafted from a folder of films: what its tables seem to hold, and why.

Nothing is decided that a person could not see: every key stands with the reason why it was
guessed, and what could not be guessed stands as a comment to be filled in.
"""

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, read_json, read_rows
from heatproof.errors import DataError, ExperimentError, PixelError
from heatproof.words import count, listed

_FILMS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")
_TABLES = (".csv", ".parquet")
_MOST_FILES, _MOST_ROWS, _LOOKED_AT = 300_000, 5000, 8
_TRUTHS = {"0", "1", "-1", "u", "", "0.0", "1.0", "-1.0"}
_ABSENT = re.compile(
    r"^(no|not|normal|none|negative|absent|healthy|no[ _]finding)\b", re.IGNORECASE
)
_NAMED = {
    "patient": re.compile(r"patient|subject|mrn", re.IGNORECASE),
    "study": re.compile(r"study|accession|exam", re.IGNORECASE),
    "view": re.compile(r"(^|_)view|projection", re.IGNORECASE),
}
_KEPT = re.compile(
    r"sex|gender|(^|_)age($|_)|split|fold|scanner|manufacturer|device|site", re.IGNORECASE
)
_FINDING = re.compile(r"finding|diagnos|disease|label|class|patholog", re.IGNORECASE)
_BOX = 4  # numbers of a box
_WORDS = 6  # most values of a column that says a finding in words


@dataclass(frozen=True)
class Key:
    """A line of a file: a key, its value, and why it stands there."""

    name: str
    value: Any
    why: str = ""

    def __str__(self) -> str:
        line = f"{self.name} = {toml(self.value)}"
        return f"{line}  {Remark(self.why)}" if self.why else line


@dataclass(frozen=True)
class Remark:
    """A remark in a file, in one line whatever its text."""

    text: str

    def __str__(self) -> str:
        return f"# {' '.join(self.text.split())}"


@dataclass
class _Table:
    """A table, and what its columns hold."""

    path: Path
    rows: Sequence[TableRow]
    used: set[str] = field(default_factory=set)

    def columns(self) -> list[str]:
        return [name for name in self.rows[0].values if name not in self.used]

    def values(self, column: str) -> list[str]:
        return [row[column] for row in self.rows]


def draft(folder: Path, beside: Path) -> str:
    """An experiment file for the films, tables, annotations and code of a folder.

    Args:
        folder: Holds films, at any depth, and a table (CSV or Parquet) that names them.
        beside: Folder of the experiment file, from which its paths start.

    Raises:
        ExperimentError: There is no such folder, no table in it, or none that names films there.
    """
    if not folder.is_dir():
        raise ExperimentError(f"{folder}: there is no such folder")
    films = films_in(folder)
    table, image, images = _table_of(folder, films)
    keys = [Key("csv", path_from(beside, table.path))]
    if image != "image":
        keys.append(Key("image", image))
    if images:
        keys.append(Key("images", path_from(beside, folder / images), "where these files lie"))
    table.used.add(image)
    shown = folder / images if images else table.path.parent
    first = [shown / name for name in table.values(image)[:_LOOKED_AT]]
    marks = list(_marks(table, shown, first))
    keys += marks
    keys += _named(table)
    labels = list(_labels(table))
    keys += [key for key, _ in labels] or _undecided(table)
    findings = [finding for _, finding in labels]
    if marks and len(findings) != 1:
        findings = findings or ["Lesion"]
        keys.append(Key("finding", findings[0], "what boxes and masks mark: is it this?"))
    coco, drawn = _coco(folder, beside)
    keys += coco
    findings = findings or drawn
    keys += _rest(table)
    return written(folder, "manifest", keys, beside, findings)


def written(
    folder: Path,
    dataset: str,
    keys: Iterable[Key | Remark],
    beside: Path,
    findings: Sequence[str],
    top: Iterable[Key] = (),
) -> str:
    """An experiment file on one data set, with a model to be filled in and questions.

    Args:
        folder: Holds the films, and gives the experiment its name.
        dataset: Kind of the data set.
        keys: Its options.
        beside: Folder of the experiment file; a builder of the network is looked for there.
        findings: The outputs of the network, as far as they are known.
        top: Keys of the experiment as a whole.
    """
    data = [f"dataset = {toml(dataset)}", *map(str, keys), ""]
    lines = [*_head(folder, top), *data, *_model(beside, findings), *_ASKED]
    return "\n".join(lines)


def path_from(beside: Path, path: Path) -> str:
    """A path as an experiment file of that folder writes it."""
    return Path(os.path.relpath(path, beside)).as_posix()


_ASKED = [
    "[explain]",
    'methods = ["grad_cam", "integrated_gradients", "occlusion(window=40, stride=40)"]',
    "",
    "[score]",
    'metrics = ["auprc", "iou", "hit_rate"]  # the first one ranks',
    "",
    "[trust]  # does a map depend on what was learned? weights are drawn anew, once",
    "criteria = [\"randomization(order='whole', draws=1)\"]",
    '# "repeatability" asks whether a map survives retraining (models that differ in their seed),',
    '# "reproducibility" whether it survives another architecture; localization is judged unasked',
    "",
]


def _head(folder: Path, top: Iterable[Key]) -> list[str]:
    name = folder.resolve().name or "ours"
    return [
        "# Drafted by heatproof init: read every line, then say",
        "#   heatproof check THIS_FILE   and   heatproof run THIS_FILE",
        f"name = {toml(name)}",
        'question = "Can the maps of this classifier be trusted?"',
        *map(str, top),
        "",
        "[[data]]",
        f"name = {toml(f'films of {name}')}",
    ]


def films_in(folder: Path) -> dict[str, list[Path]]:
    """Every file that may be a film, by its name."""
    found: dict[str, list[Path]] = {}
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            seen += 1
            if seen > _MOST_FILES:
                return found
            if Path(name).suffix.lower() in _FILMS:
                found.setdefault(name, []).append(Path(place, name))
    return found


def _table_of(folder: Path, films: dict[str, list[Path]]) -> tuple[_Table, str, str]:
    """The table that names most films, its column of images, and their folder where not its own."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES)
    if not paths:
        raise ExperimentError(
            f"{folder} holds no table (.csv or .parquet); expected one with a row per film, whose"
            f" column names its file (films there: {sum(map(len, films.values())):,})"
        )
    best: tuple[int, _Table, str, str] | None = None
    for path in paths:
        table = _Table(path, read_rows(path)[:_MOST_ROWS])
        for column in table.columns():
            place, hits = _folder_of(table.values(column), folder, films)
            if hits and (best is None or hits > best[0]):
                best = hits, table, column, place
    if best is None:
        raise ExperimentError(
            f"no column of {listed([path.name for path in paths])} names films of {folder};"
            " expected names of files with their endings, such as films/0001.png"
        )
    return best[1:]


def _folder_of(
    values: Sequence[str], folder: Path, films: dict[str, list[Path]]
) -> tuple[str, int]:
    """The folder under which most values are films, and how many."""
    places: Counter[str] = Counter()
    for value in values:
        for path in films.get(Path(value).name, ()) if value else ():
            relative = path.relative_to(folder).as_posix()
            if relative == value or relative.endswith(f"/{value}"):
                places[relative[: -len(value)].rstrip("/")] += 1
    return places.most_common(1)[0] if places else ("", 0)


def _marks(table: _Table, shown: Path, first: Sequence[Path]) -> Iterator[Key]:
    """Columns with boxes or masks."""
    for column in table.columns():
        values = [value for value in table.values(column) if value]
        boxes = [box for value in values for box in _boxes(value)]
        if boxes and all(_boxes(value) or value == "[]" for value in values):
            table.used.add(column)
            yield Key("boxes", column, "[x, y, width, height] each")
            yield from _frame(boxes, first)
        elif values and all(_is_film(shown, value) for value in values[:_LOOKED_AT]):
            table.used.add(column)
            yield Key("mask", column)


def _boxes(value: str) -> list[list[int | float]]:
    try:
        read = json.loads(value)
    except ValueError:
        return []
    each = read if isinstance(read, list) else []
    fits = [box for box in each if isinstance(box, list) and len(box) == _BOX]
    return fits if fits and len(fits) == len(each) else []


def _frame(boxes: Sequence[Sequence[int | float]], films: Sequence[Path]) -> Iterator[Key]:
    """Where boxes reach beyond the films: the frame that they may have been drawn on."""
    sizes = []
    for film in films:
        try:
            sizes.append(ImageFile(film).size())
        except PixelError:
            continue
    if not sizes:
        return
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    right = max(box[0] + box[2] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
    if right > width + 1 or bottom > height + 1:
        side = next((s for s in (512, 1024, 2048, 3000, 4096) if max(right, bottom) <= s), 0)
        frame = [side, side] if side else [int(bottom) + 1, int(right) + 1]
        why = f"boxes reach x = {right:g}, y = {bottom:g} of films of {width} x {height}: right?"
        yield Key("boxes_frame", frame, why)


def _is_film(folder: Path, value: str) -> bool:
    return Path(value).suffix.lower() in _FILMS and (folder / value).is_file()


def _named(table: _Table) -> Iterator[Key]:
    for key, pattern in _NAMED.items():
        column = next((name for name in table.columns() if pattern.search(name)), None)
        if column is not None:
            table.used.add(column)
            yield Key(key, column, count(len(set(table.values(column))), "value"))
        elif key == "patient":
            yield Key("# patient", "...", "without it, every film counts as a patient of its own")


def _labels(table: _Table) -> Iterator[tuple[Key, str]]:
    """Columns that say findings, each with what it is called."""
    plain = []
    for column in table.columns():
        if _KEPT.search(column):
            continue
        values = Counter(table.values(column))
        texts = [value for value in values if value]
        if set(values) <= _TRUTHS and {"0", "1", "0.0", "1.0"} & set(values):
            plain.append(column)
        elif _says_finding(texts):
            absent = [value for value in texts if _ABSENT.match(value)]
            present = [value for value in texts if value not in absent]
            if absent and present:
                finding = present[0] if len(present) == 1 else column
                rule = {"column": column, "positive": present, "negative": absent}
                table.used.add(column)
                name = f"labels.{toml(finding)}"
                yield Key(name, rule, "are these on the right side?"), finding
    for column in plain:
        table.used.add(column)
        positives = sum(value in {"1", "1.0"} for value in table.values(column))
        yield Key(f"labels.{toml(column)}", column, f"{positives:,} positive"), column


def _undecided(table: _Table) -> list[Key]:
    """A column that seems to say what a film has, without a word for films that have nothing."""
    for column in table.columns():
        values = [value for value, _ in Counter(table.values(column)).most_common() if value]
        if _FINDING.search(column) and 1 < len(values) < len(table.values(column)):
            rule = {"column": column, "positive": values[:1], "negative": values[1:_WORDS]}
            why = f"which of its {len(values)} values are present, and which absent?"
            return [Key(f"# labels.{toml(values[0])}", rule, why)]
    return []


def _says_finding(texts: Sequence[str]) -> bool:
    return 1 < len(texts) <= _WORDS and any(_ABSENT.match(text) for text in texts)


def _coco(folder: Path, beside: Path) -> tuple[list[Key], list[str]]:
    """An annotation file of the folder, and the findings that it marks."""
    for path in sorted(folder.glob("*.json")):
        try:
            read = read_json(path)
        except DataError:
            continue
        if isinstance(read, dict) and {"images", "annotations", "categories"} <= set(read):
            named = [one.get("name") for one in read["categories"] if isinstance(one, dict)]
            names = [name for name in named if isinstance(name, str)]
            why = f"{count(len(read['annotations']), 'annotation')} of {listed(names or ['?'])}"
            return [Key("coco", path_from(beside, path), why)], names
    return [], []


def _rest(table: _Table) -> list[Key]:
    kept = [name for name in table.columns() if _KEPT.search(name)]
    left = [name for name in table.columns() if name not in kept]
    keys = [Key("metadata", kept, "subgroups, and what films may be told apart by")] if kept else []
    if left:
        keys.append(Key("# metadata", left, "not used"))
    return keys


def _model(beside: Path, findings: Iterable[str]) -> list[str]:
    names = list(findings) or ["..."]
    module, why = _builder(beside)  # code is run beside the file alone
    return [
        "[[models]]",
        'name = "ours"',
        str(Key("module", module, why)),
        str(Key("findings", names, "the outputs of the network, in order")),
        "# As it was trained: films of other size, mean or std make it another classifier.",
        'scaling = { geometry = "squash(height=224, width=224)",'
        " mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }",
        'features = "auto"  # the last layer that gives a grid',
        'id = { architecture = "ours" }',
        '# expect = "outputs.csv"  # what you saw it give for a few films, to be compared with',
        '# trained_on = { split = "train" }  # who trained it: films with this metadata',
        "",
    ]


def _builder(folder: Path) -> tuple[str, str]:
    """A function of a Python file there that seems to give a network."""
    wanted = re.compile(r"build|model|network|net\b|load", re.IGNORECASE)
    for path in sorted(folder.glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            continue
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        likely = [name for name in functions if wanted.search(name)] or functions
        if likely:
            return f"{path.name}:{likely[0]}", "returns the network with its weights"
    return "network.py:build", "a file beside this one, whose function returns your network"


def toml(value: Any) -> str:
    """A value as TOML; texts of JSON are texts of TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
