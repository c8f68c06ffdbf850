"""The records that travel between the stages, and what a data set is.

Letters in shapes: ``n`` images, ``c`` channels, ``h w`` pixels, ``k`` findings, ``d y x`` features.
Lengths are pixels of the film, rows first; points are ``(x, y)`` with the origin at
the top left corner, pixel centres at half-integers (design: half-open boxes).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

Label = bool | None
"""True, False, or None for uncertain.  An *unknown* label is absent: unknown is not negative."""


AUTO = "auto"
"""What stands for a value that is found out, such as a device."""
Outputs = Literal["logits", "probabilities", "softmax"]
"""What the numbers of a network are; see ``heatproof.models.readout``."""


@runtime_checkable
class Shape(Protocol):
    """What a reader drew, in pixels of the original radiograph."""

    @property
    def instances(self) -> int:
        """How many separate things were drawn (not: connected parts of the raster)."""
        ...

    def mask(self, height: int, width: int) -> Bool[np.ndarray, "h w"]:
        """The pixels inside; raises AnnotationError when the shape does not fit the film."""
        ...


BENCHMARK = "human benchmark"
"""Reader of the annotations that maps are compared with, beside the reference standard."""
REFERENCE = "reference"
"""Name of the reference standard among the readers."""


@dataclass(frozen=True)
class Annotation:
    """Where one reader, or the reference standard, marked one finding.

    Attributes:
        finding: What was marked.
        source: The reader; ``REFERENCE`` is the reference standard, ``BENCHMARK`` stands for the
            readers whom methods are compared with.
        shape: Polygons, boxes, a mask or points.
    """

    finding: str
    source: str
    shape: Shape

    @property
    def instances(self) -> int:
        """How many separate things were drawn."""
        return self.shape.instances

    def mask(self, height: int, width: int) -> Bool[np.ndarray, "h w"]:
        """The pixels inside the annotation."""
        return self.shape.mask(height, width)


@runtime_checkable
class Pixels(Protocol):
    """Where a film comes from; nothing is decoded until ``read``."""

    def size(self) -> tuple[int, int]:
        """Height and width, from the header; raises PixelError."""
        ...

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film as float32 in [0, 1], dense tissue bright; raises PixelError.

        Films are read in several threads at once.
        """
        ...

    def version(self) -> str:
        """A string that changes when the stored film does, at little cost."""
        ...

    def digest(self) -> str:
        """A digest of what is stored, equal for copies wherever they lie."""
        ...

    def spacing(self) -> tuple[float, float] | None:
        """Millimetres from pixel to pixel, down and across; None where unknown."""
        ...


@dataclass(frozen=True)
class Sample:
    """One film: a radiograph with its labels and annotations.

    Attributes:
        image_id: Identifier of the film, unique in its data set.
        pixels: The film itself, unread.
        patient_id: The patient; None where unknown: the film then counts as independent.
        labels: Finding to True, False or None (uncertain); absent where unknown.
        annotations: What readers marked, of any finding.
        study_id: The examination that the film is of; empty where unknown.
        view: The projection as the data set spells it, such as ``"PA"``; empty where unknown.
        metadata: Whatever else is known: sex, age, scanner, subgroup.
        benchmark: Regions and most representative points, marked by the readers whom methods are
            compared with.  No map is judged by them.
        replaces: The cluster before identifiers were replaced by pseudonyms, by which cards of
            models know patients; None where they were not.  No table and no page holds it.
    """

    image_id: str
    pixels: Pixels
    patient_id: str | None = None
    labels: Mapping[str, Label] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()
    study_id: str = ""
    view: str = ""
    metadata: Mapping[str, str | float] = field(default_factory=dict)
    benchmark: tuple[Annotation, ...] = ()
    replaces: str | None = field(default=None, repr=False)

    @property
    def cluster(self) -> str:
        """What is independent: the patient, or the film where the patient is unknown."""
        # The prefix tells a patient from a film of the same name.
        return self.image_id if self.patient_id is None else f"patient {self.patient_id}"


@runtime_checkable
class Dataset(Protocol):
    """Films in a fixed order."""

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that are labelled or annotated, in a fixed order."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True, order=True)
class ModelId:
    """What distinguishes one trained model from another.

    Attributes:
        architecture: The backbone, such as ``"densenet121"``.
        head: Spec of the head, such as ``"linear"``; empty where the architecture is a whole
            network.
        data: Name of the data that it was trained on; empty where unknown.
        seed: Seed of the training.
        checkpoints: SHA-256 of the weights: one, or those of an ensemble.
        chosen: Each finding with the checkpoints that count for it; empty unless an ensemble.
    """

    architecture: str
    head: str = "linear"
    data: str = ""
    seed: int = 0
    checkpoints: tuple[str, ...] = ()
    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        """The model in words; two models may share them, so they are no key."""
        trained = f" on {self.data}" if self.data else ""
        parts = " + ".join(filter(None, (self.architecture, self.head)))
        if self.chosen:
            return f"ensemble of {len(self.checkpoints)} {parts}{trained}"
        return f"{parts}{trained}, seed {self.seed}"

    def at_rest(self) -> dict[str, Any]:
        """The fields by name, as the index of maps and the names of units hold them.

        ``randomized``, always empty, was a field once.  It stays in this form: without it no map
        and no unit of an earlier version would be found again.
        """
        return {
            "architecture": self.architecture,
            "head": self.head,
            "data": self.data,
            "seed": self.seed,
            "checkpoints": self.checkpoints,
            "randomized": (),
            "chosen": self.chosen,
        }

    @classmethod
    def of_rest(cls, fields: Mapping[str, Any]) -> "ModelId":
        """The identity whose ``at_rest`` these fields are, also after a way through JSON."""
        kept = {name: _tuples(value) for name, value in fields.items() if name != "randomized"}
        return cls(**kept)


