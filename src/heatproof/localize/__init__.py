"""Localization: does a map find the region that a reader marked?

``metrics`` holds the metrics, one file each, and what a metric is; ``controls`` likewise what every
method is compared with.  ``measure`` measures maps by all metrics at once.
"""

from heatproof.localize.metrics import (
    DatasetMetric,
    Detections,
    LocalizationMetric,
    MeanOverFilms,
    Metric,
    RateOfPixels,
    Reference,
    at_cutoff,
    empty_is_zero,
    lower_is_better,
    metrics,
    rate_of_pixels,
    regions_overlap,
    sees_negatives,
    specialize,
    unbounded,
    unboxed,
    zero_matters,
)

__all__ = [
    "DatasetMetric",
    "Detections",
    "LocalizationMetric",
    "MeanOverFilms",
    "Metric",
    "RateOfPixels",
    "Reference",
    "at_cutoff",
    "empty_is_zero",
    "lower_is_better",
    "metrics",
    "rate_of_pixels",
    "regions_overlap",
    "sees_negatives",
    "specialize",
    "unbounded",
    "unboxed",
    "zero_matters",
]
