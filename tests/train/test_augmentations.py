"""Images and what lies on them move together, and by nothing but seed and place."""

import pytest
import torch
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat, Mask

from heatproof.errors import SpecError
from heatproof.train.augmentations import augmentations, augmented

SPECS = ["flip(probability=1.0)", "affine(degrees=20.0, translate=0.1, scale=0.2)"]


def square() -> tuple[torch.Tensor, dict]:
    """A bright square, its mask and its box."""
    image = torch.full((1, 40, 48), -1.5)
    image[:, 8:20, 26:40] = 2.0
    box = BoundingBoxes([[26, 8, 40, 20]], format=BoundingBoxFormat.XYXY, canvas_size=(40, 48))
    return image, {"mask": Mask(image[0] > 0), "boxes": box}


def transforms(*specs: str) -> list:
    return [augmentations.parse(spec)() for spec in specs]


@pytest.mark.parametrize("specs", [SPECS[:1], SPECS[1:], SPECS], ids=str)
def test_masks_and_boxes_go_where_the_image_goes(specs: list[str]) -> None:
    image, regions = square()
    for draw in range(5):
        moved, there = augmented(image, regions, transforms(*specs), seed=1, draw=draw)
        bright = moved[0] > 0.25
        overlap = (bright & there["mask"]).sum() / (bright | there["mask"]).sum()
        assert overlap > 0.85
        ys, xs = torch.nonzero(bright, as_tuple=True)
        around = torch.tensor([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        # The box around a turned box is larger than that around what was in it.
        slack = 2 if specs == SPECS[:1] else 8
        assert (there["boxes"][0] - around).abs().max() <= slack
        assert moved.min() >= -1.5001  # nothing darker comes in from outside


def test_a_draw_is_decided_by_seed_and_place() -> None:
    image, _ = square()
    chosen = transforms("affine", "exposure")
    state = torch.random.get_rng_state()

    def draw(seed: int, before: int) -> torch.Tensor:
        torch.rand(3)
        return augmented(image, None, chosen, seed, before)[0]

    assert torch.equal(draw(1, 5), draw(1, 5))
    assert not torch.equal(draw(1, 5), draw(1, 6))
    assert not torch.equal(draw(1, 5), draw(2, 5))
    torch.random.set_rng_state(state)
    augmented(image, None, chosen, 1, 1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_exposure_shifts_and_stretches_and_leaves_the_mask() -> None:
    image, regions = square()
    changed, there = augmented(image, regions, transforms("exposure"), seed=0, draw=0)
    flat, before = changed.flatten(), image.flatten()
    # One affine map of grey values, the same everywhere.
    (a, b), *_ = torch.linalg.lstsq(
        torch.stack([before, torch.ones_like(before)], dim=1), flat[:, None]
    )
    torch.testing.assert_close(flat, a * before + b, rtol=1e-4, atol=1e-4)
    assert 0.8 <= float(a) <= 1.2
    assert float(a) != 1
    assert torch.equal(there["mask"], regions["mask"])


@pytest.mark.parametrize("spec", ["affine(scale=1.5)", "affine(degrees=-3.0)"])
def test_impossible_ones_are_refused(spec: str) -> None:
    with pytest.raises(SpecError, match="expected degrees"):
        augmentations.parse(spec)
