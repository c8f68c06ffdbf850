"""Arun et al. 2021: means on one side of a line.

Arun et al., Assessing the Trustworthiness of Saliency Maps, Radiology: AI 2021,
https://doi.org/10.1148/ryai.2021200267, and its public code.

- Localization passes when the mean AUPRC is above that of the mean mask, strongly when not below
  that of a supervised reference.
- Randomization passes when, with every block randomized, the mean SSIM to the trained model's map
  (over films, then over randomized copies) is below that of pairs of films.
- Repeatability and reproducibility pass when the mean SSIM is above 0.5, strongly when not below
  that of two supervised references.

The study has no readers, so they set no bar here.  There is no interval and no test, so nothing is
ever inconclusive.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import polars as pl

from heatproof.localize.controls import READERS
from heatproof.trust.evidence import Asks, Cell, cells, over_draws
from heatproof.trust.rules import Rule, rules
from heatproof.types import Estimate, Outcome, Verdict

_NAN = float("nan")


@rules.register("arun2021")
@dataclass(frozen=True)
class Arun2021:
    """Compares means: above the mean mask, above an SSIM of 0.5, below pairs of films.

    Attributes:
        metric: Spec of the metric of localization.
        similarity: That of the other criteria, with the data range that the study's code used.
        low: What repeatable maps must exceed.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"low": (-1, 1)}
    title: ClassVar[str] = "Arun et al. 2021"
    remarks: ClassVar[tuple[str, ...]] = (
        "Means are compared without an interval: on SIIM two methods pass randomization by about"
        " .01 or less.",
        "SSIM takes a data range of 2 for maps in [0, 1], which raises it; the supervised"
        " reference was compared with another range.",
        "An SSIM of .5 rewards blur and position: a map that ignores the film passes.",
        "The pairs behind the randomization threshold were drawn without a seed, from one model,"
        " and never held the last film.",
        "The target followed the randomized model; here it is fixed.",
    )
    metric: str = "auprc"
    similarity: str = "ssim(data_range=2.0)"
    low: float = 0.5

    def __call__(
        self, table: pl.DataFrame, methods: Sequence[str], controls: Sequence[str] = ()
    ) -> tuple[Verdict, ...]:
        """A verdict per criterion and method."""
        every = tuple(dict.fromkeys((*methods, *controls)))
        # Plain SSIM stands in where the published one was not measured, and a note says so.
        measures = (self.metric, self.similarity, "ssim")
        all_cells = list(cells(table, every, measures, own_bars=True))
        return tuple(
            judged(cell, self, self.threshold(cell), references(cell, all_cells, controls))
            for cell in all_cells
            if cell.method in methods
        )

    def threshold(self, cell: Cell) -> float:
        """What the mean must pass."""
        return self.low if cell.asks is Asks.IS_KEPT else over_draws(cell.compared)


def references(cell: Cell, all_cells: Sequence[Cell], controls: Sequence[str]) -> list[float]:
    """The means of the supervised references by the same criterion and measure."""
    supervised = [name for name in controls if name != READERS]
    means = [
        over_draws(other.rows)
        for other in all_cells
        if (other.criterion, other.measure) == (cell.criterion, cell.measure)
        and other.method in supervised
    ]
    return [mean for mean in means if mean == mean]  # noqa: PLR0124  only nan differs from itself


class ByMeans(Rule, Protocol):
    """A rule that compares means."""

    @property
    def metric(self) -> str:
        """Spec of the metric of localization."""
        ...

    @property
    def similarity(self) -> str:
        """Spec of the similarity of the other criteria."""
        ...


def judged(cell: Cell, rule: ByMeans, threshold: float, high: Sequence[float]) -> Verdict:
    """The verdict by the mean alone."""
    value = over_draws(cell.rows)
    above = cell.asks is not Asks.IS_LOST
    passed = _side(value, threshold, above, float.__gt__)
    # The study has no strong bar for randomization.
    strong = cell.asks in (Asks.FINDS, Asks.IS_KEPT) and bool(high)
    return Verdict(
        criterion=cell.criterion,
        method=cell.method,
        passed=passed,
        evidence=Estimate(value, _NAN, _NAN, 0.95, films(cell), "mean, no interval"),
        threshold=threshold,
        rule=rules.spec(rule),
        above=above,
        measure=cell.measure,
        strong=_side(value, max(high), above, float.__ge__) if strong else Outcome.NOT_TESTED,
        notes=tuple(_notes(cell, rule, value, passed)),
    )


def films(cell: Cell) -> int:
    """The number of films with a value."""
    return cell.rows.filter(pl.col("value").is_finite())["image_id"].n_unique()


def _notes(cell: Cell, rule: ByMeans, value: float, passed: Outcome) -> Iterator[str]:
    if cell.rows.is_empty():
        yield "Nothing was measured."
        return
    if passed is Outcome.NOT_TESTED:
        undefined = value != value  # noqa: PLR0124  only nan differs from itself
        yield "No value is defined." if undefined else "There is nothing to compare it with."
    if cell.measure not in (rule.metric, rule.similarity):
        yield f"The study took {rule.similarity}."


def _side(
    value: float, threshold: float, above: bool, beyond: Callable[[float, float], bool]
) -> Outcome:
    if value != value or threshold != threshold:  # noqa: PLR0124  only nan differs from itself
        return Outcome.NOT_TESTED
    passed = beyond(value, threshold) if above else beyond(threshold, value)
    return Outcome.PASS if passed else Outcome.FAIL
