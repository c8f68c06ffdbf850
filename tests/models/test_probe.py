"""What is found out about a network when it is opened: told in words, or handled."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heatproof.data.geometry import Squash
from heatproof.errors import MapError, ModelError
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.preparation.opening import network_checksum
from heatproof.saliency import explain, methods

PREPROCESSING = Preprocessing(Squash(32, 32), channels=1, mean=(0.5,), std=(0.25,))
IMAGES = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """A body of 8 x 8 cells, and a head; ``between`` is what a test is about."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 12, 4, 4), nn.ReLU())
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, 2)

    def between(self, features):
        return features

    def forward(self, images):
        return self.head(self.between(self.body(images)).mean((2, 3)))


def adapted(network: nn.Module, features: str | None = "body", **options) -> Adapted:
    return Adapted(network, features, ["a", "b"], PREPROCESSING, **options)


def maps(model: Adapted, spec: str = "grad_cam"):
    return explain({spec: methods.parse(spec)}, model, IMAGES, [0, 1]).maps[spec].values


def test_a_network_that_is_random_is_refused() -> None:
    class Random(Net):
        def between(self, features):
            return F.dropout(features, 0.5)

    with pytest.raises(ModelError, match=r"is random: .*training=self\.training"):
        adapted(Random())


def test_dropout_that_a_network_keeps_on_is_named() -> None:
    class Kept(Net):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def between(self, features):
            return self.drop(features)

        def train(self, mode: bool = True):
            super().train(mode)
            self.drop.training = True
            return self

    with pytest.raises(ModelError, match=r"is random: .*\(drop: still training after eval"):
        adapted(Kept())


def test_a_network_that_mixes_the_films_of_a_batch_is_refused() -> None:
    class Mixing(Net):
        def __init__(self) -> None:
            super().__init__()
            self.batch = nn.BatchNorm2d(12, track_running_stats=False)

        def between(self, features):
            return self.batch(features).relu()

    with pytest.raises(ModelError, match=r"mixes the films.*\(batch: track_running_stats=False\)"):
        adapted(Mixing())


def test_a_network_that_scales_a_batch_by_its_range_is_refused() -> None:
    class Scaling(Net):
        def forward(self, images):
            low, high = images.aminmax()
            return super().forward((images - low) / (high - low))

    with pytest.raises(ModelError, match="mixes the films of a batch"):
        adapted(Scaling())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("weights"), "KeyError: 'weights'\n"),
        (OSError("no such file"), "OSError: no such file\n"),
        (type("Own", (Exception,), {})("boom"), "Own: boom\n"),
        (StopIteration(), "StopIteration\n"),
        (RuntimeError("mat1 and mat2"), r"mat1 and mat2; is its scaling \(size, channels\) right"),
    ],
)
def test_whatever_a_network_runs_into_is_told_with_its_line(error: Exception, told: str) -> None:
    class Failing(Net):
        def forward(self, images):
            raise error

    with pytest.raises(ModelError, match=rf"Failing fails on images of shape .*{told}"):
        adapted(Failing())


def test_layers_that_lie_otherwise_than_the_film_are_not_offered() -> None:
    class Mirrored(Net):
        def forward(self, images):
            return super().forward(images.flip(3))

    reason = adapted(Mirrored()).lacks["features"]
    assert "cells run against the film" in reason
    assert "none of its layers gives a grid that lies as the film does" in reason


def test_networks_whose_logits_are_large_or_small_are_not_taken_for_random() -> None:
    for factor in (1e-5, 1e5):
        network = Net()
        nn.init.constant_(network.head.weight, factor)
        assert adapted(network).lacks == {}


def test_a_network_that_flattens_by_view_runs_contiguous() -> None:
    class Viewing(Net):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(12 * 64, 2)

        def forward(self, images):
            features = self.body(images)
            return self.head(features.view(len(images), -1))

    model = adapted(Viewing())
    assert model.memory_format is torch.contiguous_format
    assert adapted(Net()).memory_format is torch.channels_last
    for spec in ("grad_cam", "gradient", "occlusion(window=16, stride=16)", "rise(masks=4)"):
        assert maps(model, spec).isfinite().all()


class ChannelsLast(Net):
    def forward(self, images):
        return self.head(self.norm(self.body(images).permute(0, 2, 3, 1)).mean((1, 2)))


class Tokens(Net):
    """The same function with tokens, of which the first two belong to no place."""

    def forward(self, images):
        tokens = self.body(images).flatten(2).mT
        tokens = torch.cat([torch.zeros(len(images), 2, 12), tokens], dim=1)
        return self.head(self.norm(tokens)[:, 2:].mean(1))


def test_maps_do_not_depend_on_the_layout() -> None:
    class Unnormed(ChannelsLast):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Identity()

        def forward(self, images):
            last = self.body(images).permute(0, 2, 3, 1)
            return self.head(self.first(self.norm(last).permute(0, 3, 1, 2)).mean((2, 3)))

    expected = maps(adapted(Unnormed(), "first"))
    assert expected.shape == (3, 2, 8, 8)
    for network in (ChannelsLast(), Tokens()):
        torch.testing.assert_close(maps(adapted(network, "norm")), expected)
    gradients = maps(adapted(Unnormed(), "first"), "gradient")
    torch.testing.assert_close(maps(adapted(Tokens(), "norm"), "gradient"), gradients)


