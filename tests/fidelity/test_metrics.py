"""Metrics of fidelity against loops, and on a model of which is known where it looks."""

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.fidelity import fidelities, measure
from heatproof.fidelity.hiding import infilled, ranks
from heatproof.fidelity.imputation import imputed
from heatproof.fidelity.metrics import Explained, beside_chance
from heatproof.saliency import explain
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods import methods
from tests.fidelity.conftest import LOOKS, SIDE

NAMES = [name for name in fidelities.names() if beside_chance(fidelities.parse(name))]
ORDERS = [name for name in NAMES if name != "monotonicity"]  # which tell true from shuffled here


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


def measured(spec: str, model, images, relevance, targets) -> torch.Tensor:
    return fidelities.parse(spec)(Explained(ForwardPass(model, images), relevance, targets))


@pytest.fixture
def relevance() -> torch.Tensor:
    """Two findings; no two pixels are equally relevant."""
    return torch.randn(3, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("infill", ["mean", "black", "blur"])
@pytest.mark.parametrize("name", ["deletion", "insertion"])
def test_areas_by_hand(name, infill, model, images, relevance) -> None:
    forward = ForwardPass(model, images)
    found = fidelities.parse(f"{name}(steps=4, infill='{infill}')")(
        Explained(forward, relevance, [0, 1])
    )
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
    found = measured(f"{name}(share=0.25)", model, images, relevance, [0, 1])
    for image, target in np.ndindex(3, 2):
        order = by_relevance(relevance[image, target])
        most = SIDE * SIDE // 4
        hidden = order[:most] if name == "comprehensiveness" else order[most:]
        changed = replaced(images[image], torch.zeros(1, SIDE, SIDE), hidden)
        fall = probability(model, images[image], target) - probability(model, changed, target)
        assert float(found[image, target]) == pytest.approx(fall, abs=1e-5)


def test_sensitivity_n_by_hand(model, images, relevance) -> None:
    metric = fidelities.parse("sensitivity_n(samples=12, grid=4)")
    found = metric(Explained(ForwardPass(model, images), relevance[:, :1], [0]))
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
    found = metric(Explained(ForwardPass(model, images), relevance[:, :1], [0]))
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


def test_road_by_hand(model, images, relevance) -> None:
    """Its images hold what a dense solution of the equations of Rong et al. gives."""
    metric = fidelities.parse("road(shares=[0.5, 0.2], noise=0.0)")
    explained = Explained(ForwardPass(model, images), relevance, [0, 1])
    found, made = metric(explained), iter(metric.imputations(explained))
    for image, target in np.ndindex(3, 2):
        of_shares = []
        for share in (0.2, 0.5):
            hidden = by_relevance(relevance[image, target])[: round(share * SIDE * SIDE)]
            expected = images[image].clone()
            expected[0] = torch.from_numpy(solved(images[image, 0].numpy(), hidden))
            torch.testing.assert_close(next(made)[1], expected, atol=1e-5, rtol=0)
            of_shares.append(probability(model, expected, target))
        assert float(found[image, target]) == pytest.approx(np.mean(of_shares), abs=1e-5)


def solved(image: np.ndarray, hidden: list[tuple[int, int]]) -> np.ndarray:
    """Hidden pixels as the weighted means of their neighbours, by a dense matrix."""
    matrix, right, index = np.eye(len(hidden)), np.zeros(len(hidden)), {}
    index |= {place: row for row, place in enumerate(hidden)}
    for (y, x), row in index.items():
        around = {
            (y + down, x + across): 1 / 6 if 0 in (down, across) else 1 / 12
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
            if (down, across) != (0, 0) and 0 <= y + down < SIDE and 0 <= x + across < SIDE
        }
        for place, weight in around.items():
            share = weight / sum(around.values())
            if place in index:
                matrix[row, index[place]] -= share
            else:
                right[row] += share * image[place]
    result = image.copy()
    for place, value in zip(hidden, np.linalg.solve(matrix, right), strict=True):
        result[place] = value
    return result


def test_imputing_a_grey_film_in_three_channels_or_other_channels(images) -> None:
    """Channels that are one picture are solved once, others by themselves: both alike."""
    grey, places = images[0, 0].numpy(), ranks(images[1:2])[0, 0].numpy()
    channels = [grey, 2 * grey + 1, -0.5 * grey, images[2, 0].numpy(), np.ones_like(grey)]
    together = imputed(np.stack(channels), places, [100, 400])
    for channel, values in enumerate(channels):
        alone = imputed(values[None], places, [100, 400])
        np.testing.assert_allclose(together[:, channel], alone[:, 0], atol=2e-5)


def test_road_adds_noise_to_imputed_pixels_alone(model, images, relevance) -> None:
    explained = Explained(ForwardPass(model, images), relevance, [0, 1])
    plain, noisy = (fidelities.parse(f"road(shares=[0.3], noise={noise})") for noise in (0.0, 0.05))
    pairs = zip(plain.imputations(explained), noisy.imputations(explained), strict=True)
    for row, ((_, first), (_, second)) in enumerate(pairs):
        added, place = second - first, np.unravel_index(row, (3, 2))
        hidden = ranks(relevance)[place] < round(0.3 * SIDE * SIDE)
        assert not added[0][~hidden].any()
        assert 0.04 < float(added[0][hidden].std()) < 0.06


def test_monotonicity_by_hand(model, images, relevance) -> None:
    found = measured("monotonicity(steps=5)", model, images, relevance, [0, 1])
    for image, target in np.ndindex(3, 2):
        order = by_relevance(relevance[image, target])[::-1]
        curve = []
        for step in range(1, 6):
            shown = order[: SIDE * SIDE - round(SIDE * SIDE * (5 - step) / 5)]
            changed = replaced(torch.zeros(1, SIDE, SIDE), images[image], shown)
            curve.append(probability(model, changed, target))
        assert float(found[image, target]) == np.mean(np.diff(curve) >= 0)


def test_monotonicity_cannot_tell_a_true_map_where_all_speaks_for_the_finding(model, images, true):
    """Whatever is shown next, the probability does not fall: so it is 1 in any order."""
    metrics = fidelities.parts(["monotonicity"])
    found = measure(metrics, model, images, {"true": true}, [0])["true", "monotonicity"]
    assert (found.values == 1).all()
    assert (found.chance == 1).all()


def test_max_sensitivity_by_hand(model, images) -> None:
    """Of input x gradient: the noise in the square where the gradient of the first logit is."""
    metric = fidelities.parse("max_sensitivity(radius=0.1, samples=4)")
    parts = methods.parts(["input_x_gradient", "gradient"])
    maps = {spec: made.values for spec, made in explain(parts, model, images, [0]).maps.items()}
    maps |= {"imported": torch.rand(3, 1, 4, 4)}
    found = measure({"m": metric}, model, images, maps, [0], methods=parts)
    noisy = metric.noisy(images, Explained(ForwardPass(model, images), images, [0]))
    for image in range(3):
        inside = [(each - images)[image, 0][LOOKS] for each in noisy]
        assert max(float(each.abs().max()) for each in inside) <= 0.1
        largest = max(float(each.norm()) for each in inside)
        expected = largest / float(images[image, 0][LOOKS].norm())
        value = float(found["input_x_gradient", "m"].values[image, 0])
        assert value == pytest.approx(expected, rel=1e-4)
    assert not found["gradient", "m"].values.any()  # the same whatever the image
    assert found["imported", "m"].values.isnan().all()
    assert all(each.chance.isnan().all() for each in found.values())


@pytest.mark.parametrize("name", ORDERS)
def test_a_map_that_is_true_is_better_than_chance(name, model, images, true) -> None:
    metric = fidelities.parse(name)
    found = measure({name: metric}, model, images, {"true": true}, [0])["true", name]
    better = found.values > found.chance
    assert (better if metric.better == "higher" else ~better).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_map_is_called_does_not_matter_and_its_unit_does_not(name, model, images, true):
    """A map times a positive number is the same map."""
    metric, forward = fidelities.parse(name), ForwardPass(model, images)
    varied = true + 0.1 * torch.rand(true.shape, generator=torch.Generator().manual_seed(2))
    first, second = (metric(Explained(forward, scale * varied, [0])) for scale in (1.0, 128.0))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)


