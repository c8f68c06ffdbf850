"""Metrics of fidelity against loops, and on a model of which is known where it looks."""

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.fidelity import fidelities, measure
from heatproof.fidelity.hiding import infilled, ranks
from heatproof.saliency.forward import ForwardPass
from tests.fidelity.conftest import LOOKS, SIDE

NAMES = list(fidelities.names())


def probability(model, image: torch.Tensor, target: int) -> float:
    with torch.no_grad():
        return float(model(image[None]).sigmoid()[0, target])


def by_relevance(relevance: torch.Tensor) -> list[tuple[int, int]]:
    """Pixels, the most relevant first."""
    places = [(y, x) for y in range(SIDE) for x in range(SIDE)]
    return sorted(places, key=lambda place: -float(relevance[place]))


def replaced(image: torch.Tensor, other: torch.Tensor, places) -> torch.Tensor:
    changed = image.clone()
    for y, x in places:
        changed[:, y, x] = other[:, y, x]
    return changed


@pytest.fixture
def relevance() -> torch.Tensor:
    """Two findings; no two pixels are equally relevant."""
    return torch.randn(3, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("infill", ["mean", "black", "blur"])
@pytest.mark.parametrize("name", ["deletion", "insertion"])
def test_areas_by_hand(name, infill, model, images, relevance) -> None:
    forward = ForwardPass(model, images)
    found = fidelities.parse(f"{name}(steps=4, infill='{infill}')")(forward, relevance, [0, 1])
    empty = infilled(forward, infill)
    for image, target in np.ndindex(3, 2):
        first, last = images[image], empty[image]
        if name == "insertion":
            first, last = last, first
        order = by_relevance(relevance[image, target])
        curve = [
            probability(model, replaced(first, last, order[: SIDE * SIDE * step // 4]), target)
            for step in range(5)
        ]
        area = sum((curve[step] + curve[step + 1]) / 2 for step in range(4)) / 4
        assert float(found[image, target]) == pytest.approx(area, abs=1e-5)


@pytest.mark.parametrize("name", ["comprehensiveness", "sufficiency"])
def test_falls_by_hand(name, model, images, relevance) -> None:
    found = fidelities.parse(f"{name}(share=0.25)")(ForwardPass(model, images), relevance, [0, 1])
    for image, target in np.ndindex(3, 2):
        order = by_relevance(relevance[image, target])
        most = SIDE * SIDE // 4
        hidden = order[:most] if name == "comprehensiveness" else order[most:]
        changed = replaced(images[image], torch.zeros(1, SIDE, SIDE), hidden)
        fall = probability(model, images[image], target) - probability(model, changed, target)
        assert float(found[image, target]) == pytest.approx(fall, abs=1e-5)


def test_sensitivity_n_by_hand(model, images, relevance) -> None:
    metric = fidelities.parse("sensitivity_n(samples=12, grid=4)")
    found = metric(ForwardPass(model, images), relevance[:, :1], [0])
    cell = SIDE // 4
    for image in range(3):
        sums, falls = [], []
        for subset in metric._subsets():
            mask = np.kron(subset.numpy(), np.ones((cell, cell), bool))
            assert mask.sum() == 3 * cell * cell  # a fifth of 16 cells
            sums.append(relevance[image, 0].numpy()[mask].sum())
            changed = replaced(images[image], torch.zeros(1, SIDE, SIDE), np.argwhere(mask))
            falls.append(probability(model, images[image], 0) - probability(model, changed, 0))
        assert float(found[image, 0]) == pytest.approx(np.corrcoef(sums, falls)[0, 1], abs=1e-4)


def test_infidelity_by_hand(model, images, relevance) -> None:
    metric = fidelities.parse("infidelity(samples=8)")
    found = metric(ForwardPass(model, images), relevance[:, :1], [0])
    for image in range(3):
        sums, falls = [], []
        for square in metric._squares(SIDE, SIDE):
            rows, columns = np.nonzero(square.numpy())
            assert len(rows) == 64  # a square of a quarter of the side
            assert np.ptp(rows) == np.ptp(columns) == 7
            sums.append(float(relevance[image, 0][square].sum()))
            places = zip(rows, columns, strict=True)
            changed = replaced(images[image], torch.zeros(1, SIDE, SIDE), places)
            falls.append(probability(model, images[image], 0) - probability(model, changed, 0))
        [scale], [error], *_ = np.linalg.lstsq(np.array(sums)[:, None], np.array(falls))
        assert scale is not None
        assert float(found[image, 0]) == pytest.approx(error / np.sum(np.square(falls)), abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_map_that_is_true_is_better_than_chance(name, model, images, true) -> None:
    metric = fidelities.parse(name)
    measured = measure({name: metric}, model, images, {"true": true}, [0])["true", name]
    better = measured.values > measured.chance
    assert (better if metric.better == "higher" else ~better).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_map_is_called_does_not_matter_and_its_unit_does_not(name, model, images, true):
    """A map times a positive number is the same map."""
    metric, forward = fidelities.parse(name), ForwardPass(model, images)
    varied = true + 0.1 * torch.rand(true.shape, generator=torch.Generator().manual_seed(2))
    first, second = (metric(forward, scale * varied, [0]) for scale in (1.0, 128.0))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)


def test_sensitivity_n_and_infidelity_are_undefined_where_nothing_changes(model, images) -> None:
    """Of a finding that the model never tells otherwise, and of a constant map."""
    forward = ForwardPass(model, torch.zeros_like(images))
    flat = torch.ones(3, 1, SIDE, SIDE)
    assert fidelities.parse("infidelity")(forward, flat, [0]).isnan().all()
    assert fidelities.parse("sensitivity_n")(ForwardPass(model, images), flat, [0]).isnan().all()
    zeros = fidelities.parse("infidelity")(ForwardPass(model, images), 0 * flat, [0])
    assert torch.equal(zeros, torch.ones(3, 1))  # it foretells nothing


def test_equal_pixels_are_hidden_in_no_shape() -> None:
    """A map of one value is hidden all over the image, and not row by row."""
    places = ranks(torch.zeros(1, 1, SIDE, SIDE))[0, 0]
    assert sorted(places.flatten().tolist()) == list(range(SIDE * SIDE))
    for half in (places[: SIDE // 2], places[:, : SIDE // 2]):
        assert abs(float((half < SIDE * SIDE // 2).float().mean()) - 0.5) < 0.05


def test_batches_change_nothing(model, images, relevance, monkeypatch) -> None:
    metrics = fidelities.parts(NAMES)
    whole = {
        name: metric(ForwardPass(model, images), relevance, [0, 1])
        for name, metric in metrics.items()
    }
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, **__: 7)
    for name, metric in metrics.items():
        pieces = metric(ForwardPass(model, images), relevance, [0, 1])
        torch.testing.assert_close(whole[name], pieces, rtol=1e-4, atol=1e-6)


def test_maps_at_their_own_resolution_are_laid_over_the_image(model, images) -> None:
    """A map of 4 x 4 cells; the model looks at the cell in row 1, column 2."""
    coarse = torch.zeros(3, 1, 4, 4)
    coarse[:, :, LOOKS[0].start // 8, LOOKS[1].start // 8] = 1
    metrics = fidelities.parts(["deletion"])
    measured = measure(metrics, model, images, {"coarse": coarse}, [0])["coarse", "deletion"]
    assert (measured.values < measured.chance).all()


@pytest.mark.parametrize(
    "spec",
    [
        "deletion(steps=1)",
        "insertion(infill='noise')",
        "sufficiency(share=1.0)",
        "comprehensiveness(share=0.0)",
        "sensitivity_n(grid=1)",
        "infidelity(side=2.0)",
        "infidelity(samples=2)",
    ],
)
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(SpecError):
        fidelities.parse(spec)