@pytest.mark.parametrize("how", ["no_grad", "detach", "inference_mode"])
def test_gradients_that_do_not_flow_are_told_to_those_who_need_them(how: str) -> None:
    class Frozen(Net):
        def forward(self, images):
            if how == "detach":
                return self.head(self.body(images).detach().mean((2, 3)))
            with getattr(torch, how)():
                features = self.body(images)
            return self.head(features.clone().mean((2, 3)))

    model = adapted(Frozen())
    for spec in ("grad_cam", "gradient", "integrated_gradients(steps=4)", "guided_grad_cam"):
        with pytest.raises(MapError, match="no gradient of its logits reaches"):
            maps(model, spec)
    with pytest.raises(MapError, match="reaches the image"):
        maps(model, "smooth_grad(base=gradient)")
    for spec in ("occlusion(window=16, stride=16)", "eigen_cam"):
        assert maps(model, spec).isfinite().all()


def test_features_are_needed_by_those_alone_who_look_at_them() -> None:
    model = adapted(Net(), None)
    for spec in (
        "gradient",
        "occlusion(window=16, stride=16)",
        "rise(masks=4)",
        "lrp",
        "full_grad",
    ):
        torch.testing.assert_close(maps(model, spec), maps(adapted(Net()), spec))
    message = r"needs feature.*no layer is named as its features; these give grids.*: body \(12 ch"
    for spec in ("grad_cam", "eigen_cam", "score_cam", "guided_grad_cam"):
        with pytest.raises(MapError, match=message):
            maps(model, spec)


def test_auto_finds_the_last_grid() -> None:
    assert adapted(Net(), "auto").features == "body"
    assert adapted(Tokens(), "auto").features == "norm"
    with pytest.raises(MapError, match="found no layer that gives a grid"):
        maps(adapted(nn.Sequential(nn.Flatten(), nn.Linear(1024, 2)), "auto"))


def test_cells_that_the_logits_do_not_depend_on_are_told() -> None:
    class ClassToken(Tokens):
        def forward(self, images):
            tokens = self.body(images).flatten(2).mT
            tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1)
            return self.head(self.norm(tokens)[:, 0])

    model = adapted(ClassToken(), "norm")
    with pytest.raises(MapError, match=r"tokens of no place alone.*best first: body"):
        maps(model)
    assert maps(model, "eigen_cam").shape == (3, 2, 8, 8)
    assert adapted(ClassToken(), "auto").features == "body"


@pytest.mark.filterwarnings("ignore::heatproof.errors.FullMemory")  # told once a process
def test_a_full_memory_is_told_as_such_and_halves_the_batch() -> None:
    class Full(Net):
        most = 1

        def forward(self, images):
            if len(images) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return super().forward(images)

    network = Full()
    for spec in ("grad_cam", "gradient"):
        torch.testing.assert_close(maps(adapted(network), spec), maps(adapted(Net()), spec))
    model = adapted(network)
    network.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        maps(model)


def test_a_label_that_the_weights_do_not_know_hinders_no_other() -> None:
    class Unknown(Net):
        def forward(self, images):
            known = super().forward(images)[:, :1]
            return torch.cat([known, torch.full_like(known, torch.nan)], dim=1)

    model = Adapted(Unknown(), "body", ["a", ""], PREPROCESSING)
    parts = methods.parts(["grad_cam"])
    found = explain(parts, model, IMAGES, [0])
    expected = explain(parts, adapted(Net()), IMAGES, [0])
    torch.testing.assert_close(found.maps["grad_cam"].values, expected.maps["grad_cam"].values)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_wraps_a_network_is_taken_off() -> None:
    for wrap in (nn.DataParallel, torch.compile):
        assert adapted(wrap(Net())).network.__class__ is Net


def test_one_film_at_a_time_is_told() -> None:
    class One(Net):
        def forward(self, images):
            assert len(images) == 1, "one film please"
            return super().forward(images)

    with pytest.raises(ModelError, match="one film please"):
        adapted(One())


def quantized(network: nn.Module) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)


@pytest.mark.filterwarnings("ignore")  # torch's own: quantization moves to another package
def test_quantized_layers_let_no_gradient_through() -> None:
    class OneFilm(Net):
        """Ranges are those of one film: dynamic quantization takes them over the whole batch."""

        def forward(self, images):
            return torch.cat([super(OneFilm, self).forward(film) for film in images.split(1)])

    with pytest.raises(ModelError, match="mixes the films of a batch"):
        adapted(quantized(Net()))
    with pytest.raises(MapError, match="ran 2 times in one pass over 2"):
        maps(adapted(quantized(OneFilm())))
    model = adapted(quantized(OneFilm()), None)
    with pytest.raises(MapError, match="quantized"):
        maps(model, "gradient")
    assert maps(model, "occlusion(window=16, stride=16)").isfinite().all()


@pytest.mark.filterwarnings("ignore")
def test_quantized_weights_tell_networks_apart() -> None:
    other = Net()
    nn.init.constant_(other.head.weight, 0.5)
    first, again, second = (network_checksum(quantized(one)) for one in (Net(), Net(), other))
    assert first == again != second


def test_a_network_that_is_named_is_tried_once() -> None:
    class Counting(Net):
        passes = 0

        def forward(self, images):
            Counting.passes += 1
            return super().forward(images)

    first = adapted(Counting(), identity="weights and code")
    tried = Counting.passes
    assert tried > 0
    again = adapted(Counting(), identity="weights and code")
    assert Counting.passes == tried
    assert (again.features, again.layout) == (first.features, first.layout)
    # Another layer, other weights and one that nobody has named are tried.
    adapted(Counting(), "auto", identity="weights and code")
    adapted(Counting(), identity="other weights")
    adapted(Counting())
    assert Counting.passes >= 4 * tried
