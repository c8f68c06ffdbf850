"""Where cells look, against networks of which it is known."""

import pytest
import torch
import torchvision
from torch import nn

from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.receptive_field import Offset, offset

PREPROCESSING = Preprocessing(Squash(64, 48), channels=1, mean=(0.5,), std=(0.25,))


class Shifted(nn.Module):
    """Each cell looks at one pixel of its square of 8 x 8, or of a neighbouring one."""

    def __init__(self, down: int, right: int) -> None:
        super().__init__()
        self.cells = nn.Conv2d(1, 3, 8, stride=8)
        self.down, self.right = down, right
        with torch.no_grad():
            self.cells.weight.zero_()[:, :, 4, 4] = 1

    def forward(self, images):
        moved = images.roll((-self.down, -self.right), dims=(2, 3))
        return self.cells(moved).mean((2, 3))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -5), (-8, 2)])
def test_the_pixel_at_which_a_cell_looks_is_found(down: int, right: int) -> None:
    found = offset(Adapted(Shifted(down, right), "cells", list("abc"), PREPROCESSING))
    # Pixel 4 of 8 has its centre half a pixel behind the middle of the square.
    assert found == Offset(down + 0.5, right + 0.5, (8.0, 8.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda: nn.Sequential(*list(torchvision.models.resnet18().children())[:-2]), -15.5),
        (lambda: torchvision.models.vgg11().features, 0),
    ],
    ids=["resnet18", "vgg11"],
)
def test_strides_that_pad_to_one_side_move_a_network_up_and_left(body, expected: float) -> None:
    """Cell i of a ResNet stands on pixel 32 i, and is drawn around 32 i + 15.5."""
    torch.manual_seed(0)
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1))
    network = nn.Sequential(body(), *pooled)
    found = offset(Adapted(network, "0", ["a"], Preprocessing(Squash(160, 160))))
    assert found is not None
    assert (found.down, found.right) == pytest.approx((expected, expected), abs=5)
    assert found.cell == (32, 32)


def test_what_cannot_be_measured_is_not_told() -> None:
    class Frozen(Shifted):
        def forward(self, images):
            with torch.no_grad():
                return super().forward(images)

    assert offset(Adapted(Frozen(0, 0), "cells", list("abc"), PREPROCESSING)) is None
    assert offset(Adapted(Shifted(0, 0), None, list("abc"), PREPROCESSING)) is None
