"""RetinaNet: the detection map by hand, and torchvision's own forward pass as a witness."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_iou

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models.localizers import LocalizerOutput, build, localizers
from heatproof.models.localizers.retinanet import detection_map
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.targets import BoxTarget

PREPROCESSING = Preprocessing(Squash(64, 64), channels=1, mean=(0.5,), std=(0.25,))
SMALL = "backbone=resnet10t(width=16), width=16"


def small(findings=("a",), **options):
    extra = "".join(f", {name}={value!r}" for name, value in options.items())
    return build(f"retinanet({SMALL}{extra})", findings, PREPROCESSING)


def detections(*rows: tuple) -> LocalizerOutput:
    """Rows of x0, y0, x1, y1, score, finding."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return LocalizerOutput(table[:, :4], table[:, 4], table[:, 5].long())


def target(known, *boxes: tuple) -> BoxTarget:
    """Boxes of x0, y0, x1, y1, finding."""
    table = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 5)
    return BoxTarget(torch.tensor(known), table[:, :4], table[:, 4].long())


def test_the_detection_map_by_hand() -> None:
    found = detections(
        (0, 0, 3, 2, 0.5, 0),
        (2, 1, 4, 3, 0.75, 0),  # overlaps the first in one pixel, and wins there
        (4.4, -3, 9, 1, 0.25, 0),  # partly outside; the centre of column 4 is inside
        (2.6, 0, 3.4, 4, 1.0, 0),  # between two centres: it holds none
        (0, 0, 5, 3, 0.125, 1),
    )
    expected = [
        [[0.5, 0.5, 0.5, 0, 0.25], [0.5, 0.5, 0.75, 0.75, 0], [0, 0, 0.75, 0.75, 0]],
        [[0.125] * 5] * 3,
        [[0.0] * 5] * 3,
    ]
    assert detection_map(found, 3, (3, 5)).tolist() == expected


def test_the_order_of_boxes_does_not_matter() -> None:
    rows = [(0, 0, 3, 2, 0.5, 0), (2, 1, 4, 3, 0.75, 0), (1, 1, 2, 2, 0.1, 0)]
    maps = [detection_map(detections(*order), 1, (3, 5)) for order in (rows, rows[::-1])]
    assert torch.equal(*maps)


def test_without_boxes_the_map_is_zero() -> None:
    assert not detection_map(detections(), 2, (4, 5)).any()


halves = st.integers(0, 16).map(lambda value: value / 2)


@given(st.lists(st.tuples(halves, halves, halves, halves), min_size=1, max_size=3))
def test_boxes_are_filled_as_those_of_readers(corners) -> None:
    boxes = [box for box in corners if box[0] < box[2] and box[1] < box[3]]
    assume(not boxes or np.max(boxes) > 1)  # else they are taken for shares of height and width
    rows = [(*box, 0.5, 0) for box in boxes]
    filled = detection_map(detections(*rows), 1, (8, 8))[0].numpy() == 0.5
    assert (filled == Boxes(tuple(boxes)).mask(8, 8)).all()


def test_the_probability_is_the_score_of_the_top_box() -> None:
    localizer = small(("a", "b"))
    found = [
        {
            "boxes": torch.tensor([[64.0, 0, 64, 9], [0, 0, 9, 9], [5, 5, 20, 30], [1, 1, 2, 2]]),
            "scores": torch.tensor([0.9, 0.75, 0.5, 0.25]),  # the first is all outside
            "labels": torch.tensor([1, 1, 1, 1]),
        },
        {
            "boxes": torch.zeros(0, 4),
            "scores": torch.zeros(0),
            "labels": torch.zeros(0, dtype=torch.int64),
        },
    ]
    localizer.detector.postprocess_detections = lambda *_: found
    said = localizer(torch.zeros(2, 1, 64, 64))
    assert said.probabilities.tolist() == [[0, 0.75], [0, 0]]
    assert said.maps[0, 1, 3, 3] == 0.75
    assert said.maps[0, 1, 15, 15] == 0.5
    assert [len(boxes.scores) for boxes in said.boxes] == [3, 0]


class Whole(torch.nn.Module):
    """Backbone and pyramid, as torchvision wants them."""

    def __init__(self, localizer) -> None:
        super().__init__()
        self.stages, self.pyramid = localizer.stages, localizer.detector.backbone

    def forward(self, images):
        return OrderedDict(enumerate(self.pyramid(self.stages(images))))


