"""Does a method find only what is common?

Findings are the cases here, so there are few of them: a rank correlation over findings of a
method's mean score with how common a finding is, how large it is, and how good the prior is at it.
It says what goes together over *these* findings, and cannot say why: common findings of the chest
are large ones as well.
"""

from collections.abc import Mapping

import polars as pl

from heatproof.stats.correlation import spearman
from heatproof.types import Estimate

EXPLAINS = ("prevalence", "area_ratio", "prior")


def by_finding(table: pl.DataFrame, labels: pl.DataFrame, response: str) -> pl.DataFrame:
    """How frequent and how large each finding is, and how well it is found.

    Args:
        table: One row per map: ``finding``, the response, and any of ``area_ratio`` and ``prior``.
        labels: One row per film and finding: ``finding``, ``label`` (null where unknown).
        response: Name of the column of the response.

    Returns:
        One row per finding: ``finding``, ``positives``, ``prevalence`` (of films whose label is
        known), and the means of the defined values of the other columns.
    """
    columns = [name for name in (response, "area_ratio", "prior") if name in table.columns]
    labelled = labels.drop_nulls("label").group_by("finding")
    common = labelled.agg(
        pl.col("label").sum().alias("positives"), pl.col("label").mean().alias("prevalence")
    )
    # polars skips null in a mean, but a single nan would make the mean nan.
    means = [pl.col(name).fill_nan(None).mean() for name in columns]
    by_name = table.group_by("finding", maintain_order=True).agg(*means)
    # A left join keeps findings without a known label, whose prevalence is undefined.
    return by_name.join(common, on="finding", how="left", maintain_order="left")


def over_findings(
    findings: pl.DataFrame, response: str, level: float = 0.95
) -> Mapping[str, Estimate]:
    """Rank correlation of the mean score with each column of ``EXPLAINS`` that the table has.

    Args:
        findings: What ``by_finding`` returns.
        response: Name of the column of the response.
        level: Confidence level of the intervals.
    """
    numbers = findings.with_columns(pl.col(pl.Float64).fill_null(float("nan")))
    score, names = numbers[response].to_numpy(), numbers["finding"].to_list()
    return {
        name: spearman(numbers[name].to_numpy(), score, names, level)
        for name in EXPLAINS
        if name in numbers.columns
    }
