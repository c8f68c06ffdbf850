"""Phantom: synthetic frontal films with nodules whose every pixel is known.

Half of the patients have two films, the others one; each film shows the finding or not,
independently.  Nodules are soft ellipses in the aerated lung, brightest in their middle; the
reference mask is every pixel whose centre is in one, so it is exact, and holds the faint rim too.
With ``tag``, some films carry letters in a corner, as portable films do, more often where the
finding is present: a shortcut that an audit is to expose.

Image i depends on the seed and i alone, not on how many there are, and is drawn when it is read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.anatomy import Chest, Exposure, chest, exposure, film, grain
from heatproof.data.annotations import Boxes
from heatproof.data.datasets import datasets
from heatproof.errors import AnnotationError, DataError
from heatproof.types import REFERENCE, Annotation, Sample

TAG = "Tag"
"""What the letters of a tagged film are annotated as."""
_TAG = ("PORT", 0.04, 0.10)  # letters, and the left and bottom of them
_DRAWING = 1  # raise it when the same recipe gives another picture: stored maps are then stale
_PATIENT, _FILM, _PAIR = range(3)  # streams of random numbers


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in pixels; ``turn`` is the angle from the x axis to the long radius."""

    x: float
    y: float
    long: float
    short: float
    turn: float

    def thickness(self, size: int) -> Float[np.ndarray, "h w"]:
        """Thickness along the beam: 1 in the middle, falling to 0 at the rim."""
        # Computed only in the square that holds the nodule, which is a small part of the film.
        left, top = (max(0, int(middle - self.long)) for middle in (self.x, self.y))
        right, bottom = (int(middle + self.long) + 1 for middle in (self.x, self.y))
        dx = (np.arange(left, min(right, size)) + 0.5 - self.x)[None, :]
        dy = (np.arange(top, min(bottom, size)) + 0.5 - self.y)[:, None]
        p = (dx * np.cos(self.turn) + dy * np.sin(self.turn)) / self.long
        q = (dy * np.cos(self.turn) - dx * np.sin(self.turn)) / self.short
        whole = np.zeros((size, size), np.float32)
        whole[top:bottom, left:right] = np.maximum(1 - p * p - q * q, 0)
        return whole


@dataclass(frozen=True)
class Ellipses:
    """The shape of nodules on a square film."""

    ellipses: tuple[Ellipse, ...]
    size: int

    @property
    def instances(self) -> int:
        """One per nodule, overlapping or not."""
        return len(self.ellipses)

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError for another size."""
        if (height, width) != (self.size, self.size):
            raise AnnotationError(
                f"nodules were drawn on {self.size} x {self.size}, the image is {height} x {width}"
            )

    def mask(self, height: int, width: int) -> Bool[np.ndarray, "h w"]:
        """The pixels whose centre is in a nodule."""
        self.fit(height, width)
        mask = np.zeros((height, width), bool)
        for ellipse in self.ellipses:
            mask |= ellipse.thickness(self.size) > 0
        return mask


@dataclass(frozen=True)
class PhantomPixels:
    """The recipe of one film, and the film."""

    body: Chest
    shot: Exposure
    nodules: tuple[Ellipse, ...]
    contrast: float
    tagged: bool
    size_: int

    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.size_, self.size_

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film, drawn now."""
        picture = film(self.body, self.shot, self.size_)
        for nodule in self.nodules:
            picture += np.float32(self.contrast) * nodule.thickness(self.size_)
        picture += grain(self.shot, self.size_)
        _write(picture, "L", 0.9, 0.13)
        if self.tagged:
            _write(picture, *_TAG)
        return np.clip(picture, 0, 1, out=picture)

    def version(self) -> str:
        """A digest of the recipe."""
        # The text of the recipe holds names of classes and fields: renaming one makes maps stale.
        return hashlib.sha256(f"{_DRAWING} {self}".encode()).hexdigest()[:16]

    def identity(self) -> str:
        """What decides the pixels."""
        return f"phantom {self.version()}"

    def spacing(self) -> None:
        """None: a phantom has no size but its pixels."""

    def digest(self) -> str:
        """A digest of the recipe."""
        return self.version()


