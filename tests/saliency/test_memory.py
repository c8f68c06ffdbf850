import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from heatproof.data.geometry import Squash
from heatproof.errors import FullMemory, ModelError, SpecError
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.memory import GB, LARGEST, default_memory, images_at_once, parse_memory
from heatproof.trust.randomize import Drawing, WeightDraw, explain_copies, steps
from tests.saliency.conftest import FINDINGS, PREPROCESSING, SIDE, make


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), (" 2.5 GiB", 2.5 * 2**30), ("2000MB", 2 * 10**9)]
)
def test_sizes_are_read_with_their_unit(text: str, size: float) -> None:
    assert parse_memory(text) == size


def test_auto_is_4_gb_and_half_of_a_gpu(monkeypatch) -> None:
    assert parse_memory("auto") is None
    assert default_memory(torch.device("cpu")) == 4 * GB
    card = SimpleNamespace(total_memory=80 * GB)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: card)
    assert default_memory(torch.device("cuda", 0)) == 40 * GB


@pytest.mark.parametrize("text", ["4", "GB", "4 GBs", "-4GB", "four GB", "1GB", "4gb"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="memory="):
        parse_memory(text)


def test_batches_grow_with_memory_and_shrink_with_images(monkeypatch) -> None:
    monkeypatch.setattr("heatproof.saliency.memory.LARGEST", 2**60)
    model = make("resnet10t + linear")
    small, large = torch.zeros(3, SIDE, SIDE), torch.zeros(3, 2 * SIDE, 2 * SIDE)
    sizes = [images_at_once(model, small, n * GB, differentiated=True) for n in (1, 2, 4)]
    assert sizes[0] == 1
    assert 1 < sizes[1] < sizes[2]
    assert images_at_once(model, small, 4 * GB, differentiated=False) >= 4 * sizes[2]
    larger = images_at_once(model, large, 4 * GB, differentiated=True)
    assert sizes[2] / larger == pytest.approx(4, rel=0.2)
    beside = images_at_once(model, small, 4 * GB, differentiated=True, beside=3)
    assert beside == sizes[2] - 3
    thrice = images_at_once(model, small, 4 * GB, differentiated=True, each=3)
    assert sizes[2] / thrice == pytest.approx(3, rel=0.1)
    doubled = images_at_once(model.double(), small.double(), 4 * GB, differentiated=True)
    assert sizes[2] / doubled == pytest.approx(2, rel=0.1)


def test_the_share_that_is_explained_is_told_after_each_batch(monkeypatch) -> None:
    monkeypatch.setattr("heatproof.saliency.forward.images_at_once", lambda *_, **__: 2)
    heard: list[float] = []
    model, parts = make("resnet10t + linear"), methods.parts(["gradient"])
    explain(parts, model, torch.zeros(5, 3, SIDE, SIDE), [0], told=heard.append)
    assert heard == [2 / 5, 4 / 5, 1]


def test_no_tensor_of_a_batch_outgrows_the_cache() -> None:
    """The largest of ResNet-10-T is its stem's: 64 channels at half the resolution."""
    model = build("resnet10t", "linear", FINDINGS, PREPROCESSING)
    for side in (48, 320, 640):
        largest = 64 * (side // 2) ** 2 * 4
        for differentiated in (True, False):
            images = images_at_once(
                model, torch.zeros(3, side, side), 10**12, differentiated=differentiated
            )
            assert images == max(1, LARGEST // largest)


class Narrow(nn.Module):
    """Runs out of memory with more than so many images, in the words of some library."""

    def __init__(self, most: int, error: type[Exception], words: str) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 1)
        self.most, self.error, self.words = most, error, words

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.most:
            raise self.error(self.words)
        return self.head(self.conv(images).relu().mean((2, 3)))


FULL = [
    (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB."),
    (RuntimeError, "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    (RuntimeError, "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    (RuntimeError, "MPS backend out of memory (MPS allocated: 9.07 GB)"),
    (MemoryError, ""),
]


def narrow(most: int, error: type[Exception], words: str) -> Adapted:
    return Adapted(
        Narrow(most, error, words),
        "conv",
        ("a",),
        Preprocessing(Squash(16, 16), 1, (0.5,), (0.25,)),
    )


@pytest.mark.parametrize(("error", "words"), FULL)
def test_a_full_memory_is_told_as_such_in_whatever_words_and_less_is_tried(
    error, words, monkeypatch
) -> None:
    monkeypatch.setattr("heatproof.saliency.memory._told", set())
    torch.manual_seed(0)
    model = narrow(2, error, words)
    images, chosen = torch.rand(5, 1, 16, 16), methods.parts(["gradient", "grad_cam"])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = explain(chosen, model, images, [0])
    assert [each.category for each in told] == [FullMemory]
    model.network.most = 5
    whole = explain(chosen, model, images, [0])
    for spec in chosen:
        torch.testing.assert_close(found.maps[spec].values, whole.maps[spec].values)
    with pytest.raises(ModelError, match=r"memory of the device does not suffice.*on the CPU"):
        narrow(0, error, words)


@pytest.mark.filterwarnings("ignore::heatproof.errors.FullMemory")
@pytest.mark.parametrize("statistics", ["kept", "estimated"])
def test_copies_go_through_in_halves_where_memory_is_full(statistics) -> None:
    torch.manual_seed(0)
    model = narrow(5, torch.OutOfMemoryError, "full")
    images, chosen = torch.rand(5, 1, 16, 16), methods.parts(["gradient", "grad_cam"])
    drawing = Drawing(statistics=statistics)
    copies = (steps(model, "cascading"), [WeightDraw(model, drawing, n) for n in (0, 1)])
    whole = list(explain_copies(chosen, model, images, [0], copies))
    model.network.most = 2
    halves = list(explain_copies(chosen, model, images, [0], copies))
    assert [copied for copied, _ in halves] == [copied for copied, _ in whole]
    for (_, one), (_, other) in zip(halves, whole, strict=True):
        assert one.validity == other.validity
        for spec in chosen:
            torch.testing.assert_close(one.maps[spec].values, other.maps[spec].values)
    model.network.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        list(explain_copies(chosen, model, images, [0], copies))


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["2GB", "4GB"])
@pytest.mark.parametrize("architecture", ["densenet121", "resnet50"])
def test_a_budget_is_kept(architecture: str, memory: str) -> None:
    """40 films of 320 x 320, of which a differentiated pass at once would take over 8 GB."""
    specs = ["gradient", "guided_backprop", "grad_cam", "occlusion(window=160, stride=160)"]
    command = [sys.executable, "-m", "tests.saliency.peak", memory, architecture, "40", "320"]
    root = Path(__file__).parents[2]
    done = subprocess.run([*command, *specs], cwd=root, check=True, capture_output=True, text=True)
    assert int(done.stdout) < parse_memory(memory)
