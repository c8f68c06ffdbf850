"""A film and the marks on it are resized, cropped and flipped alike: the order does not matter."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision.tv_tensors import Mask

from heatproof.data.annotations import Boxes, Outline, Points, RotatedBox, encode
from heatproof.data.annotations.contours import edges, parts
from heatproof.data.geometry import geometries
from heatproof.train.augmentations import augmentations, augmented

SIZE = 48, 64
FEW = settings(max_examples=8, deadline=None)
GEOMETRIES = (
    "squash(height=24, width=32)",
    "squash(height=96, width=128)",
    "letterbox(height=64, width=64)",
    "letterbox(height=32, width=32, place='top_left')",
    "center_crop(height=24, width=24, resize=24)",
    "crop_resize(height=24, width=24)",
    "pad_or_crop(height=56, width=40)",
    "cut(height=24, width=32, top=0.25, left=0.25, bottom=0.25, right=0.25)",
)
SIDES = st.tuples(*[st.integers(0, 11)] * 2, *[st.integers(1, 8)] * 2)
BITS = st.binary(min_size=384, max_size=384)  # a bit for each of 48 x 64 pixels


def mask_of(bits):
    mask = np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(SIZE).astype(bool)
    mask[0, 0] = mask[-1, 0] = mask[0, -1] = False  # a corner alone looks like shares
    return mask


def shape_of(kind, sides, bits):
    y, x, h, w = (4 * side for side in sides)
    match kind:
        case "box":
            return Boxes(((float(x), float(y), float(min(x + w, 64)), float(min(y + h, 48))),))
        case "turned":
            return RotatedBox(32.0, 24.0, float(w), float(h), float(3 * x + y + 1))
        case "outline":
            return Outline((((20.0, 8.0), (50.0, 12.0), (40.0, 40.0), (30.0, 20.0)),))
        case "points":
            return Points(((x + 0.5, y % 48 + 0.5),))
    return encode(mask_of(bits))


@pytest.mark.parametrize("spec", GEOMETRIES)
@FEW
@given(SIDES)
def test_a_box_is_moved_as_its_pixels_are(spec, sides):
    """Corners moved and filled are pixels filled and moved, where corners fall on the grid."""
    geometry = geometries.parse(spec)
    box = shape_of("box", sides, None)
    ((x0, y0, x1, y1),) = box.boxes
    corners = [*geometry.point(x0, y0, SIZE), *geometry.point(x1, y1, SIZE)]
    assume(all(abs(corner - round(corner)) < 1e-9 for corner in corners))
    left, top, right, bottom = (max(round(corner), 0) for corner in corners)
    moved = np.zeros((geometry.height, geometry.width), bool)
    moved[top:bottom, left:right] = True
    np.testing.assert_array_equal(geometry.mask(box.mask(*SIZE)), moved)


@pytest.mark.parametrize("spec", GEOMETRIES)
@FEW
@given(st.sampled_from(("box", "turned", "outline", "points", "mask")), SIDES, BITS)
def test_a_film_that_shows_its_mark_shows_it_still(spec, kind, sides, bits):
    """White where it is marked, black elsewhere: what is pure afterwards is marked accordingly."""
    geometry = geometries.parse(spec)
    mask = shape_of(kind, sides, bits).mask(*SIZE)
    film, moved = geometry.image(mask.astype(np.float32)), geometry.mask(mask)
    assert moved[film > 1 - 1e-4].all()
    assert not moved[film < 1e-4].any()


@FEW
@given(BITS)
def test_a_flip_of_a_contour_is_the_flip_of_its_mask(bits):
    mask = mask_of(bits)
    width = SIZE[1]
    flipped = np.zeros(SIZE, bool)
    for part in parts(mask):
        outer, holes = (
            tuple(tuple((width - x, y) for x, y in contour) for contour in contours)
            for contours in edges(part)
        )
        flipped |= Outline(outer, None, holes).mask(*SIZE)
    np.testing.assert_array_equal(flipped, mask[:, ::-1])


@pytest.mark.parametrize("spec", ["flip(probability=1.0)", "flip(probability=0.0)", "affine"])
@FEW
@given(bits=BITS, draw=st.integers(0, 1000))
def test_training_moves_films_and_masks_together(spec, bits, draw):
    mask = mask_of(bits)
    mask = np.kron(mask[:12, :16], np.ones((4, 4))).astype(bool)  # large enough to stay pure
    image = torch.tensor(mask, dtype=torch.float32)[None]
    transform = augmentations.parse(spec)()
    film, moved = augmented(image, Mask(torch.tensor(mask)[None]), [transform], 0, draw)
    film, moved = film.numpy(), moved.numpy().astype(bool)
    assert moved[film > 1 - 1e-4].all()
    assert not moved[film < 1e-4].any()
    if spec.startswith("flip"):
        np.testing.assert_array_equal(moved, film > 0.5)
        np.testing.assert_array_equal(moved[0], mask[:, ::-1] if "1.0" in spec else mask)
