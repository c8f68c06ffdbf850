"""``compare_readers``: are readers better with one modality than with another?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from os import PathLike
from pathlib import Path

import polars as pl

from heatproof.errors import DataError, near_misses
from heatproof.stats.mrmc import figures
from heatproof.stats.mrmc.analysis import Analysis, Random
from heatproof.stats.mrmc.covariances import jackknife
from heatproof.stats.mrmc.files import read
from heatproof.stats.mrmc.obuchowski_rockette import obuchowski_rockette
from heatproof.stats.mrmc.one_shot import one_shot
from heatproof.stats.mrmc.pairs import Pairs
from heatproof.stats.mrmc.ratings import Marks, Ratings

OF_RATINGS: Mapping[str, Callable[..., Pairs]] = {
    "auc": figures.auc,
    "sensitivity": figures.sensitivity,
    "specificity": figures.specificity,
    "percent_correct": figures.percent_correct,
}
OF_MARKS: Mapping[str, Callable[..., Pairs]] = {
    "wafroc": figures.wafroc,
    "afroc": figures.afroc,
    "froc": figures.froc,
    "lroc": figures.lroc,
}
_DECISIONS = ("sensitivity", "specificity", "percent_correct")  # which take a threshold


@dataclass(frozen=True, repr=False)
class ReaderStudy:
    """What a study of many readers and cases says; printed, its tables.

    Attributes:
        figure: What is compared, such as ``auc``.
        method: Which analysis made it.
        analysis: The test, means and differences.
        readers: One row per modality and reader: ``value``.
        means: One row per modality: ``value``, ``low`` and ``high``.
        differences: One row per two modalities: ``value`` (first less second), ``low``, ``high``,
            ``p`` and, where a margin was given, ``p_non_inferior`` (of the first).
    """

    figure: str
    method: str
    analysis: Analysis
    readers: pl.DataFrame
    means: pl.DataFrame
    differences: pl.DataFrame

    def __repr__(self) -> str:
        lines = [f"{self.figure}, {self.method}; random: {self.analysis.random}"]
        lines += [
            f"{row['modality']}: {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
            for row in self.means.iter_rows(named=True)
        ]
        if (test := self.analysis.test) is not None:
            df = "infinite" if isinf(test.error_df) else f"{test.error_df:.2f}"
            lines.append(
                f"all equal: F {test.statistic:.4f}, df {test.df} and {df}, p {test.p:.4f}"
            )
        for row in self.differences.iter_rows(named=True):
            margin = row.get("p_non_inferior")
            lines.append(
                f"{row['first']} - {row['second']}: {row['value']:+.4f}"
                f" [{row['low']:+.4f}, {row['high']:+.4f}], p {row['p']:.4f}"
                + ("" if margin is None else f", non-inferior: p {margin:.4f}")
            )
        return "\n".join(lines)


def compare_readers(
    study: Ratings | Marks | str | PathLike[str],
    figure: str | None = None,
    *,
    random: str = Random.READERS_AND_CASES,
    threshold: float = 0.5,
    margin: float | None = None,
    level: float = 0.95,
) -> ReaderStudy:
    """Compare modalities that several readers read, with statistics for shared readers and cases.

    Where every reader read every case in every modality this is the Obuchowski-Rockette analysis
    with jackknife covariances and Hillis' degrees of freedom, as OR-DBM MRMC prints it (Hillis,
    Stat Med 2007, https://doi.org/10.1002/sim.2532); elsewhere Gallas' one-shot analysis, as that
    of iMRMC (Gallas, Acad Radiol 2006, https://doi.org/10.1016/j.acra.2005.11.030).

    Args:
        study: A CSV with columns ``reader``, ``case``, ``modality``, ``truth`` (0 or 1) and
            ``rating`` (and ``lesion``, for marks), a file of iMRMC (``.imrmc``) or of OR-DBM
            (``.lrc``); or ``Ratings`` or ``Marks`` of ``heatproof.stats.mrmc.ratings``.
        figure: ``auc``, ``sensitivity``, ``specificity`` or ``percent_correct`` of ratings;
            ``wafroc``, ``afroc``, ``froc`` or ``lroc`` of marks; None for the first.
        random: To what results shall hold beyond this study: ``readers and cases``, ``cases``, or
            ``readers``.
        threshold: From which rating on a case is called positive; for decisions.
        margin: The largest loss that would not matter; asks whether the first of two modalities is
            non-inferior to the second.
        level: Coverage of the intervals.

    Raises:
        DataError: The file cannot be read, or the study does not allow the analysis.

    Example:
        >>> import heatproof, io
        >>> from heatproof.stats.mrmc.ratings import Ratings
        >>> rows = [(r, c, m, c % 2, c % 2 + (c * 7 + r) % (3 if m == "map" else 5))
        ...         for r in (1, 2, 3) for c in range(20) for m in ("map", "no map")]
        >>> print(heatproof.compare_readers(Ratings.of_columns(*zip(*rows))))  # doctest: +ELLIPSIS
        auc, Obuchowski-Rockette; random: readers and cases
        map: 0.7... [...]
        no map: 0.6... [...]
        all equal: F ...
        map - no map: ...
    """
    rated = study if isinstance(study, Ratings | Marks) else read(Path(study))
    if random not in set(Random):
        raise DataError(f"random {random!r}: {near_misses(random, list(Random))}")
    if margin is not None and not margin > 0:
        raise DataError(f"margin {margin}: expected a loss above 0, such as 0.05")
    name, pairs = _compared(rated, figure, threshold)
    method, analysis = _analysed(rated, pairs, Random(random), level)
    return ReaderStudy(
        name,
        method,
        analysis,
        pl.DataFrame(
            [
                {"modality": modality, "reader": reader, "value": float(pairs.figures[m, r])}
                for m, modality in enumerate(rated.modalities)
                for r, reader in enumerate(rated.readers)
            ]
        ),
        _means(analysis),
        _differences(analysis, margin),
    )


def _compared(rated: Ratings | Marks, figure: str | None, threshold: float) -> tuple[str, Pairs]:
    """The name of the figure, and its credit case by case."""
    known, others, kind = OF_RATINGS, OF_MARKS, "ratings of cases"
    if isinstance(rated, Marks):
        known, others, kind = OF_MARKS, OF_RATINGS, "marks with places"
    name = figure or next(iter(known))
    if name in others:
        raise DataError(
            f"figure {name!r} is not one of {kind}, which these are; there are: {', '.join(known)}"
        )
    if name not in known:
        raise DataError(f"figure {name!r}: {near_misses(name, known)}")
    options = {"threshold": threshold} if name in _DECISIONS else {}
    return name, known[name](rated, **options)


def _analysed(
    rated: Ratings | Marks, pairs: Pairs, random: Random, level: float
) -> tuple[str, Analysis]:
    """The name of the analysis that the design allows, and what it says."""
    if rated.read.all():
        names = (rated.modalities, rated.readers)
        analysis = obuchowski_rockette(pairs.figures, jackknife(pairs), names, random, level)
        return "Obuchowski-Rockette", analysis
    if random != Random.READERS_AND_CASES:
        raise DataError(
            "not every reader read every case in every modality; such a study is analysed for"
            " random readers and cases alone"
        )
    return "one-shot", one_shot(pairs, rated.modalities, level=level)


def _means(analysis: Analysis) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"modality": name, "value": mean.estimate, "low": mean.low, "high": mean.high}
            for name, mean in analysis.means.items()
        ]
    )


def _differences(analysis: Analysis, margin: float | None) -> pl.DataFrame:
    rows = []
    for each in analysis.differences:
        by = each.inference
        row = {"first": each.first, "second": each.second, "value": by.estimate}
        row |= {"low": by.low, "high": by.high, "p": by.p}
        rows.append(row | ({} if margin is None else {"p_non_inferior": by.p_non_inferior(margin)}))
    return pl.DataFrame(rows)
