"""Venkatesh et al. 2022 (SIIM abstract): the grid of musculoskeletal radiographs.

The abstract does not state its rules.  The natural reading is that of Arun et al. 2021, which it
follows: SSIM above 0.5, and below pairs of films once randomized.  "Reasonable" localization is
read as a mean AUROC whose 95% interval lies above 0.5.  With that bar integrated gradients passes
all four criteria, and the abstract says that no method does; ``bar="prior"`` is the stricter one
that could make both true: above the mean mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import ClassVar, Literal

import polars as pl

from heatproof.stats import estimates
from heatproof.trust.evidence import Asks, Cell, cells, over_draws
from heatproof.trust.rules import rules
from heatproof.trust.rules.arun2021 import films, judged, references
from heatproof.types import Outcome, Verdict

_CHANCE = 0.5


@rules.register("venkatesh2022")
@dataclass(frozen=True)
class Venkatesh2022:
    """AUROC above 0.5 with its interval; SSIM above 0.5; SSIM below pairs of films.

    Attributes:
        bar: What localization must exceed: ``chance``, or the mean-mask ``prior``.
        metric: Spec of the metric of localization.
        similarity: Spec of the similarity of the other criteria.
        low: What repeatable maps must exceed.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"low": (-1, 1)}
    title: ClassVar[str] = "Venkatesh et al. 2022"
    remarks: ClassVar[tuple[str, ...]] = (
        "The abstract states no rule; this is the reading that its lists and its source suggest.",
        "It contradicts itself: by its own lists integrated gradients meets all four criteria, by"
        " its conclusion no method does. A stricter bar for localization would resolve it"
        ' (bar="prior").',
        "An AUROC above .5 says little: a mean mask that never sees the film reaches .89 on RSNA.",
        "An SSIM of .5 rewards blur and position: a map that ignores the film passes.",
    )
    bar: Literal["chance", "prior"] = "chance"
    metric: str = "auroc"
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
            self._verdict(cell, references(cell, all_cells, controls))
            for cell in all_cells
            if cell.method in methods
        )

    def _verdict(self, cell: Cell, high: Sequence[float]) -> Verdict:
        if cell.asks is Asks.FINDS:
            return self._localization(cell)
        threshold = self.low if cell.asks is Asks.IS_KEPT else over_draws(cell.compared)
        return judged(cell, self, threshold, high)

    def _localization(self, cell: Cell) -> Verdict:
        threshold = _CHANCE if self.bar == "chance" else over_draws(cell.compared)
        verdict = judged(cell, self, threshold, ())
        estimate = estimates.mean(cell.rows["value"].to_numpy(), list(cell.rows["cluster"]))
        # Several models may score a film, which is one case.
        verdict = replace(verdict, evidence=replace(estimate, cases=films(cell)))
        if verdict.passed is Outcome.NOT_TESTED:
            return verdict
        if isnan(estimate.low):
            note = "One patient makes no interval."
            return replace(verdict, passed=Outcome.NOT_TESTED, notes=(*verdict.notes, note))
        passed = Outcome.PASS if estimate.low > threshold else Outcome.FAIL
        return replace(verdict, passed=passed)
