"""A run in formats of other programs: CSV and XLSX for tables, npy and NIfTI for maps.

``columns.csv`` says what every column of every table means.  Maps are raw, at the resolution of the
method or over their films; ``maps.csv`` says of which film, finding, method and model each file is.
NIfTI files have the axes of a radiograph as ITK writes it: columns to the left of the patient, rows
to the back.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xlsxwriter

from heatproof.errors import ExperimentError, near_misses
from heatproof.escaping import column_for_spreadsheet
from heatproof.maps.nifti import nifti
from heatproof.runs.folder import Frame, Run
from heatproof.tables.units import folder_name

_ROWS = 1_048_576  # of a sheet, with its head


def export(run: Run, to: Path, formats: Iterable[str], frame: Frame = "native") -> list[Path]:
    """Write a run in other formats.

    Args:
        run: The run.
        to: Folder to write to; made where it is not there.
        formats: Of ``FORMATS``.
        frame: Whether maps lie over their films, or have the resolution of the method.

    Returns:
        The files that were written.

    Raises:
        ExperimentError: A format is unknown, or the folder is that of the run.
        MapError: A map is damaged.
    """
    if to.resolve() == run.folder.resolve():
        raise ExperimentError(f"{to} is the folder of the run itself; export --to another")
    chosen = list(dict.fromkeys(formats))
    for name in chosen:
        if name not in FORMATS:
            raise ExperimentError(f"no format is named {name!r}; {near_misses(name, FORMATS)}")
    to.mkdir(parents=True, exist_ok=True)
    return [file for name in chosen for file in FORMATS[name](run, to, frame)]


def _csv(run: Run, to: Path, _: Frame) -> Iterator[Path]:
    tables = {name: run[name].frame for name in run.tables} | {"columns": run.describe()}
    for name, table in tables.items():
        yield _written_csv(table, to / f"{name}.csv")


def _written_csv(table: pl.DataFrame, file: Path) -> Path:
    _plain(table).write_csv(file)
    return file


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """Cells that a spreadsheet can hold: lists as text, no formulas, nothing where undefined."""
    nested = [name for name, kind in table.schema.items() if kind.is_nested()]
    flat = table.with_columns(_as_json(table[name]) for name in nested)
    texts = [name for name, kind in flat.schema.items() if kind == pl.String]
    return flat.with_columns(column_for_spreadsheet(name) for name in texts).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def _as_json(column: pl.Series) -> pl.Series:
    cells = (None if cell is None else json.dumps(cell) for cell in column.to_list())
    return pl.Series(column.name, list(cells), pl.String)


def _xlsx(run: Run, to: Path, _: Frame) -> Iterator[Path]:
    file = to / "tables.xlsx"
    # Text stays text: no formulas, and no links to the web or to other files.
    with xlsxwriter.Workbook(
        file, {"strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        run.describe().write_excel(book, "columns")
        for name in run.tables:
            table = _plain(run[name].frame)
            # A table that is longer than a sheet goes on in the next one.
            for part, rows in enumerate(list(table.iter_slices(_ROWS - 1)) or [table]):
                rows.write_excel(book, name if part == 0 else f"{name} {part + 1}")
    yield file


def _npy(run: Run, to: Path, frame: Frame) -> Iterator[Path]:
    yield from _maps(run, to, frame, ".npy", np.save)


def _nifti(run: Run, to: Path, frame: Frame) -> Iterator[Path]:
    def save(file: Path, values: np.ndarray) -> None:
        nifti(values).to_filename(file)

    yield from _maps(run, to, frame, ".nii.gz", save)


def _maps(
    run: Run, to: Path, frame: Frame, ending: str, save: Callable[[Path, Any], None]
) -> Iterator[Path]:
    listed, taken = [], set()
    for row in run.maps.iter_rows(named=True):
        stored, geometry = run.stored(row)
        folder = to / "maps" / folder_name(row["data"], row["data"], digits=6)
        for part in ("member", "method"):
            folder /= folder_name(row[part], row[part], digits=6)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{row['image_id']}_{row['finding']}"
        # Names of films may hold what a file system does not take, or a path.
        is_plain = (
            name.replace("_", "").replace("-", "").replace(".", "").replace(" ", "").isalnum()
        )
        # Another film and finding may have the same name together: a_b of c, and a of b_c.
        if not is_plain or folder / name in taken:
            name = folder_name(name, row["image_id"], row["finding"])
        taken.add(folder / name)
        file = folder / f"{name}{ending}"
        save(file, run.read_map(row, frame))
        height, width = run.size(row)
        listed.append(
            {
                **row,
                "validity": stored.validity.value,
                "film_height": height,
                "film_width": width,
                "frame": "the film" if frame == "film" else str(geometry),
                "file": file.relative_to(to).as_posix(),
            }
        )
        yield file
    yield _written_csv(pl.DataFrame(listed), to / f"maps{ending}.csv")


FORMATS: dict[str, Callable[[Run, Path, Frame], Iterator[Path]]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "npy": _npy,
    "nifti": _nifti,
}
"""What writes each format, by its name on the command line."""
