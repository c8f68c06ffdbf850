"""Anatomy: a synthetic frontal chest film, drawn and not recorded.

Nobody's radiograph: tests, demos and pictures may show it.  It is a projection in spirit only:
attenuation adds up along the beam (soft tissue, less lung, more heart, vessels and bone), and a
film curve turns it into brightness.

Coordinates ``(u, v)`` run from -1 to 1 across an upright chest in the middle of the film; ``Pose``
moves them onto the pixels.  What is smooth is drawn at half resolution or a quarter; bones and
noise at full.  Lengths (in these coordinates) and attenuations were chosen by eye against public
films: they are a drawing, not anatomy to rely on.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Curves = Float[np.ndarray, "curves points 2"]
Curve = Float[np.ndarray, "points 2"]
Field = Float[np.ndarray, "h w"]
Bones = tuple[Curves, Float[np.ndarray, "curves points"]]  # centre lines and half widths

_SHIFT = 4  # fractional bits of OpenCV's coordinates
_VESSELS = ((0.022, 1.0), (0.014, 0.85), (0.009, 0.7), (0.006, 0.6))  # width, brightness


@dataclass(frozen=True)
class Pose:
    """How a chest lies on the film."""

    scale: float
    turn: float
    right: float
    down: float

    def pixels(self, points: Float[np.ndarray, "*n 2"], size: int) -> Float[np.ndarray, "*n 2"]:
        """Anatomical points as pixels of a film of that size."""
        moved = points @ self._matrix().T + np.array([self.right, self.down])
        return (moved + 1) * (size / 2)  # type: ignore[no-any-return]

    def grid(self, size: int) -> tuple[Field, Field]:
        """The anatomical coordinates of every pixel centre."""
        centres = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2 / size) - 1
        x, y = (
            (centres - np.float32(self.right))[None, :],
            (centres - np.float32(self.down))[:, None],
        )
        (a, b), (c, d) = np.linalg.inv(self._matrix()).astype(np.float32)
        return a * x + b * y, c * x + d * y

    def _matrix(self) -> Float[np.ndarray, "2 2"]:
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        return self.scale * np.array([[cosine, -sine], [sine, cosine]])


@dataclass(frozen=True)
class Chest:
    """One patient's proportions; ``width``, ``heart`` and ``muscle`` are 1 on average."""

    width: float
    diaphragm: float
    heart: float
    muscle: float
    breast: float
    seed: int

    def lung(self, side: int) -> Curve:
        """The outline of the lung on the side -1 (left of the film) or 1."""
        low = self.diaphragm + (0.06 if side > 0 else 0.0)  # the liver lifts the patient's right
        points = [
            (0.08, -0.50), (0.10, -0.70), (0.20, -0.85), (0.36, -0.84), (0.50, -0.72),
            (0.62, -0.50), (0.70, -0.20), (0.75, 0.12), (0.775, low), (0.78, low + 0.20),
            (0.72, low + 0.03), (0.58, low - 0.08), (0.40, low - 0.12), (0.24, low - 0.08),
            (0.10, low + 0.02), (0.06, 0.10), (0.06, -0.20),
        ]  # fmt: skip
        return _rounded(np.array(points) * [side * self.width, 1.0])

    def mediastinum(self) -> Curve:
        """The outline of the heart and the great vessels, clockwise from the top."""
        h, low = self.heart, self.diaphragm
        points = [
            (-0.07, -0.95), (0.07, -0.95), (0.08, -0.62), (0.12, -0.52), (0.155, -0.43),
            (0.125, -0.33), (0.12, -0.27), (0.15, -0.20), (0.16 * h, -0.10), (0.24 * h, 0.02),
            (0.36 * h, low - 0.26), (0.45 * h, low - 0.08), (0.42 * h, low + 0.03),
            (0.10, low + 0.12), (-0.17 * h, low + 0.06), (-0.22 * h, low - 0.12),
            (-0.20 * h, low - 0.36), (-0.13, -0.12), (-0.11, -0.35), (-0.10, -0.62),
        ]  # fmt: skip
        return _rounded(np.array(points))

    def skin(self) -> Curve:
        """The outline of neck, shoulders, arms and trunk."""
        half = [
            (0.0, -1.6), (0.21, -1.6), (0.20, -1.08), (0.32, -0.99), (0.70, -0.92), (0.98, -0.80),
            (1.18, -0.45), (1.30, 0.2), (1.16, 0.25), (1.02, -0.15), (0.95, -0.10), (0.93, 0.3),
            (0.91, 0.8), (0.94, 1.6), (0.0, 1.6),
        ]  # fmt: skip
        right = np.array(half) * [self.width, 1.0]
        return _rounded(np.concatenate([right, right[::-1] * [-1, 1]]))

    def reach(self, level: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """How far the rib cage reaches to the side at a height."""
        cage = np.interp(
            level, [-0.9, -0.72, -0.5, -0.2, 0.12, 0.5], [0.3, 0.52, 0.64, 0.72, 0.77, 0.8]
        )
        return np.asarray(self.width * cage)


@dataclass(frozen=True)
class Exposure:
    """What differs between two films of one chest."""

    pose: Pose
    contrast: float
    brightness: float
    noise: float
    seed: int


def chest(generator: np.random.Generator) -> Chest:
    """Draw a patient at random."""
    draw = generator.uniform
    # The order of the draws decides which film a seed gives.
    return Chest(
        width=draw(0.92, 1.06),
        diaphragm=draw(0.36, 0.56),
        heart=draw(0.85, 1.15),
        muscle=draw(0.9, 1.08),
        breast=draw(0.4, 1.0) if generator.random() < 0.5 else 0.0,  # noqa: PLR2004 - half are women
        seed=int(generator.integers(2**31)),
    )


def exposure(generator: np.random.Generator, noise: float) -> Exposure:
    """Draw the exposure of a film at random."""
    draw = generator.uniform
    pose = Pose(draw(0.94, 1.08), draw(-0.03, 0.03), draw(-0.05, 0.05), draw(0.0, 0.08))
    return Exposure(
        pose, draw(0.88, 1.12), draw(-0.05, 0.05), noise, int(generator.integers(2**31))
    )


def film(body: Chest, shot: Exposure, size: int) -> Field:
    """The film in [0, 1], without lesions and noise."""
    tissue, aerated = (
        cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR)
        for field in _soft_tissue(body, shot.pose, (size + 1) // 2)
    )
    density: Field = _bones(body, shot.pose, size)
    density *= 0.4 + 0.6 * aerated
    density += tissue
    # A film saturates slowly at both ends.
    density -= np.float32(0.5 - shot.brightness)
    density *= np.float32(-5.2 * shot.contrast)
    light: Field = cv2.exp(density)
    light += 1
    np.divide(np.float32(1 / 0.89), light, out=light)
    light -= 0.06 / 0.89
    return np.clip(light, 0, 1, out=light)


def grain(shot: Exposure, size: int) -> Field:
    """Quantum noise, smeared by the detector: sums of nine random bytes are close to normal."""
    dust = np.frombuffer(np.random.default_rng(shot.seed).bytes(size * size), np.uint8)
    smeared = cv2.GaussianBlur(dust.reshape(size, size).astype(np.float32), (3, 3), 0.6)
    # A uniform byte has a standard deviation of 74, and the blur halves it to 37.
    return (smeared - np.float32(127.5)) * np.float32(shot.noise / 37)


def _soft_tissue(body: Chest, pose: Pose, size: int) -> tuple[Field, Field]:
    """Attenuation of everything smooth, and how much air there is in front of the bones."""
    haze = _haze(body, pose, (size + 1) // 2)
    blurred: list[Field] = [cv2.resize(field, (size, size)) for field in haze]
    skin, tissue, in_lungs = blurred
    air = _slab(np.stack([body.lung(-1), body.lung(1)]), pose, size, 0.62, 0.12)
    heart = _slab(body.mediastinum()[None], pose, size, 0.42, 0.16)
    aerated: Field = air * (1 - 0.92 * heart)
    tissue += 0.10 * heart
    tissue += _spine(*pose.grid(size))
    tissue *= skin
    in_lungs += _vessels(body, pose, size)
    tissue += in_lungs * aerated
    return tissue, aerated


def _haze(body: Chest, pose: Pose, size: int) -> tuple[Field, Field, Field]:
    """Everything without a sharp edge: the thickness of the body, and what adds to it and to the
    lungs.
    """
    u, v = pose.grid(size)
    low, wide = body.diaphragm, 0.50 * body.width
    breasts = _ellipsoid(u, v, (-wide, low - 0.08, 0.36, 0.30, 0.0))
    breasts += _ellipsoid(u, v, (wide, low - 0.08, 0.36, 0.30, 0.0))
    hila = _ellipsoid(u, v, (-0.18, -0.10, 0.12, 0.17, -0.4))
    hila += _ellipsoid(u, v, (0.18, -0.10, 0.12, 0.17, 0.4))
    below = _step((v - low) / 0.10)
    mottle = _mottle(body, size)
    tissue = np.float32(0.66 * body.muscle) + 0.13 * below + 0.3 * mottle - _trachea(u, v)
    tissue += np.float32(0.16 * body.breast) * breasts * _step((v - low + 0.20) / 0.08)
    tissue -= 0.08 * _ellipsoid(u, v, (0.34, low + 0.14, 0.15, 0.07, 0.2))  # the stomach's gas
    air = 0.40 * (1 - 0.20 * below) * (1 - 0.12 * _step((-0.45 - v) / 0.12))
    skin = _slab(body.skin()[None], pose, size, 0.0, 0.11)
    return skin, tissue, 0.10 * hila + mottle - air


def _spine(u: Field, v: Field) -> Field:
    """Vertebral bodies with discs between them, and the spinous processes."""
    squared = (u * np.float32(1 / 0.085)) ** 2
    column = _bell(squared * squared * squared)
    process = _bell(squared * np.float32((0.085 / 0.016) ** 2))
    levels = np.cos(v * np.float32(2 * np.pi / 0.145))
    return 0.05 * column * (1 + 0.5 * levels) + 0.03 * process * (levels > 0.1)  # noqa: PLR2004


def _trachea(u: Field, v: Field) -> Field:
    squared = ((u - 0.005) * (1 / 0.05)) ** 2
    return 0.11 * _bell(squared * squared) * _step((-0.28 - v) / 0.03)  # type: ignore[no-any-return]


def _mottle(body: Chest, size: int) -> Field:
    """Low-frequency texture of tissue and lung, in three octaves and a half."""
    generator = np.random.default_rng(body.seed)
    total: Field = np.zeros((6, 6), np.float32)
    for cells, strength in ((6, 0.018), (16, 0.014), (48, 0.014)):
        noise: Field = generator.standard_normal((cells, cells), np.float32) * np.float32(strength)
        total = noise + cv2.resize(total, (cells, cells), interpolation=cv2.INTER_CUBIC)
    return cv2.resize(total, (size, size), interpolation=cv2.INTER_CUBIC)


def _bones(body: Chest, pose: Pose, size: int) -> Field:
    """Ribs behind, and in front of them shoulders, ribs and clavicles."""
    layers = (
        [(65, _ribs_behind(body))],
        [(75, _shoulders(body)), (36, _ribs_in_front(body)), (128, _clavicles(body))],
    )
    total: UInt8[np.ndarray, "h w"] = np.zeros((size, size), np.uint8)
    for layer, densest in zip(layers, (65, 128), strict=True):
        canvas = np.zeros((size, size), np.uint8)
        for density, (curves, half) in layer:
            _fill(canvas, _ribbons(curves, half), pose, density)
        # Spongy marrow inside dense cortex: less where everything around is bone.
        width = max(round(size / 100), 1) * 2 + 1
        marrow = cv2.multiply(canvas, cv2.blur(canvas, (width, width)), scale=0.45 / densest)
        total = cv2.add(total, cv2.subtract(canvas, marrow))
    blurred = cv2.GaussianBlur(total.astype(np.float32), (0, 0), max(0.0022 * size, 0.4))
    return blurred * np.float32(0.002)


def _ribs_behind(body: Chest) -> Bones:
    s = np.linspace(0, 1, 15)[None]
    n = np.arange(10)[:, None]
    level = -0.90 + 0.128 * n
    reach = body.reach(level + 0.1)
    u = 0.05 + (reach - 0.05) * np.sin(s * np.pi / 2)
    v = level - (0.09 - 0.004 * n) * np.sin(np.pi * np.sqrt(s)) + (0.07 + 0.030 * n) * s**2.5
    return _mirrored(u, v, 0.023 - 0.003 * s)


def _ribs_in_front(body: Chest) -> Bones:
    s = np.linspace(0, 1, 15)[None]
    n = np.arange(1, 7)[:, None]
    level = -0.83 + 0.135 * n
    reach = body.reach(level + 0.1)
    u = reach * 1.0 - (reach - 0.27) * s**1.3
    v = level + 0.05 + 0.030 * n + (0.16 + 0.01 * n) * s + 0.05 * np.sin(np.pi * s)
    return _mirrored(u, v, 0.020 + 0.008 * s)


def _clavicles(body: Chest) -> Bones:
    s = np.linspace(0, 1, 15)[None]
    u = 0.07 + 0.78 * body.width * s
    v = -0.62 - 0.22 * s + 0.045 * np.sin(2 * np.pi * s)
    return _mirrored(u, v, 0.030 - 0.012 * np.sin(np.pi * s))


def _shoulders(body: Chest) -> Bones:
    """The edge of the shoulder blade, and the head and shaft of the humerus."""
    s = np.linspace(0, 1, 15)[None]
    blade = 0.86 - 0.14 * s - 0.05 * np.sin(np.pi * s), -0.62 + 0.62 * s, 0.022 + 0.02 * (1 - s)
    arm = 1.00 + 0.16 * s**1.5, -0.70 + 0.9 * s, 0.045 + 0.045 * np.exp(-(((s - 0.08) / 0.12) ** 2))
    u, v, half = (np.concatenate(pair) for pair in zip(blade, arm, strict=True))
    return _mirrored(u * body.width, v, half)


def _vessels(body: Chest, pose: Pose, size: int) -> Field:
    """Pulmonary vessels: trees that leave the hila, thin out and fade."""
    # The mottle draws from the seed itself, so vessels take the next one.
    generator = np.random.default_rng(body.seed + 1)
    layer = np.zeros((size, size), np.uint8)
    side = np.repeat([-1.0, 1.0], 6)
    tips = np.stack([0.13 * side, np.tile(np.linspace(-0.16, -0.02, 6), 2)], 1)
    angle = np.tile(np.linspace(-1.4, 1.35, 6), 2)
    for level, (width, brightness) in enumerate(_VESSELS):
        bends = angle[:, None] + generator.normal(0, 0.22, (len(angle), 4)).cumsum(1)
        steps = 0.042 * generator.uniform(0.7, 1.5, (len(angle), 1)) * 0.92**level
        way = np.stack([side[:, None] * np.cos(bends), np.sin(bends)], 2) * steps[..., None]
        curves = np.concatenate([tips[:, None], tips[:, None] + way.cumsum(1)], 1)
        drawn = width * pose.scale * size / 2
        thickness = max(round(drawn), 1)
        # OpenCV draws no line thinner than a pixel; a thinner vessel is drawn fainter instead.
        value = 255 * brightness * min(drawn / thickness, 1.0)
        pixels = list(_fixed(pose.pixels(curves, size)))
        cv2.polylines(layer, pixels, False, value, thickness, cv2.LINE_AA, _SHIFT)
        tips, side = np.repeat(curves[:, -1], 2, axis=0), np.repeat(side, 2)
        angle = np.repeat(angle, 2) + generator.normal(0, 0.4, 2 * len(angle))
    return cv2.GaussianBlur(layer, (0, 0), max(0.0025 * size, 0.4)) * np.float32(0.13 / 255)


def _rounded(curve: Float[np.ndarray, "corners 2"]) -> Curve:
    """A closed polygon with its corners cut twice (Chaikin)."""
    for _ in range(2):
        ahead = np.roll(curve, -1, axis=0)
        cut = np.stack([0.75 * curve + 0.25 * ahead, 0.25 * curve + 0.75 * ahead], 1)
        curve = cut.reshape(-1, 2)
    return curve


def _mirrored(u: np.ndarray, v: np.ndarray, half: np.ndarray) -> Bones:
    right = np.stack(np.broadcast_arrays(u, v), 2)
    curves = np.concatenate([right, right * [-1, 1]])
    return curves, np.concatenate([np.broadcast_to(half, u.shape)] * 2)


def _ribbons(
    curves: Curves, half: Float[np.ndarray, "curves points"]
) -> Float[np.ndarray, "curves outline 2"]:
    """Outlines of bands of a given half width along curves."""
    along = np.gradient(curves, axis=1)
    normal = np.stack([-along[..., 1], along[..., 0]], 2)
    normal *= (half / np.hypot(along[..., 0], along[..., 1]))[..., None]
    return np.concatenate([curves + normal, (curves - normal)[:, ::-1]], 1)


def _fill(canvas: UInt8[np.ndarray, "h w"], curves: Curves, pose: Pose, value: int) -> None:
    for curve in _fixed(pose.pixels(curves, len(canvas))):
        cv2.fillPoly(canvas, [curve], value, cv2.LINE_AA, _SHIFT)


def _fixed(pixels: Float[np.ndarray, "*n 2"]) -> np.ndarray:
    """OpenCV's fixed-point coordinates, whose integers are pixel centres."""
    return np.round((pixels - 0.5) * 2**_SHIFT).astype(np.int32)  # type: ignore[no-any-return]


def _slab(curves: Curves, pose: Pose, size: int, edge: float, fall: float) -> Field:
    """Thickness inside outlines: ``edge`` at the rim, growing to 1 within a few times ``fall``."""
    mask = np.zeros((size, size), np.uint8)
    _fill(mask, curves, pose, 255)
    depth = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)  # noqa: PLR2004
    depth = np.minimum(depth, size)  # without an edge OpenCV calls it the largest float
    thick = 1 - np.float32(1 - edge) * _bell(depth * np.float32(2 / size / fall))
    return thick * (mask * np.float32(1 / 255))


def _ellipsoid(u: Field, v: Field, ellipse: tuple[float, float, float, float, float]) -> Field:
    """How thick an ellipsoid (u, v, radii, turn) is along the beam, 1 in its middle."""
    x, y, across, along, turn = (np.float32(value) for value in ellipse)
    p = ((u - x) * np.cos(turn) + (v - y) * np.sin(turn)) / across
    q = ((v - y) * np.cos(turn) - (u - x) * np.sin(turn)) / along
    return np.sqrt(np.maximum(1 - p * p - q * q, 0))  # type: ignore[no-any-return]


def _bell(exponent: Field) -> Field:
    """exp(-x) in a third of numpy's time, and never so small that products slow down (denormal)."""
    return np.asarray(cv2.exp(-np.minimum(exponent, np.float32(30))))


def _step(distance: Field) -> Field:
    """A smooth step from 0 to 1."""
    return 1 / (1 + _bell(distance))
