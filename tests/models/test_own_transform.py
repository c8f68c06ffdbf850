"""A user's transform is seen as it is, and maps go back by the geometry that it has."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from torchvision import transforms
from torchvision.transforms import functional as F

from heatproof.data.geometry import TORCH, Letterbox, Placing, Squash, geometries
from heatproof.data.geometry.crops import CenterCrop, CropResize, Cut, PadOrCrop
from heatproof.data.geometry.enlarging import Span
from heatproof.data.geometry.mirror import Mirror
from heatproof.data.interpolations import Interpolation
from heatproof.data.interpolations.of_opencv import OpenCV
from heatproof.data.interpolations.of_pillow import Pillow
from heatproof.errors import ModelError
from heatproof.models.own_transform import NoWayBack, OwnTransform
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

FILM = np.rint(np.random.default_rng(0).random((300, 260), np.float32) * 255) / np.float32(255)
NORMALIZED = [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
CROPPED = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *NORMALIZED])


def function_of(geometry, change=lambda film: film):
    """A function of the user's with that geometry, which nobody told heatproof."""
    return lambda film: torch.from_numpy(geometry.image(change(film)))[None]


@pytest.mark.parametrize(
    "geometry",
    [
        Squash(96, 128),
        Squash(224, 224, OpenCV()),
        Letterbox(160, 160),
        Letterbox(160, 200, place="top_left", fill=0.5),
        CenterCrop(128, 96, 150),
        CenterCrop(128, 128, 160, proportions=False),
        CropResize(96, 144),
        PadOrCrop(320, 320),
        Cut(128, 128, top=0.1, left=0.05, right=0.05),
        Mirror(Squash(64, 96)),
        Mirror(CenterCrop(128, 128, 160), across=False, down=True),
        Mirror(Letterbox(160, 160), down=True),
    ],
    ids=str,
)
def test_the_geometry_of_a_function_is_found(geometry):
    found = OwnTransform(function_of(geometry)).geometry
    for size in [(300, 260), (512, 640)]:
        for x, y in [(0.3, 0.4), (0.5, 0.5), (0.6, 0.7)]:
            ours = found.point(x * size[1], y * size[0], size)
            theirs = geometry.point(x * size[1], y * size[0], size)
            np.testing.assert_allclose(ours, theirs, atol=0.01 * max(found.height, found.width))


@pytest.mark.parametrize(
    "change",
    {
        "CLAHE": lambda film: (
            cv2.createCLAHE(2.0, (8, 8)).apply((film * 255).astype(np.uint8)) / 255
        ),
        "equalized": lambda film: cv2.equalizeHist((film * 255).astype(np.uint8)) / 255,
        "z-score": lambda film: (film - film.mean()) / film.std(),
        "inverted": lambda film: 1 - film,
        "bytes": lambda film: film * 255,
    }.values(),
)
def test_the_geometry_is_found_whatever_becomes_of_grey_values(change):
    function = function_of(CenterCrop(224, 224, 256), lambda film: change(film).astype(np.float32))
    assert OwnTransform(function).geometry == CenterCrop(224, 224, 256)


def test_torchvision_sees_a_picture_and_its_parts_can_be_named():
    own = OwnTransform(CROPPED)
    assert own.takes == "rgb"
    assert own.geometry == CenterCrop(224, 224, 256)
    assert own.size == (224, 224)
    named = Preprocessing(CenterCrop(224, 224, 256, Pillow()))
    torch.testing.assert_close(own.tensor(FILM), named.tensor(FILM), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "transform",
    [
        transforms.Compose([angle, transforms.Resize((64, 64)), *NORMALIZED])
        for angle in (lambda film: F.rotate(film, 90), lambda film: F.rotate(film, 10))
    ],
    ids=["turned", "askew"],
)
def test_without_a_way_back_inputs_are_made_and_maps_are_refused(transform):
    own = OwnTransform(transform, takes="rgb")
    assert own.tensor(FILM).shape == (3, 64, 64)
    assert isinstance(own.geometry, NoWayBack)
    with pytest.raises(ModelError, match="it may turn films"):
        own.geometry.back(np.zeros((4, 4), np.float32), (300, 260))


