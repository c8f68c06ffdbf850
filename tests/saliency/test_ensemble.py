"""Ensembles: means over the members that count, finding by finding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import MapError, ModelError
from heatproof.models import Model
from heatproof.models import card as cards
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import build
from heatproof.models.ensemble import best_members, ensemble, load, save
from heatproof.models.weights import read_state
from heatproof.saliency import explain, methods
from heatproof.saliency.ensemble import explain_ensemble
from heatproof.types import ModelId, Validity
from tests.saliency.conftest import FINDINGS, PREPROCESSING, make_images

CHOSEN = np.array([[True, False, True], [True, True, False]])
SPECS = methods.parts(["gradient", "grad_cam"])


def members(*architectures: str) -> list[Model]:
    return [
        build(name, "linear", FINDINGS, PREPROCESSING, seed=seed)
        for seed, name in enumerate(architectures)
    ]


def test_maps_and_probabilities_are_means_of_the_chosen() -> None:
    one, other = members("resnet10t", "resnet10t")
    other.temperatures = (2.0, 0.5, 1.0)
    images = make_images()
    found = explain_ensemble(SPECS, ensemble([one, other], CHOSEN), images, [0, 2])
    alone = [explain(SPECS, member, images, [0, 2]) for member in (one, other)]
    p = [m.probabilities(a.logits) for m, a in zip((one, other), alone, strict=True)]
    expected = torch.stack([(p[0][:, 0] + p[1][:, 0]) / 2, p[1][:, 1], p[0][:, 2]], dim=1)
    torch.testing.assert_close(found.probabilities, expected)
    torch.testing.assert_close(found.logits.sigmoid(), expected)
    for spec in SPECS:
        first, second = (a.maps[spec].values for a in alone)
        mean = torch.stack([(first[:, 0] + second[:, 0]) / 2, first[:, 1]], dim=1)
        torch.testing.assert_close(found.maps[spec].values, mean)
        assert len(found.validity[spec]) == len(images)


def test_each_member_is_told_as_its_share_of_the_work() -> None:
    heard: list[float] = []
    of = ensemble(members("resnet10t", "resnet10t"), CHOSEN)
    explain_ensemble(SPECS, of, make_images(), [0, 2], told=heard.append)
    assert heard == [1 / 2, 1]


def test_weights_are_read_once_however_many_blocks_there_are(tmp_path, monkeypatch) -> None:
    for number, member in enumerate(members("resnet10t", "resnet10t")):
        identity = ModelId("resnet10t", "linear", checkpoints=("x",))
        cards.save(member, ModelCard(identity, FINDINGS, PREPROCESSING), tmp_path / str(number))
    save([tmp_path / "0", tmp_path / "1"], CHOSEN, tmp_path / "ensemble")
    read: list[str] = []
    monkeypatch.setattr(cards, "read_state", lambda path: read.append(path) or read_state(path))
    stored, _ = load(tmp_path / "ensemble")
    images = make_images()
    first = explain_ensemble(SPECS, stored, images, [0, 2])
    second = explain_ensemble(SPECS, stored, images, [0, 2])
    assert len(read) == 2
    for spec in SPECS:
        assert torch.equal(first.maps[spec].values, second.maps[spec].values)


def test_a_member_that_does_not_count_does_no_harm() -> None:
    one, other = members("resnet10t", "resnet10t")
    other.head.classifier.weight.data[2] = torch.nan
    found = explain_ensemble(SPECS, ensemble([one, other], CHOSEN), make_images(), [2])
    assert found.probabilities[:, 2].isfinite().all()
    assert found.maps["grad_cam"].values.isfinite().all()


def test_a_mean_is_no_more_complete_than_its_members() -> None:
    """Opposite errors would cancel out in the mean, and tell of a completeness that no map has."""
    one, other = members("resnet10t", "resnet10t")
    specs = methods.parts(["integrated_gradients(steps=1)", "gradient"])
    images = make_images()
    found = explain_ensemble(specs, ensemble([one, other], CHOSEN), images, [0, 2])
    first, second = (
        next(iter(explain(specs, member, images, [0, 2]).maps.values())).residual
        for member in (one, other)
    )
    residual = next(iter(found.maps.values())).residual
    both = torch.stack([first[:, 0], second[:, 0]])  # the second finding is the first member's
    worst = both.gather(0, both.abs().argmax(dim=0, keepdim=True))[0]
    torch.testing.assert_close(residual, torch.stack([worst, first[:, 1]], dim=1))
    assert {v for row in found.validity["integrated_gradients(steps=1)"] for v in row} == {
        Validity.INCOMPLETE
    }
    assert found.maps["gradient"].residual is None


@given(st.integers(0, 2**16), st.integers(1, 5))
def test_the_best_are_chosen_per_finding(seed: int, best: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.choice([0.5, 0.6, 0.7, 0.8, np.nan], size=(4, 3))
    chosen = best_members(scores, best)
    for column, mine in zip(scores.T, chosen.T, strict=True):
        defined = ~np.isnan(column)
        assert mine.sum() == min(best, defined.sum())
        assert not (mine & ~defined).any()
        left = defined & ~mine
        for loser in np.flatnonzero(left):
            winners = np.flatnonzero(mine)
            assert all((column[w], -w) > (column[loser], -loser) for w in winners)


def test_what_does_not_fit_together_is_refused() -> None:
    one, other = members("resnet10t", "resnet10t")
    with pytest.raises(ModelError, match="no member of the ensemble is chosen for 'effusion'"):
        ensemble([one, other], np.array([[True, False, True], [True, False, True]]))
    other.findings = ("nodule", "effusion", "mass")
    with pytest.raises(ModelError, match="differ in findings"):
        ensemble([one, other], CHOSEN)
    unlike = ensemble(members("resnet10t", "resnet10t(stride=16)"), CHOSEN)
    with pytest.raises(MapError, match=r"2 x 2 and of 3 x 3 cells.*one architecture"):
        explain_ensemble(SPECS, unlike, make_images(), [0])


@pytest.fixture
def folders(tmp_path):
    """Three models: of two seeds, and of another head."""
    heads = ["linear", "softmax", "linear"]
    for seed, head in enumerate(heads):
        model = build("resnet10t", head, FINDINGS, PREPROCESSING, seed=seed)
        card = ModelCard(
            ModelId("resnet10t", head, "films", seed), FINDINGS, PREPROCESSING,
            trained_on=Cohort("films", ("a", f"b{seed}")), temperatures=(2.0, 1.0, 0.5),
        )  # fmt: skip
        cards.save(model, card, tmp_path / str(seed))
    return [tmp_path / str(seed) for seed in range(len(heads))]


THREE = np.array([[True, False, True], [True, True, False], [False, False, False]])


def test_an_ensemble_at_rest_is_that_of_its_members(folders) -> None:
    save(folders, THREE, folders[0].parent / "together")
    back, card = load(folders[0].parent / "together")
    assert len(back.members) == 2  # the third never counts
    alone = [cards.load(folder)[0] for folder in folders[:2]]
    images = make_images()
    ours, theirs = (
        explain_ensemble(SPECS, one, images, [2, 1, 0])
        for one in (back, ensemble(alone, THREE[:2]))
    )
    torch.testing.assert_close(ours.probabilities, theirs.probabilities, rtol=0, atol=0)
    for spec in SPECS:
        assert torch.equal(ours.maps[spec].values, theirs.maps[spec].values)
    first, second = (cards.read_card(folder).id.checkpoints[0] for folder in folders[:2])
    assert card.id == ModelId(
        "resnet10t", "linear; softmax", "films", checkpoints=(first, second),
        chosen=(("nodule", (first, second)), ("effusion", (second,)), ("fracture", (first,))),
    )  # fmt: skip
    assert str(card.id) == "ensemble of 2 resnet10t + linear; softmax on films"
    assert card.trained_on == Cohort("films", ("a", "b0", "b1"))
    assert card.tuned_on == Cohort()


def test_a_member_that_was_trained_again_is_noticed(folders) -> None:
    place = folders[0].parent / "together"
    save(folders, THREE, place)
    card = cards.read_card(folders[0])
    cards.save(build("resnet10t", "linear", FINDINGS, PREPROCESSING, seed=9), card, folders[0])
    with pytest.raises(ModelError, match="holds another model than when"):
        load(place)
    (place / "ensemble.json").write_text('{"format": 1, "members": []}')
    with pytest.raises(ModelError, match=r"ensemble\.json: no ensemble can be read"):
        load(place)
