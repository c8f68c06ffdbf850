"""Each interpolation is its library's own, within a grey level of what its users get."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from heatproof.data.interpolations import Interpolation, interpolations
from heatproof.errors import SpecError

SIZE = (96, 80)
FILM = (np.random.default_rng(0).random((210, 233)) * 255).round().astype(np.uint8)
UNIT = FILM.astype(np.float32) / 255
GREY_LEVEL = 1 / 255


@pytest.mark.parametrize("name", interpolations.names())
def test_every_interpolation_is_named_and_resizes(name):
    part = interpolations.parse(name)
    assert isinstance(part, Interpolation)
    assert interpolations.parse(interpolations.spec(part)) == part
    resized = part(UNIT, SIZE)
    assert resized.shape == SIZE
    assert resized.dtype == np.float32
    np.testing.assert_allclose(part(np.full((50, 40), 0.6, np.float32), (50, 40)), 0.6, atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "lanczos"])
def test_pillow_is_what_torchvision_does_to_a_picture(mode):
    transform = v2.Compose(
        [
            v2.Resize(SIZE, getattr(v2.InterpolationMode, mode.upper())),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    ours = interpolations.build("pillow", {"mode": mode})(UNIT, SIZE)
    np.testing.assert_allclose(ours, transform(Image.fromarray(FILM))[0].numpy(), atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("bits", [8, 32])
def test_torch_is_what_torchvision_does_to_a_tensor(mode, antialias, bits):
    tensor = torch.from_numpy(FILM if bits == 8 else UNIT)[None]
    theirs = F.resize(
        tensor, SIZE, getattr(v2.InterpolationMode, mode.upper()), antialias=antialias
    )
    ours = interpolations.build("torch", {"mode": mode, "antialias": antialias, "bits": bits})
    scale = 255 if bits == 8 else 1
    difference = np.abs(ours(UNIT, SIZE) - theirs[0].numpy() / scale).max()
    assert difference <= 1e-6


def test_interpolations_differ_so_that_the_choice_is_no_formality():
    specs = ["torch", "torch(antialias=False)", "opencv", "opencv(mode='area')", "pillow"]
    resized = [interpolations.parse(spec)(UNIT, SIZE) for spec in specs]
    unlike = [np.abs(resized[0] - other).max() for other in resized[1:]]
    assert unlike[0] > 0.1  # aliasing
    assert unlike[1] > 0.1
    assert unlike[3] <= 1.5 * GREY_LEVEL  # Pillow rounds after each axis
    # Neither smooths, and both look at the same four pixels.
    assert np.abs(resized[1] - resized[2]).max() <= GREY_LEVEL


@pytest.mark.parametrize("name", ["torch", "pillow"])
def test_bits_that_a_library_does_not_resize_are_refused(name):
    with pytest.raises(SpecError, match="expected 8 or 32"):
        interpolations.parse(f"{name}(bits=16)")
