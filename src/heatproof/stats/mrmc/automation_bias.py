"""Are wrong maps followed?

Each case comes with a suggestion, such as a map that says that there is a lesion.  Among cases
where the suggestion is *wrong*, a decision follows it when it says what the suggestion says.
Readers who do not see it decide that way, too, at times.  So automation bias is how much more often
wrong suggestions are followed by readers who see them than the same readers decide so unaided, on
the same cases.  The benefit is the same difference where the suggestion is right.

Rates are analysed for random readers and cases (``one_shot``, whoever decided what), and as odds
with a level of its own for every reader and case (``mixed_logistic``).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from heatproof.errors import DataError
from heatproof.stats.mrmc.figures import mean_rating
from heatproof.stats.mrmc.inference import Inference
from heatproof.stats.mrmc.mixed_logistic import mixed_logistic
from heatproof.stats.mrmc.one_shot import one_shot
from heatproof.stats.mrmc.ratings import Ratings


@dataclass(frozen=True)
class Following:
    """How often suggestions of one kind are followed.

    Attributes:
        cases: How many suggestions of the kind there are.
        unaided: Share of unaided decisions that say the same.
        aided: Share of decisions that follow.
        difference: ``aided`` less ``unaided``.
        log_odds_ratio: Of aided to unaided, by a mixed model; None where all decisions are alike.
    """

    cases: int
    unaided: Inference
    aided: Inference
    difference: Inference
    log_odds_ratio: Inference | None


@dataclass(frozen=True)
class AutomationBias:
    """Whether suggestions mislead, and whether they help.

    Attributes:
        wrong: Of wrong suggestions; its ``difference`` is the automation bias.
        right: Of right suggestions; its ``difference`` is the benefit.
    """

    wrong: Following
    right: Following


def automation_bias(
    decisions: Ratings,
    suggestion: Bool[np.ndarray, " n"],
    unaided: str,
    aided: str,
    level: float = 0.95,
) -> AutomationBias:
    """Compare decisions with and without suggestions.

    Args:
        decisions: 1 where the finding was called and 0 where not, in both modalities.
        suggestion: Whether the suggestion calls the finding, in the order of ``decisions.cases``.
        unaided: The modality without suggestions.
        aided: The modality with them.
        level: Coverage of the intervals.

    Raises:
        DataError: A decision is neither 0 nor 1, a modality is missing, or no suggestion is wrong.
    """
    if strange := set(np.unique(decisions.values[decisions.read])) - {0.0, 1.0}:
        raise DataError(f"found the decision {min(strange):g}; expected 0 and 1 alone")
    if unknown := [name for name in (unaided, aided) if name not in decisions.modalities]:
        there = ", ".join(decisions.modalities)
        raise DataError(f"no modality is named {unknown[0]!r}; there are: {there}")
    chosen = [decisions.modalities.index(name) for name in (aided, unaided)]
    followed = np.where(decisions.read, decisions.values == suggestion, np.nan)[chosen]
    right = suggestion == decisions.truth
    for kind, among in (("wrong", ~right), ("right", right)):
        if among.sum() < 2:  # noqa: PLR2004
            raise DataError(f"{int(among.sum())} suggestions are {kind}; expected two or more")
    return AutomationBias(
        *(_following(decisions, followed[..., among], among, level) for among in (~right, right))
    )


def _following(
    decisions: Ratings, followed: np.ndarray, among: np.ndarray, level: float
) -> Following:
    names = tuple(name for name, kept in zip(decisions.cases, among, strict=True) if kept)
    kept = Ratings(followed, decisions.truth[among], ("aided", "unaided"), decisions.readers, names)
    found = one_shot(mean_rating(kept), kept.modalities, level=level)
    return Following(
        int(among.sum()),
        found.means["unaided"],
        found.means["aided"],
        found.differences[0].inference,
        _odds(kept, level),
    )


def _odds(followed: Ratings, level: float) -> Inference | None:
    modality, reader, case = np.nonzero(followed.read)
    outcome = followed.values[followed.read] == 1
    aided = modality == 0
    if any(outcome[group].all() or not outcome[group].any() for group in (aided, ~aided)):
        return None
    design = np.stack([np.ones(len(outcome)), aided.astype(float)], axis=1)
    fitted = mixed_logistic(outcome, design, ("intercept", "aided"), reader, case, level)
    return fitted.coefficients["aided"]
