"""Heads against their definitions, computed here cell by cell."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.errors import SpecError
from heatproof.models.heads import heads
from heatproof.models.heads.wildcat import cells
from heatproof.models.targets import MaskTarget
from heatproof.train.guidance import guidance_loss

SPECS = [
    *heads.names(),
    "softmax(classes=3)",
    "wildcat(maps=1, highest=1, alpha=0.0)",
    "wildcat(lowest=0)",
]


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 6, 3, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_and_round_trip(spec: str, features) -> None:
    head = heads.parse(spec)(6, 4)
    assert head(features).shape == (2, 4)
    assert head.class_map(features).shape == (2, 4, 3, 5)
    assert heads.spec(heads.parse(spec)) == spec


@pytest.mark.parametrize("spec", SPECS)
def test_uniform_means_a_function_of_the_mean_alone(spec: str, features) -> None:
    head = heads.parse(spec)(6, 4)
    mean = features.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(head(features), head(mean), atol=1e-6) == head.uniform


@pytest.mark.parametrize(
    "spec", [*SPECS, "softmax(contrast=True)", "softmax(base=soft_cam, contrast=True)"]
)
def test_the_class_map_of_a_complete_head_averages_to_the_logit_less_the_constant(
    spec: str, features
) -> None:
    head = heads.parse(spec)(6, 4)
    given = head.class_map(3 * features).mean(dim=(2, 3)) + head.constant()
    assert torch.allclose(given, head(3 * features), atol=1e-5) == head.complete


@pytest.mark.parametrize("spec", ["linear", "attention_mil", "softmax(contrast=True)"])
def test_the_constant_is_what_the_head_says_of_nothing(spec: str, features) -> None:
    head = heads.parse(spec)(6, 4)
    nothing = torch.zeros_like(features)
    torch.testing.assert_close(head(nothing), head.constant().expand(2, 4))


@pytest.mark.parametrize("spec", SPECS)
def test_annotations_can_guide_every_head(spec: str, features) -> None:
    """Some steps on the loss of the maps alone bring the map to the annotated cell."""
    torch.manual_seed(0)
    head = heads.parse(spec)(6, 4)
    masks = torch.zeros(4, 3, 5, dtype=torch.bool)
    masks[1, 1, 3] = True
    target = MaskTarget(torch.tensor([False, True, False, False]), masks)
    adam = torch.optim.Adam(head.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        loss = guidance_loss(head.cell_logits(features[:1]), [target])
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert head.cell_logits(features[:1])[0, 1].argmax() == 8


def by_hand(head, features, maps: int, high: int, low: int, alpha: float) -> torch.Tensor:
    """spec.md section 3.1, with loops."""
    weight, bias = head.transfer.weight[:, :, 0, 0], head.transfer.bias
    n, _, y, x = features.shape
    logits = torch.zeros(n, len(weight) // maps)
    for image in range(n):
        for finding in range(logits.shape[1]):
            pooled = []
            for row in range(y):
                for column in range(x):
                    cell = features[image, :, row, column]
                    own = range(finding * maps, (finding + 1) * maps)
                    pooled.append(sum(float(weight[m] @ cell + bias[m]) for m in own) / maps)
            pooled.sort()
            top = sum(pooled[-high:]) / high
            if alpha == 0 or low == 0:
                logits[image, finding] = top
            else:
                logits[image, finding] = (top + alpha * sum(pooled[:low]) / low) / 2
    return logits


@pytest.mark.parametrize(
    ("spec", "maps", "high", "low", "alpha"),
    [
        ("wildcat", 4, 3, 3, 0.7),  # 0.2 of 15 cells
        ("wildcat(maps=2, highest=1, lowest=4)", 2, 1, 4, 0.7),
        ("wildcat(highest=2, alpha=0.0)", 4, 2, 2, 0.0),
        ("wildcat(highest=2, lowest=0)", 4, 2, 0, 0.7),
        ("wildcat(highest=0.01)", 4, 1, 1, 0.7),  # a share is at least one cell
        ("wildcat(highest=100, alpha=1.0)", 4, 15, 15, 1.0),  # a count at most the grid
    ],
)
def test_wildcat_equals_its_definition(spec, maps, high, low, alpha, features) -> None:
    with torch.no_grad():
        head = heads.parse(spec)(6, 4)
        torch.testing.assert_close(head(features), by_hand(head, features, maps, high, low, alpha))


def test_transfer_channels_are_grouped_by_finding(features) -> None:
    head = heads.parse("wildcat(maps=2)")(6, 3)
    head.transfer.weight.data[2:4] = 0
    head.transfer.bias.data[2:4] = torch.tensor([1.0, 3.0])
    assert torch.allclose(head.class_map(features)[:, 1], torch.tensor(2.0))


@settings(max_examples=50)
@given(st.integers(1, 200), st.floats(0.001, 0.999), st.integers(1, 300))
def test_amounts_are_between_one_cell_and_all(grid: int, share: float, count: int) -> None:
    assert 1 <= cells(share, grid) <= grid
    assert cells(count, grid) == min(count, grid)


def test_one_cell_and_all_cells_cannot_be_confused() -> None:
    assert cells(1, 100) == 1
    with pytest.raises(SpecError, match=r"highest=1\.0: a float is a share.*write highest=1"):
        heads.parse("wildcat(highest=1.0)")
    with pytest.raises(SpecError, match="highest=0: expected at least 1"):
        heads.parse("wildcat(highest=0)")
    with pytest.raises(SpecError, match="maps=0"):
        heads.parse("wildcat(maps=0)")
    with pytest.raises(SpecError, match=r"highest=2\.7: a float is a share.*write highest=3"):
        heads.parse("wildcat(highest=2.7)")  # which the reference code cuts down to 2
    with pytest.raises(SpecError, match=r"lowest = -1 .*at least 0\b"):
        heads.parse("wildcat(lowest=-1)")


def test_shares_are_rounded_to_cells_as_the_reference_code_rounds() -> None:
    assert cells(0.5, 49) == 24  # 24.5, to the even neighbour
    assert cells(0.5, 51) == 26  # 25.5, likewise
    assert cells(0.999, 49) == 49
    assert cells(0.2, 100) == 20
    assert cells(0.004, 100) == 1  # where the reference code takes none, and divides by it


def test_an_alpha_of_0_is_the_same_number_however_it_is_written(features) -> None:
    one, other = (heads.parse(f"wildcat(highest=2, alpha={text})")(6, 4) for text in ("0", "0.0"))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(features), other(features))


@pytest.mark.parametrize("lowest", [0, 3])
def test_without_lowest_cells_nothing_is_halved_whatever_the_switches(lowest, features) -> None:
    """spec: the half is applied where k- > 0 and the reference's test of alpha passes."""
    spec = f"wildcat(maps=2, highest=2, lowest={lowest}, alpha=0.5, halve_always=True)"
    head = heads.parse(spec)(6, 4)
    with torch.no_grad():
        expected = by_hand(head, features, 2, 2, lowest, 0.5)
        torch.testing.assert_close(head(features), expected)


def test_the_reference_code_halves_at_an_alpha_of_0(features) -> None:
    plain, halved = (
        heads.parse(f"wildcat(highest=2, alpha=0.0, halve_always={halve})")(6, 4)
        for halve in (False, True)
    )
    halved.load_state_dict(plain.state_dict())
    torch.testing.assert_close(halved(features), plain(features) / 2)


def test_the_reference_code_multiplies_gradients_by_the_number_of_maps(features) -> None:
    plain, summed = (
        heads.parse(f"wildcat(maps=3, sum_gradient={total})")(6, 4) for total in (False, True)
    )
    summed.load_state_dict(plain.state_dict())
    torch.testing.assert_close(summed(features), plain(features))
    for head in (plain, summed):
        head(features).square().sum().backward()
    for one, other in zip(plain.parameters(), summed.parameters(), strict=True):
        torch.testing.assert_close(other.grad, 3 * one.grad)
