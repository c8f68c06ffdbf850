"""Failures listed film by film, told by hand."""

import polars as pl

from heatproof.analysis.failures import FALSE_POSITIVE, MISSED, failures
from heatproof.localize import metrics

NAN = float("nan")
FILMS = {  # label, probability, and IoU by two readers; called from 0.5 on
    "right": (True, 0.9, (0.2, 0.0)),
    "missed": (True, 0.5, (0.0, 0.0)),
    "missed but not called": (True, 0.4, (0.0, 0.0)),
    "without a region that can be compared": (True, 0.9, (NAN, NAN)),
    "called without reason": (False, 0.6, ()),
    "rightly not called": (False, 0.1, ()),
    "unknown": (None, 0.9, ()),
    "without a probability": (False, NAN, ()),
}


def told(image_id: str) -> dict[str, object]:
    return {"data": "d", "group": "g", "image_id": image_id, "finding": "Edema"}


def test_lists_are_those_of_the_operating_point() -> None:
    predictions = pl.DataFrame(
        [
            told(name) | {"label": label, "probability": p, "threshold": 0.5}
            for name, (label, p, _) in FILMS.items()
        ]
    )
    scores = pl.DataFrame(
        [
            told(name)
            | {"method": "grad_cam", "metric": metric, "regions": 1, "value": value}
            | {"reference": reader}
            for name, (_, _, ious) in FILMS.items()
            for reader, iou in zip("ab", ious, strict=False)
            for metric, value in (("hit_rate", 0.0), ("iou", iou))
        ]
    )
    found = list(failures(metrics.parts(["hit_rate", "iou"]), predictions, scores))
    assert [(one.kind, one.image_id, one.method) for one in found] == [
        (FALSE_POSITIVE, "called without reason", ""),
        (MISSED, "missed", "grad_cam"),
    ]
