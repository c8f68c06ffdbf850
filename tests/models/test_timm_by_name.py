"""Networks of timm by name: what the classifier is given, on its grid, at any size."""

import pytest
import timm
import torch

from heatproof.models.backbones import backbones
from heatproof.models.seeding import seeded

# Size of the images, tokens of no place, and whether channels stand last, as timm's sources say.
NETWORKS = [
    ("vit_tiny_patch16_224", 96, 1, False),
    ("deit_tiny_distilled_patch16_224", 96, 2, False),
    ("convnextv2_atto", 96, 0, False),
    ("levit_128s", 224, 0, False),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in [
            ("swin_tiny_patch4_window7_224", 112, 0, True),
            ("swinv2_tiny_window8_256", 128, 0, True),
            ("vit_small_patch14_dinov2", 112, 1, False),
            ("vit_small_patch14_reg4_dinov2", 112, 5, False),
            ("eva02_tiny_patch14_224", 112, 1, False),
            ("maxvit_tiny_tf_224", 224, 0, False),
            ("ghostnet_050", 96, 0, False),
        ]
    ),
]


@pytest.mark.parametrize(("name", "side", "others", "last"), NETWORKS)
def test_cells_hold_what_the_classifier_is_given(
    name: str, side: int, others: int, last: bool
) -> None:
    with seeded(0):
        backbone = backbones.parse(f"timm(name={name!r})")(1).eval()
    images = torch.randn(2, 1, side, side, generator=torch.Generator().manual_seed(0))
    (network,) = (part.network for part in backbone)
    with torch.no_grad():
        features, given = backbone(images), network.forward_features(images)
    n, d, y, x = features.shape
    assert (n, d) == (2, backbone.grid.channels)
    assert backbone.grid.prefix == others
    assert (y, x) == (-(-side // backbone.grid.stride),) * 2
    for row, column in ((0, 0), (0, x - 1), (y - 1, 1)):
        if given.ndim == 3:
            cell = given[:, others + row * x + column]
        else:
            cell = given[:, row, column] if last else given[:, :, row, column]
        assert torch.equal(features[:, :, row, column], cell)


def test_a_name_of_timm_may_carry_the_tag_of_its_weights() -> None:
    tagged = "deit_tiny_distilled_patch16_224.fb_in1k"
    assert tagged.partition(".")[0] in timm.list_models()
    assert backbones.parse(f"timm(name={tagged!r})")(1).grid.prefix == 2
