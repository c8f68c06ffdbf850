"""Targets of localizers move with the image that they lie on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.data.pixels import ArrayPixels
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.targets import BoxTarget, MaskTarget, box_target, mask_target
from heatproof.train.augmentations import augmentations
from heatproof.train.images import Batch, ImageDraw, Images
from heatproof.train.reading import read
from heatproof.train.regions import as_regions, digest_regions, from_regions
from heatproof.types import Annotation, Sample
from tests.train.toys import Listed

HEIGHT, WIDTH = 40, 48
PLAIN = Preprocessing(Squash(HEIGHT, WIDTH), channels=1, mean=(0.0,), std=(1.0,))
FINDINGS = ("square", "nothing")
FLIP, AFFINE = "flip(probability=1.0)", "affine(degrees=20.0, translate=0.1, scale=0.2)"
TARGETS = {"boxes": box_target, "masks": mask_target}


def square() -> Listed:
    """A film twice the size of the canvas with a bright square off its middle, boxed."""
    film = np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32)
    film[16:40, 52:80] = 1
    marked = Annotation("square", "reference", Boxes(((52, 16, 80, 40),)))
    labels = {"square": True, "nothing": False}
    return Listed([Sample("film", ArrayPixels(film), labels=labels, annotations=(marked,))])


def drawn(kind: str, specs: list[str], cache_gb: float = 1.0, seed: int = 0) -> Batch:
    """The film, drawn six times in one run."""
    images = Images(
        square(), PLAIN, torch.tensor([[1.0, 0.0]]), kept=read(square(), PLAIN, cache_gb).images,
        target=lambda sample, _: TARGETS[kind](sample, FINDINGS, PLAIN),
        transforms=[augmentations.parse(spec)() for spec in specs], seed=seed,
    )  # fmt: skip
    return images.__getitems__([ImageDraw(0, before) for before in range(6)])


@pytest.mark.parametrize("specs", [[], [FLIP], [AFFINE], [FLIP, AFFINE]], ids=str)
def test_boxes_and_masks_lie_on_what_they_mark_wherever_it_goes(specs: list[str]) -> None:
    boxes, masks = drawn("boxes", specs), drawn("masks", specs)
    assert torch.equal(boxes.images, masks.images)  # the draw, not the target, decides
    for image, box, mask in zip(boxes.images, boxes.targets, masks.targets, strict=True):
        bright = image[0] > 0.5
        ys, xs = bright.nonzero(as_tuple=True)
        around = torch.tensor([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        assert box.findings.tolist() == [0]
        # The box of a turned box is no smaller than what was in it, and by 20 degrees no larger
        # than by the sine of them times its sides.
        slack = 1.01 if AFFINE not in specs else 6
        assert (box.corners[0] - around).abs().max() <= slack
        overlap = (bright & mask.masks[0]).sum() / (bright | mask.masks[0]).sum()
        assert overlap > (0.99 if AFFINE not in specs else 0.85)
        assert not mask.masks[1].any()
        assert box.known.tolist() == mask.known.tolist() == [True, True]


def test_a_flip_mirrors_a_box_exactly() -> None:
    ((x0, y0, x1, y1),) = drawn("boxes", []).targets[0].corners.tolist()
    ((u0, v0, u1, v1),) = drawn("boxes", [FLIP]).targets[0].corners.tolist()
    assert (u0, v0, u1, v1) == (WIDTH - x1, y0, WIDTH - x0, y1)


@pytest.mark.parametrize("kind", TARGETS)
def test_what_is_drawn_is_the_same_from_memory_and_from_the_film(kind: str) -> None:
    kept, read = drawn(kind, [AFFINE]), drawn(kind, [AFFINE], cache_gb=0.0)
    assert torch.equal(kept.images, read.images)
    assert digest_regions(kept.targets) == digest_regions(read.targets)
    assert digest_regions(kept.targets) != digest_regions(drawn(kind, [AFFINE], seed=1).targets)


def test_moving_one_draw_leaves_the_kept_target_alone() -> None:
    first, again = drawn("boxes", [AFFINE]), drawn("boxes", [AFFINE])
    assert first.targets[0].corners.tolist() == again.targets[0].corners.tolist()
    assert first.targets[0].corners.tolist() != first.targets[1].corners.tolist()


def test_what_has_left_the_canvas_is_of_unknown_place_and_what_is_cut_ends_at_its_edge() -> None:
    target = BoxTarget(
        torch.tensor([True, True, True, False]),
        torch.tensor([[-9.0, 5.0, 7.0, 9.0], [-9.0, 5.0, 0.5, 9.0], [-9.0, 1.0, -1.0, 9.0]]),
        torch.tensor([0, 0, 1]),
    )
    moved = from_regions(as_regions(target, (HEIGHT, WIDTH)), target)
    assert moved.corners.tolist() == [[0, 5, 7, 9]]
    assert moved.findings.tolist() == [0]
    # 0 is still there, 1 has left, 2 was absent and is, of 3 nothing was known.
    assert moved.known.tolist() == [True, False, True, False]

    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[0, 1, 1] = masks[1, 2, 2] = True
    shown = MaskTarget(torch.tensor([True, True, True]), masks)
    there = as_regions(shown, (4, 4)).clone()
    there[1] = False
    gone = from_regions(as_regions(replace(shown, masks=there), (4, 4)), shown)
    assert gone.known.tolist() == [True, False, True]


def test_images_without_boxes_can_be_moved() -> None:
    target = BoxTarget(torch.tensor([True]), torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    for spec in (FLIP, AFFINE):
        (transform,) = [augmentations.parse(spec)()]
        regions = transform({"image": torch.zeros(1, 8, 8), "r": as_regions(target, (8, 8))})["r"]
        moved = from_regions(regions, target)
        assert moved.corners.shape == (0, 4)
        assert moved.known.tolist() == [True]


def test_the_digest_counts_marked_images_and_sees_every_difference() -> None:
    target = drawn("boxes", []).targets[0]
    nothing = replace(target, corners=torch.zeros(0, 4), findings=target.findings[:0])
    count, digest = digest_regions([target, nothing])
    assert count == 1
    others = [
        [nothing, target],
        [target],
        [target, replace(nothing, known=~nothing.known)],
        [replace(target, corners=target.corners + 1), nothing],
    ]
    assert len({digest, *(digest_regions(other)[1] for other in others)}) == len(others) + 1
