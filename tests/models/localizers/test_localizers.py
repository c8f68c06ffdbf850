"""What every localizer owes: it learns from regions that move with the image, and only there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from heatproof.data.annotations import Boxes, Points, Several, encode
from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Letterbox, Squash
from heatproof.data.pixels import ArrayPixels
from heatproof.errors import AnnotationError, ModelError, SpecError
from heatproof.models.backbones import backbones
from heatproof.models.localizers import build, localizers
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.strides import Stages
from heatproof.models.targets import BoxTarget, MaskTarget, box_target, mask_target
from heatproof.types import Annotation, Sample

SIDE = 64
PREPROCESSING = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(0.5,), std=(0.25,))
PLAIN = replace(PREPROCESSING, mean=(0.0,), std=(1.0,))
NAMES = ("retinanet", "unet")
SMALL = {
    "retinanet": "retinanet(backbone=resnet10t(width=16), anchors=(8.0, 16.0), width=32,"
    " frozen_norm=False)",
    "unet": "unet(backbone=resnet10t(width=16), width=8)",
}


def four_films() -> list[Sample]:
    phantom = Phantom(images=12, size=SIDE, radius=(0.08, 0.12), contrast=0.3)
    samples = [phantom[index] for index in range(12)]
    positive = [sample for sample in samples if sample.labels["Nodule"]]
    negative = [sample for sample in samples if not sample.labels["Nodule"]]
    return positive[:2] + negative[:2]


def inputs(samples) -> torch.Tensor:
    return torch.stack([PREPROCESSING.tensor(sample.pixels.read()) for sample in samples])


@pytest.fixture(scope="module", params=NAMES)
def trained(request):
    """A localizer that was shown four films a hundred times."""
    localizer = build(SMALL[request.param], ("Nodule",), PREPROCESSING)
    samples = four_films()
    images = inputs(samples)
    targets = [localizer.target(sample) for sample in samples]
    optimizer = torch.optim.Adam(localizer.parameters(), lr=3e-3)
    localizer.train()
    for _ in range(100):
        optimizer.zero_grad()
        localizer.loss(images, targets).backward()
        torch.nn.utils.clip_grad_norm_(localizer.parameters(), 1.0)
        optimizer.step()
    return localizer.eval(), images, samples


def test_it_learns_where_the_lesion_is(trained) -> None:
    localizer, images, samples = trained
    with torch.no_grad():
        found = localizer(images)
    positive, negative = found.probabilities[:2, 0], found.probabilities[2:, 0]
    assert positive.min() > negative.max() + 0.2
    for sample, saliency in zip(samples[:2], found.maps[:2, 0], strict=True):
        inside = torch.from_numpy(sample.annotations[0].mask(SIDE, SIDE))
        assert saliency[inside].mean() > saliency[~inside].mean() + 0.3
        y, x = (saliency == saliency.max()).nonzero().float().mean(dim=0).round().long()
        assert inside[y, x]  # the middle of the best box, or the best pixel


def test_an_image_alone_gives_the_same(trained) -> None:
    localizer, images, _ = trained
    with torch.no_grad():
        together = localizer(images)
        alone = [localizer(image[None]) for image in images]
    for name in ("probabilities", "maps"):
        each = torch.cat([getattr(one, name) for one in alone])
        torch.testing.assert_close(getattr(together, name), each, atol=1e-4, rtol=0)
    assert (together.boxes is not None) == (localizer.regions == "boxes")


def test_weights_come_back_from_a_state_dict(trained) -> None:
    localizer, images, _ = trained
    name = "retinanet" if localizer.regions == "boxes" else "unet"
    again = build(SMALL[name], ("Nodule",), PREPROCESSING, seed=5)
    again.load_state_dict(load(save(localizer.state_dict())))
    with torch.no_grad():
        assert torch.equal(again(images).maps, localizer(images).maps)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_ranges(name) -> None:
    localizer = build(SMALL[name], ("a", "b"), PREPROCESSING)
    with torch.no_grad():
        found = localizer(torch.randn(3, 1, 50, 70))
    assert found.probabilities.shape == (3, 2)
    assert found.maps.shape == (3, 2, 50, 70)
    assert 0 <= found.maps.min() <= found.maps.max() <= 1
    assert localizer.pretrained == "random"


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_backbone(name) -> None:
    localizer = build(SMALL[name], ("Nodule",), PREPROCESSING).train()
    samples = four_films()
    localizer.loss(inputs(samples), [localizer.target(s) for s in samples]).backward()
    first = next(localizer.backbone.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_finite_without_any_region(name) -> None:
    localizer = build(SMALL[name], ("Nodule",), PREPROCESSING).train()
    samples = four_films()[2:]
    loss = localizer.loss(inputs(samples), [localizer.target(s) for s in samples])
    assert torch.isfinite(loss)
    assert loss > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_unknown_place_teaches_nothing(name) -> None:
    """Not even that its pixels are background: the loss is that of the other images alone."""
    localizer = build(SMALL[name], ("Nodule",), PREPROCESSING)
    samples = four_films()
    images = inputs(samples)
    unmarked = [samples[0], replace(samples[1], annotations=()), *samples[2:]]
    assert unmarked[1].labels["Nodule"] is True
    targets = [localizer.target(sample) for sample in unmarked]
    kept = [0, 2, 3]
    expected = localizer.loss(images[kept], [targets[index] for index in kept])
    torch.testing.assert_close(localizer.loss(images, targets), expected)
    background = [localizer.target(sample) for sample in samples]
    background[1] = targets[2]
    assert not torch.isclose(localizer.loss(images, background), expected)

    nothing = localizer.loss(images[1:2], targets[1:2])
    nothing.backward()
    assert nothing == 0
    assert all(p.grad is None or not p.grad.any() for p in localizer.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_an_image_unknown_for_one_finding_teaches_the_other(name) -> None:
    localizer = build(SMALL[name], ("Nodule", "Other"), PREPROCESSING)
    samples = four_films()
    images = inputs(samples)
    targets = [localizer.target(sample) for sample in samples]  # "Other" is known nowhere
    weight = (
        localizer.detector.head.classification_head.cls_logits
        if localizer.regions == "boxes"
        else localizer.classifier
    ).weight
    localizer.loss(images, targets).backward()
    # Channels count anchors first, then findings.
    by_finding = weight.grad.view(-1, 2, *weight.shape[1:]).abs().sum(dim=(0, 2, 3, 4))
    assert by_finding[0] > 0
    assert by_finding[1] == 0


LABELS = [True, False, None, "absent"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("make", [box_target, mask_target])
def test_what_is_known(make, marked, label) -> None:
    shape = Boxes(((4, 4, 12, 20),))
    sample = Sample(
        "film",
        ArrayPixels(np.zeros((SIDE, SIDE), np.float32)),
        labels={} if label == "absent" else {"a": label},
        annotations=(Annotation("a", "reference", shape),) if marked else (),
    )
    if marked and label is False:
        with pytest.raises(AnnotationError, match="film: labelled negative for a, but reference"):
            make(sample, ("a",), PREPROCESSING)
        return
    target = make(sample, ("a", "b"), PREPROCESSING)
    assert target.known.tolist() == [marked or label is False, False]
    has_region = len(target.corners) if isinstance(target, BoxTarget) else target.masks.any()
    assert bool(has_region) == marked
    elsewhere = make(sample, ("a",), PREPROCESSING, source="reader 2")
    assert elsewhere.known.tolist() == [label is False]


def film(*shapes, height=100, width=80) -> Sample:
    return Sample(
        "film",
        ArrayPixels(np.zeros((height, width), np.float32)),
        annotations=tuple(Annotation("a", "reference", shape) for shape in shapes),
    )


def boxes_of(*shapes, **size) -> list[list[float]]:
    same_size = replace(PLAIN, geometry=Squash(size.get("height", 100), size.get("width", 80)))
    return box_target(film(*shapes, **size), ("a",), same_size).corners.tolist()


def test_boxes_stay_boxes() -> None:
    assert boxes_of(Boxes(((1.5, 2, 9, 8.25), (0, 0, 4, 4)))) == [[1.5, 2, 9, 8.25], [0, 0, 4, 4]]
    assert boxes_of(Boxes(((2, 2, 8, 10),), frame=(50, 160))) == [[1, 4, 4, 20]]
    assert boxes_of(Boxes(((-1, 90, 5, 101),))) == [[0, 90, 5, 100]]  # tools round differently
    assert boxes_of(Boxes(((-1, 90, 0, 95),))) == []  # nothing of it is in the image


def test_other_shapes_are_boxed_part_by_part() -> None:
    mask = np.zeros((100, 80), bool)
    mask[10:20, 5:9] = True
    mask[20, 9] = True  # touches at a corner
    mask[50:60, 70:80] = True
    assert boxes_of(encode(mask)) == [[5, 10, 10, 21], [70, 50, 80, 60]]
    several = Several((Points(((3, 3),)), Boxes(((1, 1, 2, 2),)), Several((encode(mask[:]),))))
    assert boxes_of(several) == [[1, 1, 2, 2], [5, 10, 10, 21], [70, 50, 80, 60]]
    assert boxes_of(Boxes(((1, 1, 2, 2),)), Boxes(((3, 3, 5, 5),))) == [[1, 1, 2, 2], [3, 3, 5, 5]]


@pytest.mark.parametrize("make", [box_target, mask_target])
def test_a_point_is_no_region(make) -> None:
    target = make(film(Points(((5, 5),))), ("a",), PREPROCESSING)
    assert target.known.tolist() == [False]


def test_a_lesion_lost_on_the_way_is_not_background() -> None:
    speck = film(Boxes(((30, 30, 31, 31),)), height=600, width=600)
    target = mask_target(speck, ("a",), PREPROCESSING)
    assert not target.masks.any()
    assert target.known.tolist() == [False]
    assert box_target(speck, ("a",), PREPROCESSING).known.tolist() == [True]


@settings(max_examples=40)
@given(
    kind=st.sampled_from([Squash, Letterbox]),
    size=st.tuples(st.integers(40, 160), st.integers(40, 160)),
    canvas=st.tuples(st.sampled_from([48, 64, 96]), st.sampled_from([48, 64, 96])),
    data=st.data(),
)
def test_regions_move_with_the_image(kind, size, canvas, data) -> None:
    """A rectangle drawn in pixels lands where its box and its mask say.

    Its resampled edge crosses one half where the box ends; a pixel nearer than a quarter to the end
    is left open.
    """
    height, width = size
    x0 = data.draw(st.integers(0, width - 24))
    y0 = data.draw(st.integers(0, height - 24))
    x1, y1 = data.draw(st.integers(x0 + 24, width)), data.draw(st.integers(y0 + 24, height))
    image = np.zeros(size, np.float32)
    image[y0:y1, x0:x1] = 1
    sample = replace(film(Boxes(((x0, y0, x1, y1),))), pixels=ArrayPixels(image))
    preprocessing = replace(PLAIN, geometry=kind(*canvas))

    seen = preprocessing.tensor(image)[0].numpy()
    left, top, right, bottom = box_target(sample, ("a",), preprocessing).corners[0].tolist()
    row, column = seen[int((top + bottom) / 2)], seen[:, int((left + right) / 2)]
    for profile, start, stop in ((row, left, right), (column, top, bottom)):
        centres = np.arange(len(profile)) + 0.5
        clear = np.minimum(abs(centres - start), abs(centres - stop)) > 0.25
        inside = (start < centres) & (centres < stop)
        assert inside.any()
        np.testing.assert_array_equal((profile > 0.5)[clear], inside[clear])

    mask = mask_target(sample, ("a",), preprocessing).masks[0].numpy()
    np.testing.assert_array_equal(mask, seen >= 0.5 - 1e-6)  # seen is rounded, mask is not


@pytest.mark.parametrize(
    ("backbone", "strides"),
    [
        ("resnet10t(width=16)", (2, 4, 8, 16, 32)),
        ("resnet18(stride=16)", (2, 4, 8, 16)),
        ("densenet121", (2, 4, 8, 16, 32)),
        ("vgg19", (1, 2, 4, 8, 16, 32)),
        ("efficientnet_b0", (2, 4, 8, 16, 32)),
        ("convnext_tiny", (4, 8, 16, 32)),
    ],
)
def test_stages_are_the_backbone_at_each_stride(backbone, strides) -> None:
    network = backbones.parse(backbone)(1, "random").eval()
    stages = Stages(network, 1)
    images = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    expected = [(64 // stride, 96 // stride) for stride in strides]
    coarsest = strides[-1]
    height, width = 64 - coarsest + 1, 96 - coarsest + 1  # is continued to 64 x 96
    with torch.no_grad():
        features = stages(images)
        assert torch.equal(features[-1], network(images))
        for grids in (features, stages(images[..., :height, :width])):
            assert [tuple(grid.shape[2:]) for grid in grids] == expected
    assert stages.strides == strides
    assert stages.channels == tuple(feature.shape[1] for feature in features)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("backbone", "found"),
    [("vit_small", "tokens"), ("deit_small", "tokens"), ("inception_v3", "a grid of 31 x 31")],
)
def test_backbones_without_a_regular_grid_are_refused(name, backbone, found) -> None:
    with pytest.raises(ModelError, match=f"makes {found} of 64 x 64 pixels; a localizer needs"):
        build(f"{name}(backbone={backbone})", ("a",), PREPROCESSING)


def test_specs_come_back() -> None:
    assert localizers.names() == NAMES
    for spec in (*NAMES, *SMALL.values(), "unet(backbone=densenet121)"):
        assert localizers.spec(localizers.parse(spec)) == spec
    assert localizers.spec(localizers.parse("retinanet(backbone=resnet50, width=256)")) == NAMES[0]
    for option, part in (("architecture=resnet18", "no option"), ("backbone=resnet19", "resnet18")):
        with pytest.raises(SpecError, match=part):
            localizers.parse(f"unet({option})")


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_weights_and_nothing_else(name) -> None:
    state = torch.random.get_rng_state()
    first, again, other = (
        build(SMALL[name], ("a",), PREPROCESSING, seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", NAMES)
def test_findings_have_names(name) -> None:
    with pytest.raises(ModelError, match="each named once"):
        build(SMALL[name], ("a", "a"), PREPROCESSING)


def test_the_target_fits_the_localizer() -> None:
    """What ``regions`` says is what ``target`` gives."""
    kinds = {"boxes": BoxTarget, "masks": MaskTarget}
    for spec in SMALL.values():
        localizer = build(spec, ("Nodule",), PREPROCESSING)
        assert isinstance(localizer.target(four_films()[0]), kinds[localizer.regions])
