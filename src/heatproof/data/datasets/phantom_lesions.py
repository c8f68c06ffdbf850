"""Phantom with three kinds of lesion: films of ``phantom``, and three findings on each of them.

Each finding is there or not, independently of the others:

- Nodule: one small soft disc in a lung;
- Consolidation: 1 to 4 soft ellipses of the size of the boxes of the RSNA challenge, cut off at
  the edge of the lung;
- Diffuse: fine knots all over both lungs, so that no place shows it more than another.

What is drawn of a lesion is the brightness that it adds; so the reference masks are exact, as those
of ``phantom``: every pixel that a lesion may change, the whole of both lungs for Diffuse.  Film i
depends on the seed and i alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float

from heatproof.data.anatomy import Chest, Exposure, film, grain
from heatproof.data.datasets import datasets
from heatproof.data.datasets.phantom import Ellipse, Ellipses, Phantom, place
from heatproof.errors import AnnotationError, DataError
from heatproof.types import REFERENCE, Annotation, Sample, Shape

FINDINGS = ("Nodule", "Consolidation", "Diffuse")
_DRAWING = 1  # raise it when the same recipe gives another picture: stored maps are then stale
_FILM = 7  # a stream of random numbers that ``phantom`` does not draw from
_NODULE = (0.018, 0.030)  # radii, as shares of the width
# Boxes of the RSNA challenge have a geometric mean side of about a quarter of the film.
_CONSOLIDATION = (0.07, 0.15)
_ELONGATION = (1.0, 2.0)
_MOST = 4
_KNOT = 0.006  # size of knots, as a share of the width


@dataclass(frozen=True)
class InLungs:
    """The part of some ellipses that lies in the lungs; without ellipses both lungs.

    Attributes:
        body: Whose lungs.
        shot: How they lie on the film.
        ellipses: The lesions.
        side: Height and width of the film.
    """

    body: Chest
    shot: Exposure
    ellipses: tuple[Ellipse, ...]
    side: int

    @property
    def instances(self) -> int:
        """One per ellipse, overlapping or not; of the lungs one each."""
        return len(self.ellipses) or 2

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError for another size."""
        if (height, width) != (self.side, self.side):
            raise AnnotationError(
                f"lesions were drawn on {self.side} x {self.side}, the image is {height} x {width}"
            )

    def mask(self, height: int, width: int) -> Bool[np.ndarray, "h w"]:
        """The pixels that lesions of this extent may change."""
        self.fit(height, width)
        inside = lungs(self.body, self.shot, self.side) > 0
        if self.ellipses:
            inside &= Ellipses(self.ellipses, self.side).mask(height, width)
        return inside


