"""Crops agree with the libraries that they are named for, and maps go back to their place."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2

from heatproof.data.geometry import Letterbox, Squash, shown
from heatproof.data.geometry.crops import CenterCrop, CropResize, Cut, PadOrCrop
from heatproof.data.geometry.mirror import Mirror
from heatproof.data.interpolations.of_pillow import Pillow
from heatproof.errors import SpecError

SIZES = [(300, 420), (421, 300), (333, 333), (225, 1000)]
CROPS = [
    CenterCrop(64, 64, 80),
    CenterCrop(64, 48, 100),
    CenterCrop(64, 64, 80, proportions=False),
    CropResize(64, 64),
    CropResize(48, 96),
    PadOrCrop(200, 260),
    Cut(64, 64, top=0.1, left=0.2, bottom=0.05),
    Mirror(Squash(64, 48)),
    Mirror(CenterCrop(64, 48, 100), down=True),
    Mirror(PadOrCrop(200, 260), across=False, down=True),
]


def spot(size, at):
    """A film with one soft spot, whose centre is at these shares of height and width."""
    rows, columns = np.indices(size) + 0.5
    away = (rows - at[0] * size[0]) ** 2 + (columns - at[1] * size[1]) ** 2
    return np.exp(-away / (2 * 12**2)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("canvas", [(224, 224), (192, 224)])
def test_center_crop_is_torchvisions(size, canvas):
    film = np.random.default_rng(0).random(size, np.float32)
    theirs = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(canvas)])
    ours = CenterCrop(*canvas, 256).image(film)
    np.testing.assert_array_equal(ours, theirs(torch.from_numpy(film)[None])[0].numpy())


@pytest.mark.parametrize("crop", CROPS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_a_spot_is_seen_where_the_point_says_and_its_map_comes_back(crop, size):
    """Through the middle, the only place that all of them keep."""
    film = spot(size, (0.53, 0.47))
    canvas = crop.image(film)
    rows, columns = np.indices(canvas.shape) + 0.5
    centre = (columns * canvas).sum() / canvas.sum(), (rows * canvas).sum() / canvas.sum()
    y, x = 0.53 * size[0], 0.47 * size[1]
    np.testing.assert_allclose(centre, crop.point(x, y, size), atol=0.3)
    back = crop.back(canvas, size)
    down, across = np.indices(size) + 0.5
    weights = back / back.sum()
    assert abs((weights * across).sum() - x) < 2
    assert abs((weights * down).sum() - y) < 2


@pytest.mark.parametrize("crop", [*CROPS, Squash(30, 40), Letterbox(30, 40)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_cut_off_has_the_lowest_value_and_no_other_pixel_is_changed(crop, size):
    values = np.random.default_rng(1).normal(size=(7, 9)).astype(np.float32)
    over, seen = shown(crop, values, size), crop.seen(size)
    assert (over.pixels[~seen] == values.min()).all()
    assert over.pixels[seen].max() <= values.max()
    assert over.limits == (over.pixels.min(), over.pixels.max())
    np.testing.assert_array_equal(
        np.transpose(over.maxima), np.argwhere(over.pixels == over.pixels.max())
    )
    y, x = np.argwhere(~seen)[0] + 0.5 if not seen.all() else (0.5, 0.5)
    right, down = crop.point(x, y, size)
    on_canvas = 0 <= right <= crop.width and 0 <= down <= crop.height
    assert on_canvas == seen.all()


@given(st.integers(20, 90), st.integers(20, 90), st.sampled_from(CROPS))
def test_a_mask_and_a_film_are_laid_alike(height, width, crop):
    mask = np.zeros((height, width), bool)
    mask[height // 3 : -height // 3, width // 3 : -width // 3] = True
    grey = crop.image(mask.astype(np.float32))
    assert (crop.mask(mask) == (grey >= 0.5 - 1e-6)).mean() > 0.999


def test_an_interpolation_is_part_of_the_spec():
    from heatproof.data.geometry import geometries

    part = CenterCrop(224, 224, 256, Pillow("bicubic"))
    spec = "center_crop(height=224, width=224, resize=256, interpolation=pillow(mode='bicubic'))"
    assert geometries.spec(part) == spec
    assert geometries.parse(spec) == part
    assert geometries.spec(Squash(3, 4)) == "squash(height=3, width=4)"


@pytest.mark.parametrize(
    ("part", "options", "text"),
    [
        (CenterCrop, {"resize": 200}, "at least 224"),
        (Cut, {"top": 0.6, "bottom": 0.4}, "leave some of it"),
        (Cut, {"left": -0.1}, "shares of the film"),
    ],
)
def test_impossible_crops_are_refused(part, options, text):
    with pytest.raises(SpecError, match=text):
        part(224, 224, **options)


def test_a_mirrored_map_is_the_map_mirrored() -> None:
    values = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    plain, mirrored = CropResize(50, 70), Mirror(CropResize(50, 70), down=True)
    for size in SIZES:
        back = mirrored.back(values, size)
        np.testing.assert_array_equal(back, plain.back(values[::-1, ::-1], size))


@pytest.mark.parametrize("options", [{"across": False}, {"of": Mirror(Squash(8, 8))}])
def test_a_mirror_that_is_none_is_refused(options) -> None:
    with pytest.raises(SpecError, match="mirror"):
        Mirror(**{"of": Squash(8, 8)} | options)
