"""The front door: what it refuses, and how it judges maps."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from heatproof.errors import MapError
from heatproof.models import Model
from heatproof.saliency import Maps, Method, explain, judge, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.types import Validity
from tests.saliency.conftest import SIDE, make


@dataclass(frozen=True)
class Fixed:
    """Returns what it is told to."""

    values: Tensor
    residual: Tensor | None = None
    tolerance: float = float("inf")
    title: ClassVar = "Fixed"
    needs: ClassVar = "logits"

    def __call__(self, forward, targets) -> Maps:
        return Maps(self.values, self.residual, self.tolerance)


def test_fixed_is_a_method() -> None:
    assert isinstance(Fixed(torch.zeros(1)), Method)


def judged(model: Model, images: Tensor, map_: Tensor, **options) -> Validity:
    method = Fixed(map_[None, None], **options)
    ((validity,),) = explain({"fixed": method}, model, images[:1], [0]).validity["fixed"]
    return validity


def test_validity_says_why_a_map_is_not_one(classifier: Model, images: Tensor) -> None:
    ramp = torch.arange(4.0).view(2, 2)
    cases = {
        Validity.OK: ramp,
        Validity.ZERO: ramp * 0,
        Validity.CONSTANT: ramp * 0 - 3,
        Validity.NOT_FINITE: ramp / ramp,
        Validity.TIED: torch.tensor([[1.0, 0, 0], [0, 0, 1]]),
    }
    assert {reason: judged(classifier, images, m) for reason, m in cases.items()} == {
        reason: reason for reason in cases
    }
    off = torch.tensor([[-0.2]])
    assert judged(classifier, images, ramp, residual=off, tolerance=0.1) == Validity.INCOMPLETE
    assert judged(classifier, images, ramp, residual=off, tolerance=0.3) == Validity.OK
    assert judged(classifier, images, ramp, residual=off * torch.nan, tolerance=9.0) == (
        Validity.INCOMPLETE
    )


def test_rounding_does_not_make_a_constant_map_vary(classifier: Model, images: Tensor) -> None:
    map_ = torch.full((3, 3), 0.1)
    map_[1, 1] = torch.nextafter(map_[1, 1], torch.tensor(1.0))
    assert judged(classifier, images, map_) == Validity.CONSTANT


def test_a_map_is_judged_in_the_precision_that_it_is_kept_in() -> None:
    """What differs in double precision alone is kept as one value, and 1e-300 as nothing."""
    ramp = torch.arange(4.0, dtype=torch.float64).view(1, 1, 2, 2)
    kept = {
        Validity.CONSTANT: 1 + ramp * 1e-12,
        Validity.ZERO: ramp * 1e-300,
        Validity.NOT_FINITE: ramp * 1e300,
        Validity.OK: ramp,
    }
    for validity, values in kept.items():
        assert judge(Maps(values)) == ((validity,),)
        stored = values.float()
        assert (stored.amax() == stored.amin()) == (validity in {Validity.CONSTANT, Validity.ZERO})


def test_half_precision_rounds_more(classifier: Model, images: Tensor) -> None:
    map_ = torch.full((3, 3), 0.1, dtype=torch.bfloat16)
    map_[1, 1] = torch.nextafter(map_[1, 1], torch.tensor(1.0, dtype=torch.bfloat16))
    assert judged(classifier, images, map_) == Validity.CONSTANT
    assert judged(classifier, images, map_.float()) == Validity.OK


def test_a_broken_image_spoils_only_its_own_maps(classifier: Model, images: Tensor) -> None:
    images[1] = torch.nan
    found = explain(
        methods.parts(["gradient", "occlusion(window=16, stride=16)"]), classifier, images, [0]
    )
    for validity in found.validity.values():
        assert validity == ((Validity.OK,), (Validity.NOT_FINITE,), (Validity.OK,))


def test_logits_are_of_all_findings(model: Model, images: Tensor) -> None:
    found = explain(methods.parts(["grad_cam"]), model, images, [1])
    with torch.no_grad():
        torch.testing.assert_close(found.logits, model.eval()(images))


@pytest.mark.parametrize(
    ("change", "targets", "message"),
    [
        (lambda x: x[:, :1], [0], r"images have shape \(3, 1, 48, 48\)"),
        (lambda x: x[..., :32], [0], "as its preprocessing makes them"),
        (lambda x: x[:0], [0], "images have shape"),
        (lambda x: x, [3], "target 3 does not exist: the model has 3 findings"),
        (lambda x: x, [-1], "target -1"),
        (lambda x: x, [], "at least one"),
        (lambda x: x, [1, 1], "each once"),
    ],
)
def test_the_impossible_is_refused(model: Model, images, change, targets, message) -> None:
    with pytest.raises(MapError, match=message):
        explain(methods.parts(["grad_cam"]), model, change(images), targets)


def test_a_method_that_cannot_explain_this_model_is_refused_before_any_runs(monkeypatch) -> None:
    from tests.saliency.conftest import make

    model = make("adapted")
    monkeypatch.setattr(model, "features_and_logits", lambda *_, **__: pytest.fail("ran"))
    with pytest.raises(MapError, match=r"class_map reads the class map.*use grad_cam"):
        explain(methods.parts(["gradient", "class_map"]), model, torch.zeros(1, 3, 48, 48), [0])


def test_maps_of_other_images_are_refused(classifier: Model, images: Tensor) -> None:
    with pytest.raises(MapError, match=r"fixed gave maps of shape \(2, 1, 4, 4\)"):
        explain({"fixed": Fixed(torch.zeros(2, 1, 4, 4))}, classifier, images, [0])


def test_touching_cells_that_share_the_maximum_are_one_place(classifier, images) -> None:
    patch = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])
    assert judged(classifier, images, patch) is Validity.OK


def test_images_that_do_not_fit_into_memory_at_once_go_through_in_turn(monkeypatch) -> None:
    model = make("resnet10t + linear").double()  # rounding depends on the size of a batch
    films = torch.randn(5, 3, SIDE, SIDE).double()
    chosen = methods.parts(["gradient", "integrated_gradients(steps=4)", "grad_cam"])
    together = explain(chosen, model, films, [0, 1])
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, **__: 2)
    in_turn = explain(chosen, model, films, [0, 1])
    torch.testing.assert_close(in_turn.logits, together.logits)
    for spec, maps in together.maps.items():
        torch.testing.assert_close(in_turn.maps[spec].values, maps.values, rtol=1e-9, atol=1e-9)
        assert (in_turn.maps[spec].residual is None) == (maps.residual is None)
    assert in_turn.maps["integrated_gradients(steps=4)"].residual.shape == (5, 2)
