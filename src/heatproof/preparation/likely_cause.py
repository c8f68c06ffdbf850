"""Why a model gives other outputs than its owner saw: the likely causes, tried in turn.

Each is tried on a few films; what comes nearer than all before is tried on all.  Where no single
cause explains the outputs, those that come nearest are tried together with causes of other kinds.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.errors import HeatproofError
from heatproof.models import Model
from heatproof.preparation.causes import Cause, causes_of
from heatproof.preparation.setups import Films, Setup, apart, outputs_of

_FEW = 3  # films on which a cause is tried first
_TOGETHER = 5  # causes that come nearest, and are tried together with others


@dataclass(frozen=True)
class Explained:
    """The cause, or the two causes, that come nearest.

    Attributes:
        words: What the owner's outputs are.
        cure: What to write.
        apart: How far outputs still lie apart.
        fits: Whether that is near enough.
    """

    words: str
    cure: str
    apart: float
    fits: bool


def explained(
    model: Model,
    films: Films,
    theirs: Float[np.ndarray, "n k"],
    setup: Setup,
    near: float,
    until: float,
) -> Explained | None:
    """The cause that explains outputs best, or two of them together; None where none comes nearer.

    Args:
        model: As heatproof runs it.
        films: Some films.
        theirs: What its owner says it gives for them.
        setup: How heatproof makes outputs.
        near: How far outputs may lie apart.
        until: When to stop, as of ``time.monotonic``.
    """
    few = Films(films.names[:_FEW], films.pixels[:_FEW])

    def away(causes: Sequence[Cause], shown: Films) -> float:
        return _away(model, shown, theirs[: len(shown.names)], setup, causes)

    best: tuple[float, tuple[Cause, ...]] = (away((), films), ())
    tried: list[tuple[float, tuple[Cause, ...]]] = []
    for causes in _in_turn(tuple(causes_of(setup, theirs.shape[1])), tried):
        # Two causes explain more than one, so that they count only where no single one does.
        if time.monotonic() > until or (best[0] <= near and len(causes) > 1):
            break
        distance = away(causes, few)
        if len(causes) == 1:
            tried.append((distance, causes))
        # Batch norm in training mode sees all films that its owner saw together.
        if distance <= near or distance < best[0] or _sees_all(causes):
            best = min(best, (away(causes, films), causes), key=lambda pair: pair[0])
    distance, causes = best
    if not causes:
        return None
    words = ", and ".join(cause.words for cause in causes)
    cure = "; ".join(cause.cure for cause in causes)
    return Explained(f"{words[0].upper()}{words[1:]}", cure, distance, distance <= near)


def _in_turn(
    causes: tuple[Cause, ...], tried: list[tuple[float, tuple[Cause, ...]]]
) -> Iterator[tuple[Cause, ...]]:
    """Every cause alone, then the nearest together with those of other kinds."""
    for cause in causes:
        yield (cause,)
    for _, (first,) in sorted(tried, key=lambda pair: pair[0])[:_TOGETHER]:
        for second in causes:
            if second.about != first.about:
                yield (first, second)


def _sees_all(causes: Sequence[Cause]) -> bool:
    return any(cause.about == "mode" for cause in causes)


def _away(
    model: Model,
    films: Films,
    theirs: Float[np.ndarray, "n k"],
    setup: Setup,
    causes: Sequence[Cause],
) -> float:
    """How far outputs lie apart at most; infinite where a cause cannot be."""
    try:
        for cause in causes:
            setup = cause.change(setup)
        ours = outputs_of(model, films, setup)
    except (HeatproofError, ValueError, RuntimeError):
        return float("inf")  # such as batch norm in training mode, of one value
    return float(apart(ours, theirs).max())
