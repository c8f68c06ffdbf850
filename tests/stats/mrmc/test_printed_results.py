"""VanDyke and FedRoc: every number that OR-DBM MRMC 2.51 prints, to its last digit."""

import re
import warnings
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from heatproof.stats.mrmc.analysis import Random
from heatproof.stats.mrmc.covariances import jackknife
from heatproof.stats.mrmc.dorfman_berbaum_metz import (
    MeanSquares,
    dorfman_berbaum_metz,
    pseudovalues,
)
from heatproof.stats.mrmc.figures import auc
from heatproof.stats.mrmc.files import read
from heatproof.stats.mrmc.obuchowski_rockette import (
    Components,
    obuchowski_rockette,
    reader_differences,
)
from heatproof.stats.mrmc.ratings import Ratings

DESIGNS = dict(zip(("1", "2", "3"), Random, strict=True))


@pytest.fixture(scope="module", params=["VanDyke", "FedRoc"])
def study(request, shared_data) -> tuple[Ratings, str]:
    folder = shared_data / "mrmc"
    text = (folder / f"{request.param}_ORDBM251.txt").read_text(encoding="utf-8", errors="replace")
    if request.param == "VanDyke":
        return read(folder / "VanDyke.lrc"), text
    pytest.importorskip("rdata", reason="FedRoc is a file of R")
    return fed(folder / "FedRoc.RData"), text


@cache
def fed(path: Path) -> Ratings:
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class of R that is not looked at
        (data,) = rdata.read_rda(path).values()
    marks = {str(name): np.asarray(values) for name, values in data["ratings"].items()}
    # The rating of a case is that of its highest mark; -inf stands where there is none.
    values, hits = marks["NL"].max(-1), marks["LL"].max(-1)
    m, r, n = values.shape
    positive = hits.shape[-1]
    values[..., n - positive :] = np.maximum(values[..., n - positive :], hits)
    names = [tuple(str(i + 1) for i in range(size)) for size in (m, r, n)]
    return Ratings(values.astype(float), np.arange(n) >= n - positive, *names)


class Printed:
    """The numbers of a printed text, each with as many digits as stand there."""

    def __init__(self, text: str) -> None:
        self.text = text

    def section(self, start: str, end: str = "Abrakadabra") -> "Printed":
        begin = self.text.index(start) + len(start)
        stop = self.text.find(end, begin)
        return Printed(self.text[begin : stop if stop > 0 else None])

    def row(self, label: str, number: int = 0) -> list[str]:
        """The numbers of a line behind its label."""
        lines = re.findall(rf"(?m)^\s*(?:{label})\s+([-(\d].*\d.*)$", self.text)
        return re.findall(r"-?\d*\.?\d+", lines[number])


def agrees(printed: str, value: float) -> None:
    """The number lies within half a unit of the last digit; OR-DBM's t quantile errs by 2e-11."""
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    assert abs(value - float(printed)) <= half + 1e-10, (printed, value)


def test_figures_and_components_are_those_printed(study):
    ratings, text = study
    pairs, printed = auc(ratings), Printed(text)
    table = printed.section("TREATMENT x READER AUC ESTIMATES", "TREATMENT AUC MEANS")
    for r in range(len(ratings.readers)):
        for shown, value in zip(table.row(str(r + 1)), pairs.figures[:, r], strict=True):
            agrees(shown, value)
    parts = Components.of(pairs.figures, jackknife(pairs))
    anova = printed.section("TREATMENT X READER ANOVA of AUCs")
    for label, value in (("T", parts.ms_m), ("R", parts.ms_r), (r"T\*R", parts.ms_mr)):
        agrees(anova.row(label)[-1], value)
    components = printed.section("OR Component", "Corresponding DBM")
    found = {
        r"Var\(R\)": parts.var_r, r"Var\(T\*R\)": parts.var_mr, "COV1": parts.cov1,
        "COV2": parts.cov2, "COV3": parts.cov3, r"Var\(Error\)": parts.variance,
    }  # fmt: skip
    for label, value in found.items():
        agrees(components.row(label)[0], value)
    of_cases = printed.section("DBM Component", "*****")
    labels = [
        r"Var\(R\)",
        r"Var\(C\)",
        r"Var\(T\*R\)",
        r"Var\(T\*C\)",
        r"Var\(R\*C\)",
        r"Var\(T\*R\*C\) \+ Var\(Error\)",
    ]
    variances = MeanSquares.of(pseudovalues(pairs)).variances
    for label, value in zip(labels, variances.values(), strict=True):
        agrees(of_cases.row(label)[0], value)