def test_a_transform_that_mirrors_is_named() -> None:
    flipped = transforms.Compose([F.hflip, transforms.Resize((64, 64)), transforms.ToTensor()])
    assert OwnTransform(flipped, takes="rgb").geometry == Mirror(Squash(64, 64))


@dataclass(frozen=True)
class LowerLeft(Placing):
    """A film of half its size in a corner, of which nothing in heatproof knows."""

    height: int
    width: int
    interpolation: Interpolation = TORCH

    def spans(self, size):
        down, across = size[0] // 2, size[1] // 2
        return Span(self.height - down, down, self.height), Span(0, across, self.width)

    def laid(self, film, resize):
        down, across = film.shape[0] // 2, film.shape[1] // 2
        canvas = np.zeros((self.height, self.width), film.dtype)
        canvas[self.height - down :, :across] = resize(film, (down, across))
        return canvas


def test_a_new_geometry_is_found_by_its_registration_alone(monkeypatch) -> None:
    theirs = LowerLeft(320, 320)
    assert isinstance(OwnTransform(function_of(theirs)).geometry, NoWayBack)
    monkeypatch.setitem(geometries._classes, "lower_left", LowerLeft)
    assert OwnTransform(function_of(theirs)).geometry == theirs
    assert OwnTransform(function_of(Mirror(theirs))).geometry == Mirror(theirs)


def test_a_way_back_can_be_said():
    own = OwnTransform(function_of(Squash(64, 64)), back="letterbox(height=64, width=64)")
    assert own.geometry == Letterbox(64, 64)
    with pytest.raises(ModelError, match="gives 64 x 64"):
        OwnTransform(function_of(Squash(64, 64)), back=Squash(32, 32))


def test_a_crop_to_what_a_film_shows_is_noticed_on_a_real_film():
    def transform(film):
        bright = film > 0.1
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        part = film[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return torch.from_numpy(Squash(64, 64).image(np.ascontiguousarray(part)))[None]

    own = OwnTransform(transform)
    assert own.geometry == Squash(64, 64)  # films without a border are squashed
    own.check_place(0.2 + 0.6 * FILM)
    bordered = np.zeros((400, 400), np.float32)
    bordered[60:380, 10:300] = 0.5
    with pytest.raises(ModelError, match="crop each film to what it shows"):
        own.check_place(bordered)


def test_what_is_drawn_at_random_is_refused():
    augmented = transforms.Compose([transforms.RandomResizedCrop(64), transforms.ToTensor()])
    with pytest.raises(ModelError, match="draw at random"):
        OwnTransform(augmented)


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (lambda film: film, "gives shape \\(420, 360\\); expected channels"),
        (lambda film: "a film", "gives str; expected a tensor"),
        (lambda film: film.crop(3), "failed with AttributeError.*Say takes"),
        (lambda film: np.stack([film] * 3, axis=-1), "Are the channels last"),
    ],
)
def test_what_is_no_input_is_refused(transform, text):
    with pytest.raises(ModelError, match=text):
        OwnTransform(transform)


def test_films_must_become_inputs_of_one_size():
    own = OwnTransform(transforms.Compose([transforms.Resize(64), *NORMALIZED]))
    assert isinstance(own.geometry, NoWayBack)
    assert "several sizes" in own.geometry.reason


def test_two_transforms_are_told_apart_by_what_they_do():
    first, again, other = (
        OwnTransform(function_of(Squash(32, 32, part))) for part in (Pillow(), Pillow(), OpenCV())
    )
    assert first.to_json() == again.to_json()
    assert first.to_json() != other.to_json()
    assert geometries.spec(first.geometry) == geometries.spec(other.geometry)


@pytest.mark.parametrize(
    "change",
    [
        lambda film: film * np.float32(255),
        lambda film: np.minimum(film, np.float32(0.8)),  # of the brightest parts alone
        lambda film: np.maximum(film, np.float32(0.2)),
    ],
)
def test_transforms_of_one_geometry_are_told_apart_by_their_grey_values(change):
    plain = OwnTransform(function_of(Squash(32, 32)), name="ours")
    other = OwnTransform(function_of(Squash(32, 32), change), name="ours")
    assert plain.to_json() != other.to_json()


def test_unknown_forms_are_answered_with_the_near_ones():
    with pytest.raises(ModelError, match="did you mean xray or grey"):
        OwnTransform(CROPPED, takes="gray")
