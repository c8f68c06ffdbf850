"""Blocks are timm's features; a stride of 16 sees what a stride of 32 does, on a finer grid."""

import timm
import torch
from safetensors.torch import save_file

from heatproof.models.backbones import backbones


def features(network, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(images)


def test_blocks_in_order_are_the_features_of_timm(tmp_path) -> None:
    network = timm.create_model("efficientnet_lite0").eval()
    path = tmp_path / "lite0.safetensors"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    built = backbones.parse("efficientnet_lite0")(3, str(path))
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(features(built, images), network.forward_features(images))
    assert (built.grid.channels, built.grid.stride, built.grid.signed) == (1280, 32, False)
    assert features(built, images).min() >= 0
    assert list(dict(built.named_children())) == [
        *("stem", "stage1", "stage2", "stage3", "stage4", "stage5", "stage6", "stage7", "last")
    ]


def test_a_stride_of_16_has_the_same_weights_on_twice_as_many_rows(tmp_path) -> None:
    coarse = backbones.parse("efficientnet_lite0")(3)
    fine = backbones.parse("efficientnet_lite0(stride=16)")(3)
    fine.load_state_dict(coarse.state_dict())
    images = torch.randn(1, 3, 96, 96)
    assert features(coarse, images).shape[2:] == (3, 3)
    assert features(fine, images).shape[2:] == (6, 6)
    assert fine.grid.stride == 16
