"""Heads that pool a class map, cell by cell, against their definitions."""

import math

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads

FEATURES = torch.randn(3, 6, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
KINDS = ("log_sum_exp", "noisy_or", "attention_mil", "soft_cam", "linear", "wildcat")


def built(spec: str, seed: int = 1):
    torch.manual_seed(seed)
    return heads.parse(spec)(6, 2).double()


@pytest.mark.parametrize(
    "spec", [*KINDS, "softmax", "softmax(contrast=True)", "softmax(base=soft_cam, contrast=True)"]
)
def test_complete_heads_are_those_whose_map_averages_to_the_logit(spec: str) -> None:
    """But for one constant a finding, on whatever features."""
    head = built(spec)
    with torch.no_grad():
        rest = head(3 * FEATURES) - head.class_map(3 * FEATURES).mean(dim=(2, 3))
    assert torch.allclose(rest, rest[:1].expand_as(rest)) == head.complete


@pytest.mark.parametrize("sharpness", [0.5, 10.0])
def test_log_sum_exp_by_hand(sharpness: float) -> None:
    head = built(f"log_sum_exp(sharpness={sharpness})")
    with torch.no_grad():
        maps, logits = head.class_map(FEATURES).numpy(), head(FEATURES).numpy()
    for image, finding in np.ndindex(3, 2):
        total = sum(math.exp(sharpness * value) for value in maps[image, finding].flat)
        expected = math.log(total / 20) / sharpness
        assert logits[image, finding] == pytest.approx(expected)


def test_log_sum_exp_lies_between_mean_and_maximum() -> None:
    with torch.no_grad():
        maps = built("log_sum_exp").class_map(FEATURES).flatten(2)
        soft, hard = (built(f"log_sum_exp(sharpness={r})")(FEATURES) for r in ("0.001", "1000.0"))
    torch.testing.assert_close(soft, maps.mean(dim=-1), rtol=0, atol=1e-3)
    torch.testing.assert_close(hard, maps.amax(dim=-1), rtol=0, atol=math.log(20) / 1000 + 1e-9)


def test_noisy_or_by_hand() -> None:
    head = built("noisy_or(prior=0.1)")
    with torch.no_grad():
        cells, logits = head.class_map(FEATURES).sigmoid().numpy(), head(FEATURES).numpy()
    for image, finding in np.ndindex(3, 2):
        none = math.prod(1 - float(p) for p in cells[image, finding].flat)
        assert logits[image, finding] == pytest.approx(math.log((1 - none) / none))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_noisy_or_is_finite_and_learns_however_sure_its_cells_are(scale: float) -> None:
    head = heads.parse("noisy_or")(6, 2)
    features = (scale * FEATURES).float().requires_grad_()
    for sign in (-1.0, 1.0):
        logits = head(sign * features)
        assert logits.isfinite().all()
        [gradient] = torch.autograd.grad(logits.sum(), features)
        assert gradient.isfinite().all()


def test_noisy_or_starts_undecided_on_a_grid_of_a_radiograph() -> None:
    """Cells that start at 1/2 would be sure of every film."""
    features = torch.zeros(1, 6, 14, 14)
    assert heads.parse("noisy_or")(6, 1)(features).sigmoid().item() == pytest.approx(
        1 - 0.995**196, abs=1e-4
    )
    assert heads.parse("noisy_or(prior=0.5)")(6, 1)(features).item() > 100


def test_attention_by_hand() -> None:
    head = built("attention_mil(hidden=5)")
    weight = {name: value.detach().numpy().squeeze() for name, value in head.state_dict().items()}
    with torch.no_grad():
        maps, logits = head.class_map(FEATURES).numpy(), head(FEATURES).numpy()
    cells = FEATURES.flatten(2).numpy()
    for image, finding in np.ndindex(3, 2):
        scores, evidence = [], []
        for cell in cells[image].T:
            content = np.tanh(weight["content.weight"] @ cell + weight["content.bias"])
            gate = 1 / (1 + np.exp(-(weight["gate.weight"] @ cell + weight["gate.bias"])))
            scores.append(weight["attention.weight"][finding] @ (content * gate))
            evidence.append(weight["classifier.weight"][finding] @ cell)
        attention = np.exp(scores) / np.sum(np.exp(scores))
        contributed = attention * evidence
        bias = weight["classifier.bias"][finding]
        assert logits[image, finding] == pytest.approx(contributed.sum() + bias)
        np.testing.assert_allclose(maps[image, finding].ravel(), 20 * contributed)


def test_soft_cam_is_a_linear_head_with_a_penalty() -> None:
    head, linear = built("soft_cam(lasso=0.5, ridge=0.25)"), built("linear")
    linear.load_state_dict(head.state_dict())
    torch.testing.assert_close(head(FEATURES), linear(FEATURES))
    maps = head.class_map(FEATURES).detach().numpy()
    expected = np.mean([0.5 * abs(value) + 0.25 * value**2 for value in maps.flat])
    assert head.penalty(FEATURES).item() == pytest.approx(expected)
    assert linear.penalty(FEATURES).item() == 0
    softmax = heads.parse("softmax(base=soft_cam)")(6, 2)
    features = FEATURES.float()
    assert torch.equal(softmax.penalty(features), softmax.base.penalty(features))


@pytest.mark.parametrize(
    "spec",
    [
        "log_sum_exp(sharpness=0.0)",
        "noisy_or(prior=0.0)",
        "noisy_or(prior=0.9)",
        "attention_mil(hidden=0)",
        "soft_cam(lasso=-1.0)",
    ],
)
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(SpecError):
        heads.parse(spec)