@datasets.register("phantom")
@dataclass(frozen=True)
class Phantom:
    """Synthetic films; the defaults are a task that a small network learns in a minute.

    Attributes:
        images: Number of films.
        seed: Seed of all that is random.
        size: Height and width in pixels.
        finding: What the nodules are called.
        prevalence: Share of films with nodules.
        nodules: Fewest and most on such a film.
        radius: Smallest and largest geometric mean radius, as a share of the width.
        elongation: Smallest and largest ratio of long to short radius.
        contrast: Brightness that the middle of a nodule adds, of a range of 1.
        noise: Standard deviation of the film's grain, of the same range.
        tag: Correlation (phi) of a corner tag with the finding; None draws no tags.  The letters
            are annotated, as ``TAG``, which is no finding.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "images": (1, 10_000_000),
        "size": (1, 10_000),
    }
    images: int = 800
    seed: int = 0
    size: int = 96
    finding: str = "Nodule"
    prevalence: float = 0.5
    nodules: tuple[int, int] = (1, 1)
    radius: tuple[float, float] = (0.05, 0.09)
    elongation: tuple[float, float] = (1.0, 1.4)
    contrast: float = 0.2
    noise: float = 0.015
    tag: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        least_fields = {"images": 0, "seed": 0, "size": 32, "contrast": 0, "noise": 0}
        for name, least in least_fields.items():
            if not getattr(self, name) >= least:
                raise DataError(f"phantom {name}={getattr(self, name)}, expected at least {least}")
        for name, value in (("prevalence", self.prevalence), ("tag", self.tag)):
            if value is not None and not 0 <= value <= 1:
                raise DataError(f"phantom {name}={value}, expected 0 to 1")
        ranges = {"nodules": (1, 20), "radius": (0.005, 0.2), "elongation": (1, 5)}
        for name, (low, high) in ranges.items():
            least, most = getattr(self, name)
            if not low <= least <= most <= high:
                raise DataError(
                    f"phantom {name}={(least, most)}, expected smallest and largest,"
                    f" from {low} to {high}"
                )

    @property
    def findings(self) -> tuple[str, ...]:
        """The one finding, a nodule."""
        return (self.finding,)

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, index: int) -> Sample:
        if not -self.images <= index < self.images:
            raise IndexError(f"phantom {index} of {self.images}")
        return _laid_out(self, index % self.images)

    def lay_out(self, index: int) -> Sample:
        """The recipe of a film, made now."""
        patient = self._patient(index)
        body = chest(np.random.default_rng((self.seed, _PATIENT, patient)))
        generator = np.random.default_rng((self.seed, _FILM, index))
        positive = bool(generator.random() < self.prevalence)
        # The number is drawn without tags as well, so that films are otherwise the same.
        tagged = bool(generator.random() < self._tag_share(positive)) and self.tag is not None
        shot = exposure(generator, self.noise)
        nodules = self._draw_nodules(generator, body, shot) if positive else ()
        shape = Ellipses(nodules, self.size)
        return Sample(
            image_id=f"phantom{self.seed}_{index:06d}",
            pixels=PhantomPixels(body, shot, nodules, self.contrast, tagged, self.size),
            patient_id=f"phantom{self.seed}_patient{patient:06d}",
            labels={self.finding: positive},
            annotations=(
                *((Annotation(self.finding, REFERENCE, shape),) if positive else ()),
                *((Annotation(TAG, REFERENCE, _around_tag(self.size)),) if tagged else ()),
            ),
            study_id=f"phantom{self.seed}_{index:06d}",
            view="PA",
            metadata={"sex": "F" if body.breast else "M"}
            | ({} if self.tag is None else {"tag": "yes" if tagged else "no"}),
        )

    def _patient(self, index: int) -> int:
        """Films 2p and 2p + 1 are of one patient in two pairs of three, else of two patients."""
        pair = np.random.default_rng((self.seed, _PAIR, index // 2))
        # Of three pairs two are one patient and one is two, so half of the patients have two films.
        return index - index % 2 if pair.random() < 2 / 3 else index

    def _tag_share(self, positive: bool) -> float:
        """Tags are as frequent as the finding, so that phi is the difference of the shares."""
        tag = self.tag or 0.0
        return self.prevalence * (1 - tag) + tag * positive

    def _draw_nodules(
        self, generator: np.random.Generator, body: Chest, shot: Exposure
    ) -> tuple[Ellipse, ...]:
        lungs = [shot.pose.pixels(body.lung(side), self.size) for side in (-1, 1)]
        heart = shot.pose.pixels(body.mediastinum(), self.size)
        nodules: list[Ellipse] = []
        for _ in range(int(generator.integers(self.nodules[0], self.nodules[1] + 1))):
            radius = generator.uniform(*self.radius) * self.size
            # The root lengthens one radius and shortens the other, so their geometric mean stays.
            stretch = np.sqrt(generator.uniform(*self.elongation))
            x, y = place(generator, lungs, heart, radius, nodules)
            turn = generator.uniform(0, np.pi)
            nodules.append(Ellipse(x, y, float(radius * stretch), float(radius / stretch), turn))
        return tuple(nodules)


# Every stage asks for every film, and a recipe takes a tenth as long as the film.
@lru_cache(maxsize=10_000)
def _laid_out(phantom: Phantom, index: int) -> Sample:
    return phantom.lay_out(index)


def place(
    generator: np.random.Generator,
    lungs: list[Float[np.ndarray, "lung 2"]],
    heart: Float[np.ndarray, "heart 2"],
    radius: float,
    others: list[Ellipse],
) -> tuple[float, float]:
    """A centre in a lung, as far as can be from its edge, the heart and other nodules."""
    outlines = [curve.astype(np.float32) for curve in lungs]
    best, room = (0.0, 0.0), -np.inf
    for _ in range(200):
        lung = outlines[int(generator.random() < 0.5)]  # noqa: PLR2004 - either lung
        x, y = map(float, generator.uniform(lung.min(axis=0), lung.max(axis=0)))
        free = min(
            cv2.pointPolygonTest(lung, (x, y), True),
            -cv2.pointPolygonTest(heart.astype(np.float32), (x, y), True),
            *(np.hypot(x - other.x, y - other.y) - other.long for other in others),
        )
        if free > room:
            best, room = (x, y), free
        if room > 0.7 * radius:
            break
    return best


def _around_tag(size: int) -> Boxes:
    """The letters of a tag, with the soft edge that they are drawn with."""
    text, left, bottom = _TAG
    (width, height), below = cv2.getTextSize(text, *_lead(size))
    x, y = round(left * size), round(bottom * size)
    return Boxes(
        (
            (
                float(max(x - 1, 0)),
                float(max(y - height - 1, 0)),
                float(x + width + 1),
                float(y + below),
            ),
        )
    )


def _lead(size: int) -> tuple[int, float, int]:
    """Font, scale and thickness of letters on a film of this size."""
    return cv2.FONT_HERSHEY_SIMPLEX, size / 480, max(round(size / 160), 1)


def _write(picture: Float[np.ndarray, "h w"], text: str, left: float, bottom: float) -> None:
    """Draw white letters, which look like lead markers on a film."""
    size = picture.shape[0]
    layer = np.zeros(picture.shape, np.uint8)
    place = (round(left * size), round(bottom * size))
    font, scale, thickness = _lead(size)
    cv2.putText(layer, text, place, font, scale, 255, thickness, cv2.LINE_AA)
    np.maximum(picture, layer * np.float32(0.95 / 255), out=picture)
