"""Rows of small tables: a test writes what matters to it, the rest is as in most runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from heatproof.analysis.intervals import Intervals
from heatproof.localize import metrics
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables.films import Films
from heatproof.tables.predictions import Called, Predictions
from heatproof.tables.scores import Scores

NAN = float("nan")
QUICK = Intervals(resamples=60, min_positives=1)


def scores(values: Mapping[str, Any], **same: Any) -> list[dict[str, Any]]:
    """Rows of ``Scores``, one per film; a tuple is what a metric of data sets saw of the map.

    Args:
        values: By film.
        same: Of all these rows.
    """
    model = same.get("model", "net")
    return [
        {
            "data": "films",
            "model": model,
            "member": model,
            "image_id": film,
            "cluster": f"patient of {film}",
            "finding": "Edema",
            "reader": "reference",
            "method": "cam",
            "regions": 1,
            "metric": "iou",
            "value": value[0] if isinstance(value, tuple) else value,
            "seen": list(value) if isinstance(value, tuple) else None,
            "validity": "ok",
        }
        | same
        for film, value in values.items()
    ]


def control(name: str, values: Mapping[str, Any], **same: Any) -> list[dict[str, Any]]:
    """Rows of ``Scores`` of a control."""
    return scores(values, **{"model": "", "method": name} | same)


def predictions(told: Mapping[str, tuple[bool | None, float]], **same: Any) -> list[dict[str, Any]]:
    """Rows of ``Predictions``.

    Args:
        told: By film, its label and the probability.
        same: Of all these rows.
    """
    model = same.get("model", "net")
    return [
        {
            "data": "films",
            "model": model,
            "member": model,
            "image_id": film,
            "cluster": f"patient of {film}",
            "finding": "Edema",
            "label": label,
            "probability": probability,
        }
        | same
        for film, (label, probability) in told.items()
    ]


def films(
    marks: Mapping[str, Iterable[tuple[str, str]]], data: str = "films", **columns: Any
) -> list[dict[str, Any]]:
    """Rows of ``Films``.

    Args:
        marks: By film, finding and reader of what is marked on it.
        data: Of all these films.
        columns: By name, a value of each film, by film; metadata as ``metadata_NAME``, without the
            films of which it is unknown.
    """
    names = {key: key.removeprefix("metadata_") for key in columns if key.startswith("metadata_")}
    plain = [key for key in columns if key not in names]
    return [
        {
            "data": data,
            "image_id": film,
            "patient": f"of {film}",
            "cluster": f"patient of {film}",
            "study": "",
            "view": "",
            "labels": [],
            "marks": [_mark(*mark) for mark in drawn],
            "metadata": [
                _known(name, columns[key][film])
                for key, name in names.items()
                if film in columns[key]
            ],
        }
        | {key: columns[key][film] for key in plain}
        for film, drawn in marks.items()
    ]


def marked(names: Iterable[str], reader: str = "reference", finding: str = "Edema") -> Films:
    """Films on which one reader marked one finding."""
    return Films.of_rows(films({name: [(finding, reader)] for name in names}))


def measures(*specs: str) -> TunedMetrics:
    """Metrics by spec, with nothing tuned."""
    return TunedMetrics(metrics.parts(specs))


def _mark(finding: str, reader: str) -> dict[str, Any]:
    return {"finding": finding, "reader": reader, "instances": 1, "benchmark": False}


def _known(name: str, value: str | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "text": value, "number": None}
    return {"name": name, "text": None, "number": float(value)}


__all__ = [
    "NAN", "QUICK", "Called", "Films", "Predictions", "Scores",
    "control", "films", "marked", "measures", "predictions", "scores",
]  # fmt: skip