@dataclass(frozen=True)
class LesionPixels:
    """The recipe of one film, and the film.

    Attributes:
        body: The patient.
        shot: The exposure.
        nodules: Discs.
        consolidations: Ellipses, which stop at the edge of the lung.
        knots: Seed of the knots; None for none.
        contrasts: Brightness that the middle of a nodule and of a consolidation add, and the
            standard deviation of the knots, of a range of 1.
        side: Height and width.
    """

    body: Chest
    shot: Exposure
    nodules: tuple[Ellipse, ...]
    consolidations: tuple[Ellipse, ...]
    knots: int | None
    contrasts: tuple[float, float, float]
    side: int

    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.side, self.side

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film, drawn now."""
        picture = film(self.body, self.shot, self.side)
        air = lungs(self.body, self.shot, self.side)
        of_nodule, of_consolidation, of_knots = map(np.float32, self.contrasts)
        for ellipse in self.nodules:
            picture += of_nodule * ellipse.thickness(self.side)
        for ellipse in self.consolidations:
            picture += of_consolidation * air * ellipse.thickness(self.side)
        if self.knots is not None:
            picture += of_knots * air * _knots(self.knots, self.side)
        picture += grain(self.shot, self.side)
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


@datasets.register("phantom_lesions")
@dataclass(frozen=True)
class PhantomLesions:
    """Synthetic films with a small, a large and a diffuse finding.

    Attributes:
        images: Number of films.
        seed: Seed of all that is random.
        size: Height and width in pixels.
        prevalence: Share of films with each finding.
        nodule: Brightness that the middle of a nodule adds, of a range of 1.
        consolidation: Brightness that the middle of a consolidation adds.
        diffuse: Standard deviation of the knots.
        noise: Standard deviation of the film's grain.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "images": (1, 10_000_000),
        "size": (1, 10_000),
        "prevalence": (0, 1),
    }
    images: int = 800
    seed: int = 0
    size: int = 224
    prevalence: float = 1 / 3
    nodule: float = 0.2
    consolidation: float = 0.1
    diffuse: float = 0.03
    noise: float = 0.015

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        least = {"images": 0, "seed": 0, "size": 64, "nodule": 0, "consolidation": 0, "diffuse": 0}
        for name, low in {**least, "noise": 0, "prevalence": 0}.items():
            if not getattr(self, name) >= low:
                raise DataError(
                    f"phantom_lesions {name}={getattr(self, name)}, expected at least {low}"
                )
        if self.prevalence > 1:
            raise DataError(f"phantom_lesions prevalence={self.prevalence}, expected 0 to 1")

    @property
    def findings(self) -> tuple[str, ...]:
        """Nodule, Consolidation, Diffuse."""
        return FINDINGS

    def __len__(self) -> int:
        return self.images

    def __getitem__(self, index: int) -> Sample:
        if not -self.images <= index < self.images:
            raise IndexError(f"phantom {index} of {self.images}")
        return _laid_out(replace(self, images=1), index % self.images)

    def lay_out(self, index: int) -> Sample:
        """The recipe of a film, made now."""
        base = Phantom(images=index + 1, seed=self.seed, size=self.size, noise=self.noise)
        plain = base.lay_out(index)  # its patient, exposure and names; its nodules are not drawn
        body, shot = plain.pixels.body, plain.pixels.shot  # type: ignore[attr-defined]
        generator = np.random.default_rng((self.seed, _FILM, index))
        labels = {name: bool(generator.random() < self.prevalence) for name in FINDINGS}
        seed = int(generator.integers(2**31))
        nodules = self._ellipses(generator, body, shot, 1, _NODULE, (1.0, 1.4))
        count = int(generator.integers(1, _MOST + 1))
        large = self._ellipses(generator, body, shot, count, _CONSOLIDATION, _ELONGATION)
        # All is drawn of every film, so that labels change nothing else of it.
        pixels = LesionPixels(
            body,
            shot,
            nodules if labels["Nodule"] else (),
            large if labels["Consolidation"] else (),
            seed if labels["Diffuse"] else None,
            (self.nodule, self.consolidation, self.diffuse),
            self.size,
        )
        shapes: dict[str, Shape] = {
            "Nodule": Ellipses(nodules, self.size),
            "Consolidation": InLungs(body, shot, large, self.size),
            "Diffuse": InLungs(body, shot, (), self.size),
        }
        return replace(
            plain,
            image_id=f"lesions{self.seed}_{index:06d}",
            study_id=f"lesions{self.seed}_{index:06d}",
            pixels=pixels,
            labels=labels,
            annotations=tuple(
                Annotation(name, REFERENCE, shapes[name]) for name in FINDINGS if labels[name]
            ),
        )

    def _ellipses(
        self,
        generator: np.random.Generator,
        body: Chest,
        shot: Exposure,
        count: int,
        radii: tuple[float, float],
        elongation: tuple[float, float],
    ) -> tuple[Ellipse, ...]:
        outlines = [shot.pose.pixels(body.lung(side), self.size) for side in (-1, 1)]
        heart = shot.pose.pixels(body.mediastinum(), self.size)
        drawn: list[Ellipse] = []
        for _ in range(count):
            radius = generator.uniform(*radii) * self.size
            stretch = np.sqrt(generator.uniform(*elongation))
            x, y = place(generator, outlines, heart, radius, drawn)
            turn = generator.uniform(0, np.pi)
            drawn.append(Ellipse(x, y, float(radius * stretch), float(radius / stretch), turn))
        return tuple(drawn)


# Every stage asks for every film, and a recipe takes a tenth as long as the film.
@lru_cache(maxsize=10_000)
def _laid_out(lesions: PhantomLesions, index: int) -> Sample:
    return lesions.lay_out(index)


def lungs(body: Chest, shot: Exposure, size: int) -> Float[np.ndarray, "h w"]:
    """How much of each pixel is lung, 0 to 1, without what the heart hides."""
    canvas = np.zeros((size, size), np.uint8)
    for side in (-1, 1):
        outline = shot.pose.pixels(body.lung(side), size)
        cv2.fillPoly(canvas, [np.round(outline - 0.5).astype(np.int32)], 255)
    heart = shot.pose.pixels(body.mediastinum(), size)
    cv2.fillPoly(canvas, [np.round(heart - 0.5).astype(np.int32)], 0)
    # A soft edge inside the outline, so that nothing beyond it changes.
    inside = cv2.erode(canvas, np.ones((3, 3), np.uint8))
    soft: Float[np.ndarray, "h w"] = cv2.blur(inside.astype(np.float32), (3, 3)) / np.float32(255)
    return soft


def _knots(seed: int, size: int) -> Float[np.ndarray, "h w"]:
    """Fine round knots with a mean of 0 and a standard deviation of 1."""
    dust = np.random.default_rng(seed).standard_normal((size, size), np.float32)
    knots = cv2.GaussianBlur(dust, (0, 0), _KNOT * size)
    knots -= knots.mean()
    return knots / knots.std()  # type: ignore[no-any-return]
