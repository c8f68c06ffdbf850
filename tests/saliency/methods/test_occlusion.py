"""Occlusion by brute force: one window, one image, one pass at a time."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.occlusion import _strips


def maps(spec: str, model: Model, images: Tensor) -> Tensor:
    return explain({"map": methods.parse(spec)}, model, images, [0, 2]).maps["map"].values


def brute_force(
    model: Model, images: Tensor, window: int, stride: int, fill: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Drops of each window (rows x columns), and their mean over each pixel."""
    model.eval()
    side = images.shape[-1]
    starts = range(0, side, stride)
    drops = torch.zeros(len(images), 2, len(starts), len(starts))
    total, count = torch.zeros(len(images), 2, side, side), torch.zeros(side, side)
    with torch.no_grad():
        logits = model(images)[:, [0, 2]]
        for row, top in enumerate(starts):
            for column, left in enumerate(starts):
                hidden = images.clone()
                hidden[:, :, top : top + window, left : left + window] = fill
                drop = logits - model(hidden)[:, [0, 2]]
                drops[:, :, row, column] = drop
                total[:, :, top : top + window, left : left + window] += drop[..., None, None]
                count[top : top + window, left : left + window] += 1
    return drops, total / count


@pytest.mark.parametrize("window", [16, 24])
def test_tiles_give_one_cell_each(model: Model, images: Tensor, window: int) -> None:
    found = maps(f"occlusion(window={window}, stride={window})", model, images)
    expected, _ = brute_force(model, images, window, window)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(20, 20), (24, 16), (13, 9)])
def test_windows_that_overlap_or_overhang_are_averaged_per_pixel(
    model: Model, images: Tensor, window: int, stride: int
) -> None:
    found = maps(f"occlusion(window={window}, stride={stride})", model, images)
    _, expected = brute_force(model, images, window, stride)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(16, 16), (24, 16)])
def test_windows_may_be_black(model: Model, images: Tensor, window: int, stride: int) -> None:
    """Black is the radiograph 0, as the network sees it after normalization."""
    scaling = model.preprocessing
    fill = -torch.tensor(scaling.mean).view(3, 1, 1) / torch.tensor(scaling.std).view(3, 1, 1)
    found = maps(f"occlusion(window={window}, stride={stride}, baseline='black')", model, images)
    expected = brute_force(model, images, window, stride, fill)[int(window != stride)]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_shares_of_the_side_are_pixels_of_this_image(classifier: Model, images: Tensor) -> None:
    shares = maps("occlusion(window=0.25, stride=0.25)", classifier, images)
    pixels = maps("occlusion(window=12, stride=12)", classifier, images)
    assert torch.equal(shares, pixels)


def test_small_batches_of_windows_change_nothing(model: Model, images: Tensor, monkeypatch) -> None:
    whole = maps("occlusion(window=16, stride=16)", model, images)
    monkeypatch.setattr("heatproof.saliency.forward.ForwardPass.at_once", lambda *_, **__: 1)
    pieces = maps("occlusion(window=16, stride=16)", model, images)
    torch.testing.assert_close(whole, pieces, rtol=1e-3, atol=1e-5)


def test_the_defaults_are_the_papers_grid() -> None:
    strips = _strips(320, 40, 40)
    assert strips.shape == (8, 320)  # of rows and of columns: 64 windows
    assert (strips.sum(dim=0) == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("window=0", "window=0: expected pixels"),
        ("window=1.0, stride=1.0", r"window=1\.0.*a float between 0 and 1"),
        ("window=10, stride=20", "never be hidden"),
        ("window=0.5", "both in pixels"),
    ],
)
def test_impossible_windows_are_refused(options: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        methods.parse(f"occlusion({options})")


class Largest(TorchDispatchMode):
    """The bytes of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.nbytes)
        return made


def test_windows_are_drawn_as_they_are_needed(model: Model, images: Tensor, monkeypatch) -> None:
    """No tensor is larger than one pass of a few images, however many windows there are."""
    monkeypatch.setattr("heatproof.saliency.forward.ForwardPass.at_once", lambda *_, **__: 4)
    few, many = Largest(), Largest()
    with few:
        maps("occlusion(window=24, stride=24)", model, images[:1])
    with many:
        maps("occlusion(window=12, stride=3)", model, images[:1])
    assert many.bytes == few.bytes
