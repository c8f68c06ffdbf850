"""Controls: what every method is compared with, made without the model.

A control is measured as a method is, and takes one thing away: the film, the model or both.  Its
rows in tables have no model, so a method of the same name (a user may explain with ``edges``) is
another thing.  Three of them have a part in the analysis: methods are compared with the mean mask
(``PRIOR``) and with readers who looked at every film (``HUMAN_BENCHMARK``), and a strong pass is
measured against what two readers of a film reach (``READERS``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry, Squash
from heatproof.localize.reading import Reading
from heatproof.maps.store import StoredMap
from heatproof.registry import Registry, file_summary, part_name
from heatproof.types import Sample, Validity

PRIOR = "mean_mask"
HUMAN_BENCHMARK = "human_benchmark"
READERS = "readers"
FRAME = Squash(256, 256)
"""The frame that most controls are made in: finer than any lesion's outline needs."""
SIZE = (FRAME.height, FRAME.width)
FRAME_TEXT = "Squash(height=256, width=256)"
"""The frame as names of units write it, which stay from version to version."""

Made = StoredMap | Reading | None
Making = Callable[[Sample, str, str], Made]
"""Makes the map of a film, for a finding and a reader."""


@dataclass(frozen=True)
class Context:
    """One data set, as far as a control may look at it.

    Attributes:
        name: Name of the data set.
        samples: All films of the data set.
        seed: Seed of the experiment, for random maps.
        marks: Digest of all annotations of the data set.
        readings: Films that the human benchmark marked, each with a digest of these marks.
    """

    name: str
    samples: tuple[Sample, ...]
    seed: int
    marks: str
    readings: tuple[tuple[str, str], ...]


@runtime_checkable
class Control(Protocol):
    """Makes a map of a film without the model.

    A control may also have what the functions of this module ask for: ``geometry``,
    ``asks_finding``, ``prepared``, ``inputs``, ``unasked`` and ``of_grid``.
    """

    @property
    def title(self) -> str:
        """What it is called beside the methods, such as ``"image centre"``."""
        ...

    @property
    def knows(self) -> str:
        """What it knows or lacks, in a few words, such as ``"never sees the film"``."""
        ...

    def __call__(self, film: Sample, finding: str, reader: str) -> Made:
        """The map, or what a reader made of the film; None where there is none.

        Raises:
            AnnotationError, PixelError: The film is left out.
        """
        ...


controls: Registry[Control] = Registry("control", __name__, "heatproof.controls")


def definition(cls: type) -> str:
    """What a control is: the first sentence of its file, after its name."""
    return file_summary(cls)


def control_geometry(control: Control) -> Geometry:
    """What the maps cover: the whole film, unless ``control.geometry`` says otherwise."""
    geometry: Geometry = getattr(control, "geometry", FRAME)
    return geometry


def asks_finding(control: Control) -> bool:
    """Whether maps differ by finding; where they do not, one is made of each film, for ``""``."""
    return bool(getattr(control, "asks_finding", True))


def prepared(control: Control, context: Context) -> Making:
    """The control after a look at the whole data set, by ``control.prepared``; or as it is."""
    return getattr(control, "prepared", lambda _: control)(context)


def inputs_of(control: Control, context: Context) -> tuple[Any, ...]:
    """What its maps depend on besides the film and its annotations, by ``control.inputs``.

    Scores are made again when these change.  Everything counts where the control does not say.
    """
    if inputs := getattr(control, "inputs", None):
        return tuple(inputs(context))
    return (controls.spec(control), context.name, context.seed, context.marks, *context.readings)


def unasked(context: Context) -> list[str]:
    """Controls that are scored although the experiment names none, by ``control.unasked``.

    Every registered control is asked, so that a plug-in may be one of them.
    """
    classes = {name: controls.part_class(name) for name in controls.names()}
    offered = [controls.parse(name) for name, cls in classes.items() if hasattr(cls, "unasked")]
    return [controls.spec(part) for part in offered if part.unasked(context)]  # type: ignore[attr-defined]


def has_grid(control: Control) -> bool:
    """Whether there is one for each grid that methods have, made by ``control.of_grid``."""
    return hasattr(control, "of_grid")


def name_of(control: Control) -> str:
    """The name of a control in tables: its ``name``, or its spec where it has none."""
    return getattr(control, "name", None) or controls.spec(control)


def control_named(name: str) -> Control:
    """The control of that name in tables, read by its class where it has a ``read``."""
    read = getattr(controls.part_class(part_name(name)), "read", controls.parse)
    control: Control = read(name)
    return control


def as_map(values: Float[np.ndarray, "y x"]) -> StoredMap:
    """Values as a map, which may be constant: as made, before it is laid over any film."""
    validity = Validity.of_range(float(values.min()), float(values.max()))
    # Zero says of a method that it found no evidence; a control looks for none.
    return StoredMap(values, Validity.CONSTANT if validity is Validity.ZERO else validity)


def film_alone(name: str, context: Context, seed: int | None = None) -> tuple[Any, ...]:
    """The ``inputs`` of a control that looks at one film at a time."""
    # The frame is an input, since maps made in another frame score differently.
    return (name, context.name, FRAME_TEXT, seed)
