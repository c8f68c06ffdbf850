"""One patch at a time, against the base on patches that are cut out by hand."""

import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.errors import MapError, ModelError, SpecError
from heatproof.models.backbones import backbones
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods

SPEC = "patches(base=resnet10t(width=16), size=32)"
IMAGES = torch.randn(2, 1, 64, 96, generator=torch.Generator().manual_seed(0))
PREPROCESSING = Preprocessing(Squash(64, 96), channels=1, mean=(0.5,), std=(0.25,))


def test_each_cell_is_the_mean_feature_of_its_patch() -> None:
    whole = backbones.parse(SPEC)(1).eval()
    base = backbones.parse("resnet10t(width=16)")(1).eval()
    names = [name for name, _ in base.named_children()]
    assert [name for name, _ in whole.named_children()] == [*names, "mean"]
    base.load_state_dict(dict(zip(base.state_dict(), whole.state_dict().values(), strict=True)))
    with torch.no_grad():
        found = whole(IMAGES)
        for image in range(2):
            for row in range(2):
                for column in range(3):
                    place = (slice(32 * row, 32 * row + 32), slice(32 * column, 32 * column + 32))
                    expected = base(IMAGES[image : image + 1, :, *place]).mean(dim=(2, 3))[0]
                    torch.testing.assert_close(found[image, :, row, column], expected)
    assert found.shape == (2, whole.grid.channels, 2, 3)
    assert whole.grid.stride == 32
    assert whole.grid.signed == base.grid.signed


def test_a_cell_knows_nothing_of_other_patches() -> None:
    model = build(SPEC, "patch_sum", ("a", "b"), PREPROCESSING)
    other = IMAGES.clone()
    other[:, :, :32, 64:] = 0
    first, second = (
        explain(methods.parts(["class_map"]), model, images, [0, 1]).maps["class_map"].values
        for images in (IMAGES, other)
    )
    changed = (first != second).all(dim=(0, 1))
    assert changed.tolist() == [[False, False, True], [False, False, False]]


@pytest.mark.parametrize("method", ["lrp", "guided_backprop", "hires_cam", "gradient"])
def test_methods_see_through_the_patches(method: str) -> None:
    model = build(SPEC, "patch_sum", ("a", "b"), PREPROCESSING).double()
    maps = explain(methods.parts([method]), model, IMAGES.double(), [1]).maps[method]
    assert maps.values.isfinite().all()
    if maps.residual is not None:
        assert maps.residual.abs().max() < 1e-6


def test_what_does_not_divide_is_refused() -> None:
    model = build("patches(base=resnet10t(width=16), size=40)", "patch_sum", ("a",), PREPROCESSING)
    with pytest.raises((ModelError, MapError), match=r"images are 64 x 96.*multiples of 40"):
        model(IMAGES)
    with pytest.raises(SpecError, match="size=0"):
        backbones.parse("patches(size=0)")