@pytest.mark.parametrize("number", DESIGNS)
def test_tests_and_intervals_are_those_printed(study, number):
    ratings, text = study
    pairs, random = auc(ratings), DESIGNS[number]
    covariance, names = jackknife(pairs), (ratings.modalities, ratings.readers)
    found = obuchowski_rockette(pairs.figures, covariance, names, random)
    printed = Printed(text).section(f"Analysis {number} (OR Analysis)", "*****    Analysis")
    if random == Random.CASES:
        statistic, df, p = printed.section("X2 value").row("")[0:3]
        agrees(statistic, found.test.statistic * found.test.df)
    else:
        df, _, statistic, p = printed.row("Treatment")
        agrees(statistic, found.test.statistic)
        agrees(printed.row(r"Error term|T\*R")[0], found.test.error_df)
    assert int(df) == found.test.df
    agrees(p, found.test.p)
    b = printed.section("b) 95% confidence intervals", "c) Single")
    pairs_of = list(combinations(range(1, len(ratings.modalities) + 1), 2))
    assert len(found.differences) == len(pairs_of)
    for (i, j), each in zip(pairs_of, found.differences, strict=True):
        one = each.inference
        shown = b.row(f"{i} - {j}")
        values = [one.estimate, one.error, one.df, one.statistic, one.p, one.low, one.high]
        if random == Random.CASES:
            values.pop(2)
        for text_of, value in zip(shown, values, strict=True):
            agrees(text_of, value)
    c = printed.section("c) Single", "StdErr")
    for m, one in enumerate(found.means.values(), start=1):
        shown = c.row(str(m))
        agrees(shown[0], one.estimate)
        numbers = {
            Random.READERS_AND_CASES: [one.error, one.df, one.low, one.high],
            Random.CASES: [one.error, one.low, one.high],
            Random.READERS: [one.error, one.df, one.low, one.high],
        }[random]
        skipped = 2 if random == Random.READERS else 1
        for text_of, value in zip(shown[skipped:], numbers, strict=False):
            agrees(text_of, value)
    if random == Random.CASES:
        d = printed.section("d) Single-reader", "Reader  Var(Error)")
        of_readers = reader_differences(pairs.figures, covariance, names)
        for r, differences in enumerate(of_readers.values(), start=1):
            for (i, j), each in zip(pairs_of, differences, strict=True):
                one = each.inference
                values = [one.estimate, one.error, one.statistic, one.p, one.low, one.high]
                for text_of, value in zip(d.row(f"{r} +{i} - {j}"), values, strict=True):
                    agrees(text_of, value)


@pytest.mark.parametrize("random", [Random.READERS_AND_CASES, Random.READERS])
def test_pseudovalues_come_to_the_same(study, random):
    ratings, _ = study
    pairs, names = auc(ratings), (ratings.modalities, ratings.readers)
    one = obuchowski_rockette(pairs.figures, jackknife(pairs), names, random)
    other = dorfman_berbaum_metz(pseudovalues(pairs), ratings.modalities, random)
    assert one.test.p == pytest.approx(other.test.p, rel=1e-9)
    assert one.test.error_df == pytest.approx(other.test.error_df, rel=1e-9)
    for a, b in zip(one.differences, other.differences, strict=True):
        assert (a.inference.low, a.inference.p) == pytest.approx((b.inference.low, b.inference.p))
    for name, mean in one.means.items():
        assert mean.high == pytest.approx(other.means[name].high)


def test_franken_ends_where_cov2_is_below_cov3(shared_data):
    ratings = _csv(shared_data / "mrmc/Franken.csv")
    pairs = auc(ratings)
    parts = Components.of(pairs.figures, jackknife(pairs))
    assert parts.cov2 < parts.cov3
    found = obuchowski_rockette(
        pairs.figures, jackknife(pairs), (ratings.modalities, ratings.readers)
    )
    agrees("4.69406", found.test.statistic)
    assert found.test.error_df == pytest.approx(3)


def test_kundel_is_not_crossed_and_the_one_shot_takes_it(shared_data):
    from heatproof.errors import DataError
    from heatproof.stats.mrmc.one_shot import one_shot

    ratings = _csv(shared_data / "mrmc/Kundel.csv")
    assert not ratings.is_factorial
    pairs = auc(ratings)
    found = one_shot(pairs, ratings.modalities)
    for mean, figures in zip(found.means.values(), pairs.figures, strict=True):
        assert mean.estimate == pytest.approx(figures.mean())
    with pytest.raises(DataError, match="one-shot"):
        dorfman_berbaum_metz(np.where(ratings.read, 1.0, np.nan), ratings.modalities)


def _csv(path: Path) -> Ratings:
    import polars as pl

    table = pl.read_csv(path)
    return Ratings.of_columns(
        table["reader"], table["case"], table["treatment"], table["truth"], table["rating"]
    )
