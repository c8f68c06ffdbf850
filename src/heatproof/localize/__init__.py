"""Localization: does a map find the region that a reader marked?

``metrics`` holds the metrics, one file each, and what a metric is; what stands beside it measures
maps by all of them at once, and makes the controls that every method is compared with.
"""

from heatproof.localize.metrics import (
    DatasetMetric,
    Detections,
    LocalizationMetric,
    MeanOverFilms,
    Metric,
    Reference,
    lower_is_better,
    metrics,
    sees_negatives,
    specialize,
)

__all__ = [
    "DatasetMetric",
    "Detections",
    "LocalizationMetric",
    "MeanOverFilms",
    "Metric",
    "Reference",
    "lower_is_better",
    "metrics",
    "sees_negatives",
    "specialize",
]