def _tuples(value: Any) -> Any:
    """The lists of JSON as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@dataclass(frozen=True, order=True)
class MapKey:
    """The address of a saliency map; ``method`` is a spec."""

    model: ModelId
    method: str
    image_id: str
    finding: str


SINGLE = 2.0**-23
"""The step after 1 in single precision, which maps are kept in."""
ROUNDING = 8
"""Rounding alone makes values that should be equal differ by a few steps of their precision."""


class Validity(StrEnum):
    """Whether a map may be read as one, and if not, why."""

    OK = "ok"
    ZERO = "zero"  # the method found only negative evidence (ReLU of a negative sum), or nothing
    CONSTANT = "constant"  # one value everywhere: it points nowhere
    NOT_FINITE = "not finite"
    INCOMPLETE = "incomplete"  # its sum is further from the logit than the method tolerates
    # Places that do not touch share its maximum, so that it points at none of them.
    TIED = "tied"

    @classmethod
    def of_range(cls, low: float, high: float, epsilon: float = SINGLE) -> "Validity":
        """What the least and the greatest value of a map say of it, as it was made.

        Args:
            low: The least value; ``nan`` if any is.
            high: The greatest.
            epsilon: The precision that the map was made in: the step after 1.

        Returns:
            NOT_FINITE, ZERO, CONSTANT, or OK where these two are nothing against it.
        """
        if not (math.isfinite(low) and math.isfinite(high)):
            return cls.NOT_FINITE
        largest = max(abs(low), abs(high))
        if largest == 0:
            return cls.ZERO
        return cls.CONSTANT if high - low <= ROUNDING * epsilon * largest else cls.OK


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval, and how many cases stand behind it.

    Attributes:
        value: The statistic; ``nan`` without a case.
        low: Lower end of the interval; ``nan``, as ``high``, where there is no interval, such as
            that of a single case.
        high: Upper end of the interval.
        level: Level of the interval, such as 0.95.
        cases: Number of defined values.
        method: How the interval was made, in words.
        p: Two-sided p of the value being 0, of a difference; ``nan`` where there is no interval.
        hindrance: Why nothing is concluded from the interval, as a clause, such as ``"12 of the 20
            patients that a conclusion needs"``; empty where something may be.
    """

    value: float
    low: float
    high: float
    level: float
    cases: int
    method: str
    p: float = float("nan")
    hindrance: str = ""


class Outcome(StrEnum):
    """What a test shows: a sample that is too small to decide makes it inconclusive."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Needed:
    """How much would settle an open question.

    Attributes:
        margin: The distance from the threshold that would be seen in nine of ten trials.
        patients: Number of patients that it takes, of the same kind as these.
        models: Number of trained models (or architectures) that it takes besides; None where these
            are enough, or the answer is about these alone.
        draws: Number of draws of random weights; None likewise.
    """

    margin: float
    patients: int
    models: int | None = None
    draws: int | None = None


@dataclass(frozen=True)
class Verdict:
    """One cell of the trust grid: one method by one criterion under one rule.

    Attributes:
        criterion: Such as ``"randomization"``.
        method: Spec of the saliency method.
        passed: Whether the evidence was shown to be on the right side of the threshold.
        evidence: What was measured.  Under rules that take their threshold from the same films, the
            interval is that of the distance to it, laid about the value.
        threshold: ``nan`` where there is none.
        rule: Spec of the rule.
        above: Whether it passes above the threshold, or below.
        measure: Spec of the metric or similarity.
        strong: Whether it also holds up against readers or a supervised reference.
        needed: What would settle an inconclusive verdict; None where nothing can be said.
        p: p-value of the threshold not being passed, uncorrected; nan without a test.
        notes: What the reader must know about this cell, each a sentence.
    """

    criterion: str
    method: str
    passed: Outcome
    evidence: Estimate
    threshold: float
    rule: str
    above: bool = True
    measure: str = ""
    strong: Outcome = Outcome.NOT_TESTED
    needed: Needed | None = None
    p: float = float("nan")
    notes: tuple[str, ...] = ()