def test_sensitivity_n_and_infidelity_are_undefined_where_nothing_changes(model, images) -> None:
    """Of a finding that the model never tells otherwise, and of a constant map."""
    flat = torch.ones(3, 1, SIDE, SIDE)
    assert measured("infidelity", model, torch.zeros_like(images), flat, [0]).isnan().all()
    assert measured("sensitivity_n", model, images, flat, [0]).isnan().all()
    zeros = measured("infidelity", model, images, 0 * flat, [0])
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
        name: metric(Explained(ForwardPass(model, images), relevance, [0, 1]))
        for name, metric in metrics.items()
    }
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, **__: 7)
    for name, metric in metrics.items():
        pieces = metric(Explained(ForwardPass(model, images), relevance, [0, 1]))
        torch.testing.assert_close(whole[name], pieces, rtol=1e-4, atol=1e-6)


def test_maps_at_their_own_resolution_are_laid_over_the_image(model, images) -> None:
    """A map of 4 x 4 cells; the model looks at the cell in row 1, column 2."""
    coarse = torch.zeros(3, 1, 4, 4)
    coarse[:, :, LOOKS[0].start // 8, LOOKS[1].start // 8] = 1
    metrics = fidelities.parts(["deletion"])
    found = measure(metrics, model, images, {"coarse": coarse}, [0])["coarse", "deletion"]
    assert (found.values < found.chance).all()


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
        "road(shares=[])",
        "road(shares=[1.0])",
        "road(noise=-1.0)",
        "monotonicity(steps=2)",
        "max_sensitivity(radius=0.0)",
        "max_sensitivity(samples=0)",
    ],
)
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(SpecError):
        fidelities.parse(spec)
