"""Whatever the layer, a rule's division accounts for every bit of relevance."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from heatproof.errors import MapError, SpecError
from heatproof.saliency.relevance import Layer, relevance_rules

SPECS = [
    "z_plus",
    "epsilon",
    "epsilon(epsilon=0.0)",
    "gamma",
    "alpha_beta",
    "alpha_beta(alpha=1.0, beta=0.0)",
    "flat",
    "z_box(low=-9.0, high=9.0)",
]
VALUES = st.lists(
    st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-30, -1e-25]), min_size=6, max_size=6
)


def divided(spec: str, layer: Layer, relevance: Tensor) -> tuple[Tensor, dict[str, float]]:
    """What inputs get, and what is absorbed."""
    rule = relevance_rules.parse(spec)
    division = rule(layer)
    inputs = torch.zeros_like(layer.x)
    for contributions, share in division.shares:
        inputs += contributions.times(share * relevance)
    if division.evenly is not None:
        inputs += layer.evenly(division.evenly * relevance)
    assert set(division.absorbed) <= set(rule.absorbs)
    return inputs, {k: float((v * relevance).sum()) for k, v in division.absorbed.items()}


def linear(x: list[float], weight: list[float], bias: list[float]) -> Layer:
    tensors = [torch.tensor(values, dtype=torch.float64) for values in (x, weight, bias)]
    return Layer(tensors[0][None, :3], tensors[1].view(2, 3), tensors[2][:2], F.linear)


@pytest.mark.parametrize("spec", SPECS)
@given(x=VALUES, weight=VALUES, bias=VALUES, relevance=st.tuples(*[st.floats(-5, 5)] * 2))
@settings(max_examples=60)
def test_nothing_is_lost(spec: str, x, weight, bias, relevance) -> None:
    given_out = torch.tensor([relevance], dtype=torch.float64)
    inputs, absorbed = divided(spec, linear(x, weight, bias), given_out)
    assert inputs.isfinite().all()
    total, size = float(given_out.sum()), float(given_out.abs().sum())
    # Shares of both signs may be much larger than what they divide.
    size += float(inputs.abs().sum()) + sum(map(abs, absorbed.values()))
    assert float(inputs.sum()) + sum(absorbed.values()) == pytest.approx(
        total, abs=1e-9 * size + 1e-300
    )


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": "same"},
        {"groups": 2, "padding": "valid"},
        {"groups": 4, "padding": (0, 2), "stride": (1, 3)},
    ],
    ids=str,
)
def test_a_convolution_is_the_matrix_that_it_is(spec: str, options: dict) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 7, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 4 // options.get("groups", 1), 3, 3, generator=generator).double()
    bias = torch.randn(4, generator=generator).double()

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, None, **options)

    (matrix,) = [torch.autograd.functional.jacobian(lambda x: convolve(x, weight)[0], x)]
    shape = matrix.shape[:3]
    relevance = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
    found, kept = divided(spec, Layer(x, weight, bias.view(-1, 1, 1), convolve), relevance)
    field = torch.autograd.functional.jacobian(
        lambda x: convolve(x, torch.ones_like(weight))[0], x
    ).reshape(relevance.numel(), -1)

    def dense(x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight * field)

    flat = Layer(
        x.reshape(1, -1),
        matrix.reshape(relevance.numel(), -1),
        bias.repeat_interleave(shape[1] * shape[2]),
        dense,
    )
    expected, absorbed = divided(spec, flat, relevance.reshape(1, -1))
    torch.testing.assert_close(found.reshape(1, -1), expected, rtol=1e-9, atol=1e-9)
    assert kept == pytest.approx(absorbed, rel=1e-9, abs=1e-9)


def test_z_plus_divides_evenly_where_nothing_speaks_for_an_output() -> None:
    layer = linear([1, 0, 2], [-1, -1, -1, 1, 0, 1], [5, 0])
    inputs, _ = divided("z_plus", layer, torch.tensor([[3.0, 3.0]]).double())
    torch.testing.assert_close(inputs, torch.tensor([[1 + 1, 1.0, 1 + 2]]).double())


def test_z_box_refuses_inputs_outside_the_box() -> None:
    with pytest.raises(MapError, match=r"inputs from -1 to 2"):
        divided("z_box(low=0.0, high=1.0)", linear([-1, 0, 2], [1] * 6, [0] * 2), torch.ones(1, 2))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("epsilon(epsilon=-1.0)", "expected a small number >= 0"),
        ("gamma(gamma=-0.1)", "expected a number >= 0"),
        ("alpha_beta(alpha=2.0, beta=2.0)", "alpha = 1 \\+ beta"),
        ("alpha_beta(alpha=0.0, beta=-1.0)", "beta >= 0"),
        ("z_box(low=1.0, high=1.0)", "low below high"),
    ],
)
def test_impossible_options_are_refused(spec: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        relevance_rules.parse(spec)
