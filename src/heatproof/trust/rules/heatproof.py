"""heatproof's own rule: what a careful statistician would sign.

Every criterion has a level that a map reaches without doing what is asked: the mean-mask prior for
localization, pairs of films for the rest.  The distance from there to 1 is the *room* of the
measure.

- Localization passes above the prior, unless the maps of different films are all but the same.
- Randomization passes when less than ``margin`` of the room is left of the similarity after every
  weight was randomized (and the similarity is at least ``least`` below 1): the map became as unlike
  the trained model's as the maps of other films are.
- Efficient MPRT passes when the rise of entropy, 0 of a map that did not change, exceeds ``least``.
- Repeatability and reproducibility pass when maps of the same film by different models reach more
  than ``agreement`` of the room, and at least ``least``, above those of different films.  Blur and
  position, which all films share, so count for nothing, and a map that ignores the film cannot
  pass.

Both sides of each comparison are estimated from the same films, so the interval is that of their
difference: a studentized bootstrap by patient, and from ``models`` models on by model too.  With
fewer models the verdict is about these models, and says so.  A pass or fail is an interval that
leaves the threshold out at ``level``, after Holm's correction over the grid, each way; the rest is
inconclusive.  "Strong" passes are not shown to be good by failing to be shown bad: they are at most
``inferiority`` below the readers or a supervised reference, shown in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.stats import studentized
from heatproof.stats.multiple import adjusted
from heatproof.stats.studentized import Certainty
from heatproof.trust.comparing import MeasuredCell, measured, numbered
from heatproof.trust.evidence import Asks, cells, rises
from heatproof.trust.rules import rules
from heatproof.types import Needed, Outcome, Verdict

_NAN = float("nan")
_POWER = NormalDist().inv_cdf(0.9)  # "would settle": in nine of ten trials


@rules.register("heatproof")
@dataclass(frozen=True)
class Heatproof:
    """Localization passes above the mean-mask prior. Repeatability and reproducibility pass where
    maps of the same film are more than halfway from as unlike as maps of different films to equal;
    randomization passes where less than a quarter of that way is left. Each must be shown, by an
    interval over patients that is corrected for the number of verdicts.

    Attributes:
        metric: Spec of the metric of localization: one of maps, 1 at best.
        similarity: Spec of the similarity of the other criteria, 1 for equal maps.
        agreement: The share of the room that a repeatable map must reach: the half of the published
            SSIM of 0.5, counted from where maps of different films are.
        margin: The share of the room that matters: what may be left after randomization, and the
            distance from a threshold that an open verdict should settle.
        least: Maps of different films that are nearer to equal than this are the same map: 0.97 is
            what SSIM makes of a lesion of a hundredth of the film and nothing around it.  And the
            least rise of entropy.
        inferiority: How far a strong pass may lie below readers or a supervised reference.
        level: Confidence level of the intervals.
        correction: How p-values are corrected, over the grid.
        models: The number of models from which on they are resampled, too.
        patients: With fewer patients, every verdict stays inconclusive.
        usable: The share of values that must be defined; with less, nothing is called.
        resamples: At least so many; more where the correction asks for smaller p-values.
        seed: Seed of the bootstrap.
    """

    title: ClassVar[str] = "heatproof"
    remarks: ClassVar[tuple[str, ...]] = ()
    metric: str = "auprc"
    similarity: str = "ssim"
    agreement: float = 0.5
    margin: float = 0.25
    least: float = 0.02
    inferiority: float = 0.05
    level: float = 0.95
    correction: Literal["holm", "none"] = "holm"
    models: int = 8
    patients: int = 20
    usable: float = 0.5
    resamples: int = 2000
    seed: int = 0

    def threshold(self, asks: Asks, chance: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        """What must be passed, by the level that is reached without doing what is asked."""
        room = 1 - chance
        if asks is Asks.FINDS:
            return chance
        if asks is Asks.IS_LOST:
            # Maps of films may be so alike that only `least` makes sure that a map changed at all.
            return np.minimum(chance + self.margin * room, 1 - self.least)
        if asks is Asks.RISES:
            return chance + self.least
        return chance + np.maximum(self.agreement * room, self.least)

    def __call__(
        self, table: pl.DataFrame, methods: Sequence[str], controls: Sequence[str] = ()
    ) -> tuple[Verdict, ...]:
        """A verdict per criterion and method, stronger where it also holds against a control."""
        every = tuple(dict.fromkeys((*methods, *controls)))
        every_entry = [
            measured(cell, self.threshold, self.models)
            for cell in cells(numbered(table), every, (self.metric, self.similarity, *rises(table)))
        ]
        entries = [entry for entry in every_entry if entry.cell.method in methods]
        references = [entry for entry in every_entry if entry.cell.method in controls]
        same = {
            entry.cell.method: entry.chance
            for entry in every_entry
            if entry.cell.asks in (Asks.IS_KEPT, Asks.IS_LOST) and entry.chance > 1 - self.least
        }
        plain = [_seen(entry, same.get(entry.method, 0.0)) for entry in self._plain(entries)]
        return self._strong(entries, references, plain)

    def _plain(self, entries: Sequence[MeasuredCell]) -> list[Verdict]:
        able = [entry for entry in entries if self._hindrance(entry) is None]
        tests = studentized.against_zero(
            [entry.distance for entry in entries], self._resamples(len(able)), self.level, self.seed
        )
        # Entries hold arrays and cannot be hashed, so their ids are the keys.
        named = {id(entry): test for entry, test in zip(entries, tests, strict=True)}
        passed = self._corrected([named[id(entry)].above for entry in able])
        failed = self._corrected([named[id(entry)].below for entry in able])
        outcomes = {
            id(entry): self._outcome(above, below)
            for entry, above, below in zip(able, passed, failed, strict=True)
        }
        return [
            self._verdict(entry, named[id(entry)], outcomes.get(id(entry)), len(able))
            for entry in entries
        ]

    def _strong(
        self,
        entries: Sequence[MeasuredCell],
        references: Sequence[MeasuredCell],
        plain: Sequence[Verdict],
    ) -> tuple[Verdict, ...]:
        """Against the readers or references that the same criterion was measured on."""
        against = {
            place: [
                entry.less(reference, self.inferiority)
                for reference in references
                if reference.cell.criterion == entry.cell.criterion
                and reference.cell.asks is entry.cell.asks is not Asks.IS_LOST
                and reference.cell.method != entry.cell.method
            ]
            for place, entry in enumerate(entries)
            if plain[place].passed is Outcome.PASS
        }
        against = {place: distances for place, distances in against.items() if distances}
        flat = [distance for distances in against.values() for distance in distances]
        tests = iter(
            studentized.against_zero(flat, self._resamples(len(flat)), self.level, self.seed)
        )
        best = {
            # Any one of several references will do, so that each is a chance to pass by luck.
            place: min(1.0, len(distances) * min(next(tests).above for _ in distances))
            for place, distances in against.items()
        }
        corrected = dict(zip(best, self._corrected(list(best.values())), strict=True))
        return tuple(
            # Whether a map is worse than the readers is not tested, so a strong pass is shown or
            # stays inconclusive.
            replace(verdict, strong=self._outcome(corrected[place], 1.0))
            if place in corrected
            else verdict
            for place, verdict in enumerate(plain)
        )

    def _hindrance(self, entry: MeasuredCell) -> str | None:
        """Why nothing can be called, as a sentence."""
        patients = len(entry.distance.patients)
        if entry.cell.asks is None:
            lacking = entry.cell.rows.is_empty()
            return "Nothing was measured." if lacking else "There is nothing to compare it with."
        if entry.defined < self.usable * entry.values:
            return (
                f"Only {entry.defined:,} of {entry.values:,} values are defined: the others compare"
                " maps that are empty, constant or not finite."
            )
        if patients < self.patients:
            return f"With fewer than {self.patients} patients nothing is called."
        return None

    def _outcome(self, above: float, below: float) -> Outcome:
        tail = (1 - self.level) / 2
        if above <= tail:
            return Outcome.PASS
        return Outcome.FAIL if below <= tail else Outcome.INCONCLUSIVE

    def _verdict(
        self, entry: MeasuredCell, test: Certainty, outcome: Outcome | None, tests: int
    ) -> Verdict:
        tested = entry.cell.asks is not None
        called = outcome or (Outcome.INCONCLUSIVE if tested else Outcome.NOT_TESTED)
        needed = self._needed(entry, tests) if called is Outcome.INCONCLUSIVE else None
        return Verdict(
            criterion=entry.cell.criterion,
            method=entry.cell.method,
            passed=called,
            evidence=entry.evidence(test, self.level, self._resamples(tests)),
            threshold=entry.threshold,
            rule=rules.spec(self),
            above=entry.cell.asks is not Asks.IS_LOST,
            measure=entry.cell.measure,
            needed=needed,
            p=test.above if tested else _NAN,
            notes=tuple(self._notes(entry, test, called, needed)),
        )

    def _notes(
        self, entry: MeasuredCell, test: Certainty, called: Outcome, needed: Needed | None
    ) -> Sequence[str]:
        hindrance = self._hindrance(entry)
        notes = [hindrance] if hindrance else []
        undefined = entry.values - entry.defined
        if undefined and not hindrance:
            notes.append(f"{undefined:,} of {entry.values:,} values are undefined and left out.")
        if entry.cell.asks is not None and not len(entry.distance.models):
            notes.append(entry.about)
        if called is Outcome.INCONCLUSIVE and not hindrance:
            if test.low > 0 or test.high < 0:
                notes.append(
                    "The interval leaves the threshold out, but not once corrected for the number"
                    " of verdicts."
                )
            if needed is None and np.isfinite(test.low):
                notes.append(
                    f"With so many patients a difference of {entry.margin(self.margin):.2f} to the"
                    " threshold would most likely have been seen: it is smaller."
                )
        return notes

    def _needed(self, entry: MeasuredCell, tests: int) -> Needed | None:
        """None where nothing can be said, or there already are as many."""
        (by_patient, by_model), margin = entry.distance.variances, entry.margin(self.margin)
        patients, models = len(entry.distance.patients), len(entry.distance.models)
        if not patients or not margin > 0:
            return None
        # Holm's correction depends on the other p-values, so its strictest step is planned for.
        tail = (1 - self.level) / 2 / (max(tests, 1) if self.correction == "holm" else 1)
        variance = (margin / (NormalDist().inv_cdf(1 - tail) + _POWER)) ** 2
        # Half of the variance may come from either, unless there are more models than that needs.
        draws = max(models, ceil(models * by_model / (variance / 2)))
        rest = variance - (models * by_model / draws if draws else 0)
        enough = max(self.patients, ceil(patients * by_patient / rest))
        if enough <= patients and draws <= models:
            return None
        return Needed(margin, max(enough, patients), draws or None)

    def _corrected(self, p: Sequence[float]) -> Sequence[float]:
        if self.correction == "none":
            return p
        return [float(value) for value in adjusted(np.array(p, float))]

    def _resamples(self, tests: int) -> int:
        """Enough that the smallest p, times the number of tests, is well below the level."""
        if self.correction == "none":
            return self.resamples
        return max(self.resamples, ceil(4 * tests / ((1 - self.level) / 2)))


def _seen(verdict: Verdict, alike: float) -> Verdict:
    """A map that is the same for every film may lie well, or be repeated: it finds nothing."""
    if not alike or verdict.passed is Outcome.NOT_TESTED or not verdict.above:
        return verdict
    note = f"Its maps of different films are all but the same ({alike:.3f} where equal ones have 1)"
    return replace(
        verdict,
        passed=Outcome.FAIL,
        needed=None,
        notes=(f"{note}: it does not look at the film, whatever it shows.", *verdict.notes),
    )