def test_it_is_torchvisions_retinanet() -> None:
    """One finding, a size that all strides divide: losses and boxes of its own forward pass."""
    localizer = small(score=0.0)
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    targets = [target([True], (10, 12, 30, 25, 0), (40, 40, 50, 61, 0)), target([True])]
    with torch.no_grad():
        loss, said = localizer.loss(images, targets), localizer(images)

    whole = localizer.detector
    whole.backbone = Whole(localizer)
    whole.transform = GeneralizedRCNNTransform(64, 64, [0.0], [1.0])
    theirs = [{"boxes": t.corners, "labels": t.findings} for t in targets]
    with torch.no_grad():
        found = whole.eval()(list(images))
        whole.training = True  # it alone, so that batch norm is as it was
        losses = whole(list(images), theirs)
    torch.testing.assert_close(loss, losses["classification"] + losses["bbox_regression"])
    for ours, other in zip(said.boxes, found, strict=True):
        torch.testing.assert_close(ours.corners, other["boxes"])
        torch.testing.assert_close(ours.scores, other["scores"])


def test_two_findings_in_one_place_are_both_there() -> None:
    """Each finding is matched by itself; matched together, the second would be background."""
    localizer = small(("a", "b"))
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    box = (10, 12, 30, 25)
    for other in (box, (12, 12, 31, 27), (40, 40, 50, 61)):
        both = localizer.loss(image, [target([True, True], (*box, 0), (*other, 1))])
        first = localizer.loss(image, [target([True, False], (*box, 0))])
        second = localizer.loss(image, [target([False, True], (*other, 1))])
        torch.testing.assert_close(both, (first + second) / 2)
    absent = localizer.loss(image, [target([False, True])])
    assert second > absent + 0.1


def test_low_and_overlapping_boxes_are_no_detections() -> None:
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))

    def found(**options):
        with torch.no_grad():
            return small(**options)(image).boxes[0]

    middle = float(found(score=0.0, overlap=1.0).scores.median())
    assert found(score=middle, overlap=1.0).scores.min() > middle
    for overlap in (0.1, 0.6):
        corners = found(score=0.0, overlap=overlap).corners
        largest = box_iou(corners, corners).fill_diagonal_(0).max()
        assert overlap - 0.1 < largest <= overlap


@pytest.mark.parametrize("side", [64, 100])
@pytest.mark.parametrize("backbone", ["resnet10t(width=16)", "resnet10t(stride=16, width=16)"])
def test_anchors_stand_on_their_cells(side, backbone) -> None:
    """At any image size, and for dilated backbones: centres are whole strides."""
    spec = f"retinanet(backbone={backbone}, width=16, anchors=(10.0, 20.0, 40.0, 80.0, 160.0))"
    localizer = build(spec, ("a",), PREPROCESSING)
    coarsest = localizer.stages.strides[-1]
    padded = -(-side // coarsest) * coarsest
    levels = localizer.outputs(torch.zeros(1, 1, side, side)).anchors
    for level, (stride, smallest) in enumerate(
        zip((8, 16, 32, 64, 128), (10, 20, 40, 80, 160), strict=True)
    ):
        cells = -(-padded // stride)
        anchors = levels[level].view(cells, cells, 9, 4)
        centres = (anchors[..., :2] + anchors[..., 2:]) / 2
        expected = torch.arange(cells) * float(stride)
        assert torch.equal(centres[..., 0], expected[None, :, None].expand(cells, cells, 9))
        assert torch.equal(centres[..., 1], expected[:, None, None].expand(cells, cells, 9))
        sides = (anchors[0, 0, :, 2:] - anchors[0, 0, :, :2]).prod(dim=-1).sqrt()
        assert sides.min() == pytest.approx(smallest, abs=1)  # torchvision rounds corners


def test_fewer_levels_than_strides() -> None:
    localizer = small(anchors=(16.0,))
    assert localizer.detector.backbone.strides == (8,)
    localizer.loss(torch.zeros(1, 1, 64, 64), [target([True])]).backward()


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_keeps_its_statistics(frozen) -> None:
    localizer = small(frozen_norm=frozen).train()
    before = {name: value.clone() for name, value in localizer.backbone.named_buffers()}
    localizer.loss(torch.randn(2, 1, 64, 64), [target([True])] * 2)
    same = [torch.equal(value, before[name]) for name, value in localizer.backbone.named_buffers()]
    assert all(same) if frozen else not any(same)
    assert localizer.stages.training


@pytest.mark.parametrize(
    "backbone",
    [
        *("resnet18", "resnet50", "densenet121", "vgg19_bn", "convnext_tiny"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("resnet34", "resnet101", "resnet152")
        ),
    ],
)
def test_any_regular_backbone_serves(backbone) -> None:
    localizer = build(f"retinanet(backbone={backbone}, width=16)", ("a",), PREPROCESSING)
    with torch.no_grad():
        assert localizer(torch.zeros(1, 1, 64, 64)).maps.shape == (1, 1, 64, 64)


@pytest.mark.parametrize(
    "options",
    ["anchors=()", "anchors=(0.0,)", "ratios=(-1.0,)", "width=0", "score=1.5", "overlap=-0.1"],
)
def test_options_that_make_no_sense_are_refused(options) -> None:
    with pytest.raises(SpecError, match=options.split("=")[0]):
        localizers.parse(f"retinanet({options})")
