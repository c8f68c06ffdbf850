"""Is this my model?  The owner's own outputs for a few films, compared before any work.

Outputs that all lie between 0 and 1 are read as probabilities (or, where there are few, as either),
others as logits.  What is not finite is as far away as can be.  A model whose
outputs differ is refused, and the likeliest cause is looked for (``likely_cause``).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from heatproof.data.tabular import read_rows
from heatproof.errors import DataError, ModelError, PixelError, near_misses
from heatproof.models import Model
from heatproof.preparation.likely_cause import Explained, explained
from heatproof.preparation.setups import Films, Setup, apart, outputs_of
from heatproof.types import Sample
from heatproof.words import count

MOST = 16  # films: more say no more, and take time
SECONDS = 30.0  # after which no further cause is tried
NEAR = {"logits": 0.05, "probabilities": 0.01}
"""How far outputs may lie apart: what is lost where films are rounded to bytes in another place."""
_SURE = 6  # numbers: that many logits seldom all lie between 0 and 1
_NAMES = ("image_id", "id", "image", "film", "file", "filename", "name")
_FILES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")


@dataclass(frozen=True)
class Expected:
    """What the owner says a model gives.

    Attributes:
        films: Names of films.
        values: One row for each film, one column for each finding; nan where nothing is said.
    """

    films: tuple[str, ...]
    values: Float[np.ndarray, "n k"]

    @property
    def kinds(self) -> tuple[str, ...]:
        """``"logits"``, ``"probabilities"``, or both where so few numbers may be either."""
        said = self.values[~np.isnan(self.values)]
        if ((said < 0) | (said > 1)).any():
            return ("logits",)
        return ("probabilities",) if said.size >= _SURE else ("probabilities", "logits")


def read_expected(said: str | Mapping[str, Any], findings: Sequence[str], folder: Path) -> Expected:
    """What the owner says.

    Args:
        said: A CSV or Parquet file with a column of films (named ``image_id``, or the first) and
            one for each finding; or outputs by film: a number, a list in the order of the
            findings, or a table by finding.
        findings: Of the model.
        folder: Where a relative path starts.

    Raises:
        DataError: It cannot be read, or says nothing of these findings.
    """
    by_film = _of_table(folder / said, findings) if isinstance(said, str) else dict(said)
    rows = {str(film): _row(film, value, findings) for film, value in by_film.items()}
    if not rows:
        raise DataError("expect holds no film")
    values = np.array(list(rows.values()), float)
    if np.isnan(values).all():
        raise DataError("expect holds no number")
    return Expected(tuple(rows), values)


def check_expected(model: Model, expected: Expected, samples: Sequence[Sample], name: str) -> None:
    """Compare a model with what its owner says it gives.

    Args:
        model: As heatproof runs it.
        expected: What its owner says.
        samples: All films there are.
        name: What reports call the model.

    Raises:
        DataError: None of the films is there.
        ModelError: Its outputs differ; the message says the likeliest cause.
    """
    films, theirs = _films(expected, samples)
    setups = [Setup(model.preprocessing, kind) for kind in expected.kinds]
    for setup in setups:
        if apart(outputs_of(model, films, setup), theirs).max() <= NEAR[setup.kind]:
            return
    setup = setups[0]
    ours, near = outputs_of(model, films, setup), NEAR[setup.kind]
    found = explained(model, films, theirs, setup, near, time.monotonic() + SECONDS)
    raise ModelError(_told(name, model.findings, films, theirs, ours, setup.kind, found))


def _told(
    name: str,
    findings: Sequence[str],
    films: Films,
    theirs: Float[np.ndarray, "n k"],
    ours: Float[np.ndarray, "n k"],
    kind: str,
    found: Explained | None,
) -> str:
    distances = apart(ours, theirs)
    film, finding = divmod(int(distances.argmax()), len(findings))
    differing = int((distances.max(axis=1) > NEAR[kind]).sum())
    worst = f"{films.names[film]}, {findings[finding]}: {theirs[film, finding]:.4g} expected"
    text = (
        f"{name} does not give what expect says: of {count(len(theirs), 'film')}, {differing}"
        f" differ{'s' if differing == 1 else ''}, by up to {distances.max():.3g} in {kind}"
        f" ({worst}, {ours[film, finding]:.4g} found)."
    )
    if found is None:
        return f"{text} No likely cause was found; is it another preprocessing, or other weights?"
    if found.fits:
        return f"{text} {found.words}: {found.cure}"
    return (
        f"{text} Nothing that was tried explains it. The nearest, still {found.apart:.3g} away:"
        f" {found.words} ({found.cure})"
    )


def _films(expected: Expected, samples: Sequence[Sample]) -> tuple[Films, Float[np.ndarray, "n k"]]:
    """The films that are there and can be read, and what is expected of them."""
    by_name = {sample.image_id: sample for sample in samples}
    by_name |= {_stem(sample.image_id): sample for sample in samples} | by_name
    names: list[str] = []
    pixels, values = [], []
    for film, row in zip(expected.films, expected.values, strict=True):
        sample = by_name.get(film) or by_name.get(_stem(film))
        if sample is None or len(names) == MOST:
            continue
        try:
            read = sample.pixels.read()
        except PixelError:
            continue  # which a run sets aside
        if not np.isnan(row).all():
            names.append(film)
            pixels.append(read)
            values.append(row)
    if not names:
        raise DataError(
            f"expect names {count(len(expected.films), 'film')}, such as {expected.films[0]!r}, and"
            f" no data set has one that can be read; {near_misses(expected.films[0], by_name)}"
        )
    return Films(tuple(names), tuple(pixels)), np.array(values)


def _stem(name: str) -> str:
    """A film's name without folders and the end of an image's name."""
    last = name.replace("\\", "/").rpartition("/")[2]
    end = next((end for end in _FILES if last.lower().endswith(end)), "")
    return last.removesuffix(last[len(last) - len(end) :]) if end else last


def _of_table(path: Path, findings: Sequence[str]) -> dict[str, Any]:
    rows = read_rows(path)
    columns = list(rows[0].values)
    films = next((name for name in _NAMES if name in columns), columns[0])
    others = [column for column in columns if column != films]
    known = {finding: finding for finding in findings if finding in others}
    if not known and len(findings) == 1 and len(others) == 1:
        known = {findings[0]: others[0]}  # whatever it is called
    if not known:
        raise DataError(
            f"{path} has the columns {', '.join(columns)}; expected one for each finding:"
            f" {', '.join(findings)}"
        )
    said: dict[str, Any] = {}
    for row in rows:
        try:
            said[row[films]] = {
                finding: float(row[column] or "nan") for finding, column in known.items()
            }
        except ValueError as error:
            raise DataError(f"{path}, line {row.line}: {error}; expected outputs") from error
    return said


def _row(film: str, value: Any, findings: Sequence[str]) -> list[float]:
    """Outputs for one film in the order of the findings."""
    if isinstance(value, Mapping):
        for finding in value:
            if finding not in findings:
                raise DataError(f"expect: {finding!r}; {near_misses(str(finding), findings)}")
        return [_number(film, value.get(finding, "nan")) for finding in findings]
    try:
        # Of one finding a plain number, and of a network's own output a tensor.
        numbers: list[float] = torch.as_tensor(value, dtype=torch.float64).reshape(-1).tolist()
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_numbers(film, value) from error
    if len(numbers) != len(findings):
        raise DataError(
            f"expect has {count(len(numbers), 'output')} for {film}; expected one for each finding:"
            f" {', '.join(findings)}"
        )
    return numbers


def _number(film: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise _no_numbers(film, value) from error


def _no_numbers(film: str, value: Any) -> DataError:
    return DataError(
        f"expect says {value!r} of {film}; expected a number, a list in the order of the findings,"
        " or a table of numbers by finding"
    )
