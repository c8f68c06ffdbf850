"""A network that crops inside itself is found, and others are left in peace."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.adapter import Adapted
from heatproof.models.field_of_view import unseen
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import check_methods, methods

SIDE = 128


class Before(nn.Module):
    """A small network behind something that is done to its input."""

    def __init__(self, change):
        super().__init__()
        torch.manual_seed(0)
        self.change = change
        self.body = nn.Sequential(nn.Conv2d(1, 8, 8, stride=8), nn.ReLU())
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        return self.head(self.body(self.change(images)).mean((2, 3)))


def adapted(network, channels=1, layer="body"):
    preprocessing = Preprocessing(Squash(SIDE, SIDE), channels, (0.0,), (1.0,))
    return Adapted(network.eval(), layer, ("a", "b"), preprocessing)


def test_a_crop_inside_the_network_is_refused_and_its_place_told():
    model = adapted(Before(lambda images: images[:, :, 16:-16, 20:-12]))
    chosen = methods.parts(["grad_cam"])
    with pytest.raises(MapError, match="rows 16 to 112 and columns 20 to 116 of an input of 128"):
        check_methods(chosen, model)
    check_methods(methods.parts(["gradient", "occlusion"]), model)  # which lie over the input


def test_padding_inside_the_network_is_refused():
    model = adapted(Before(lambda images: F.pad(images, (32, 0, 32, 0))))
    with pytest.raises(MapError, match=r"outermost 4 rows of 20 see nothing.*does the network pad"):
        check_methods(methods.parts(["grad_cam"]), model)


@pytest.mark.parametrize("margin", [16, 32])
def test_a_crop_at_all_four_borders_is_refused(margin):
    model = adapted(Before(lambda images: images[:, :, margin:-margin, margin:-margin]))
    there = f"rows {margin} to {SIDE - margin} and columns {margin} to {SIDE - margin}"
    assert there in model.lacks["features"]


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images,
        lambda images: F.interpolate(images, (64, 64), mode="bilinear", antialias=True),
        lambda images: F.pad(images, (8, 8, 8, 8)),
        lambda images: images[:, :, 1:-1, 1:-1],  # far below a cell
        lambda images: torch.where(images > 0, images, torch.zeros_like(images)),
        lambda images: torch.nan_to_num(images).clamp(-2, 2),
        torch.zeros_like,  # sees nothing at all, which is another fault
        lambda images: images * 0,  # where what is not a number stays none
    ],
)
def test_others_are_left_in_peace(change):
    assert not unseen(adapted(Before(change)), (16, 16))


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_known_networks_look_everywhere(name):
    size = {"img_size": SIDE} if "vit" in name else {}
    network = timm.create_model(name, num_classes=2, **size)
    layer = "patch_embed.proj" if "vit" in name else "layer4"
    assert adapted(network, 3, layer).features == layer
