"""Criteria of trust: what is varied, and so which maps are compared.

Of three kinds.  ``BetweenModels`` compares what two trained models make of the same film,
``OfCopies`` a trained model and copies of it whose weights are drawn anew, ``OfFilms`` what one
model makes of a film before and after something was done to the film.  A criterion says what is
compared, and nothing of what must come out: verdicts have rules of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from heatproof.registry import Registry, part_name
from heatproof.saliency import Method
from heatproof.trust.pairs import Origin
from heatproof.trust.randomize import BlockOrder, Drawing
from heatproof.trust.similarity import Similarity

MapStack = Float[np.ndarray, "n y x"]
Aligned = tuple[Float[np.ndarray, "n v u"], Float[np.ndarray, "n v u"]]


@runtime_checkable
class BetweenModels(Protocol):
    """Compares the maps of two trained models.

    Maps are to stay alike, unless it says ``must_differ: ClassVar[bool] = True``.  A criterion
    whose models ``heatproof.ask`` takes in a form of their own shows it: ``in_python: ClassVar[str]
    = "a list of replicates: [one, other]"``.

    Attributes:
        title: Its name, for people.
        question: What it asks of a map, such as ``"Does it survive retraining?"``.
        explains: What a map must do to pass, in one or two sentences.
        needs: What the models must be for it to compare any, as the end of a sentence.
    """

    title: ClassVar[str]
    question: ClassVar[str]
    explains: ClassVar[str]
    needs: ClassVar[str]

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """Pairs of models, each with the step between them; empty where no two can be compared."""
        ...


@runtime_checkable
class OfCopies(Protocol):
    """Compares the maps of a trained model and of copies with weights drawn anew.

    Attributes:
        title: Its name, for people.
        question: What it asks of a map.
        explains: What a map must do to pass.
    """

    title: ClassVar[str]
    question: ClassVar[str]
    explains: ClassVar[str]

    @property
    def order(self) -> BlockOrder:
        """The order in which blocks are randomized."""
        ...

    @property
    def draws(self) -> int:
        """The number of draws of the weights."""
        ...

    @property
    def drawing(self) -> Drawing:
        """What is drawn anew."""
        ...

    @property
    def random_pairs(self) -> int:
        """Pairs of films whose similarity is what counts as degraded; 0 for none."""
        ...

    def explained_by(self, methods: Mapping[str, Method]) -> Mapping[str, Method]:
        """What makes the maps, under the names of these methods; the same ones, or others."""
        ...

    def measured_by(self, similarities: Mapping[str, Similarity]) -> Mapping[str, Similarity]:
        """What compares the maps, by spec: these similarities, or one of its own."""
        ...


@runtime_checkable
class OfFilms(Protocol):
    """Compares the maps of a film before and after something was done to it.

    Attributes:
        title: Its name, for people.
        question: What it asks of a map.
        explains: What a map must do to pass.
    """

    title: ClassVar[str]
    question: ClassVar[str]
    explains: ClassVar[str]

    @property
    def levels(self) -> tuple[str, ...]:
        """How much, or in which way, in order."""
        ...

    def changed(self, film: Float[np.ndarray, "h w"], level: str) -> Float[np.ndarray, "h w"]:
        """The film in [0, 1], at the same size, after it."""
        ...

    def aligned(self, before: MapStack, after: MapStack, level: str) -> Aligned:
        """Maps of both over the same places of the body."""
        ...


Criterion = BetweenModels | OfCopies | OfFilms
criteria: Registry[Criterion] = Registry("criterion of trust", __name__, "heatproof.criteria")


LOCALIZATION = "localization"
"""The criterion of the grid that rests on scores, not on pairs of maps: it is no part."""


@dataclass(frozen=True)
class Wording:
    """What people read of a criterion; fields as in ``BetweenModels``."""

    title: str
    question: str
    explains: str


_LOCALIZED = Wording(
    "Localization",
    "Does it find the lesion?",
    "Its score lies above that of the prior, one map that never sees the film.",
)


def wording(criterion: str) -> Wording:
    """What people read of a criterion of that spec; the spec where it is not registered."""
    name = part_name(criterion)
    if name == LOCALIZATION:
        return _LOCALIZED
    if name not in criteria.names():
        return Wording(criterion, criterion, "")
    cls: Any = criteria.part_class(name)
    return Wording(cls.title, cls.question, cls.explains)


def must_differ(criterion: str) -> bool:
    """Whether maps of the two models of a criterion should not be alike."""
    name = part_name(criterion)
    cls = criteria.part_class(name) if name in criteria.names() else None
    return bool(getattr(cls, "must_differ", False))


def must_change(criterion: str) -> bool:
    """Whether its maps must not be alike, since the model is not what it was.

    That is so of copies whose weights (or prompts) were drawn anew, and of permuted labels.
    """
    name = part_name(criterion)
    cls = criteria.part_class(name) if name in criteria.names() else None
    return must_differ(criterion) or hasattr(cls, "explained_by")
