"""Who is compared with whom."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import SpecError
from heatproof.trust.criteria import (
    BetweenModels,
    OfCopies,
    OfFilms,
    Wording,
    criteria,
    wording,
)
from heatproof.trust.pairs import Origin, different_films, differing, random_pairs
from heatproof.types import Sample
from tests.trust.unread import Unread

GRID = [
    Origin(f"{architecture} {head} {seed}", architecture, head, "train", seed)
    for architecture, head, seed in product(
        ("densenet", "resnet"), ("linear", "wildcat"), (0, 1, 2)
    )
]


def films(clusters):
    return [Sample(f"f{i}", Unread(), patient_id=str(c)) for i, c in enumerate(clusters)]


def found(spec, models=GRID):
    return criteria.parse(spec).pairs(models)


@pytest.mark.parametrize("spec", criteria.names())
def test_every_criterion_is_of_one_kind_and_says_what_it_is_called(spec):
    criterion = criteria.parse(spec)
    kinds = [isinstance(criterion, kind) for kind in (BetweenModels, OfCopies, OfFilms)]
    assert sum(kinds) == 1
    assert criterion.title
    assert criterion.question.endswith("?")
    assert criterion.explains.endswith(".")
    assert wording(spec) == Wording(criterion.title, criterion.question, criterion.explains)
    assert criteria.parse(criteria.spec(criterion)) == criterion


def test_repeatability_varies_the_seed_alone():
    pairs = found("repeatability")
    assert len(pairs) == 4 * 3  # architectures x heads, and three pairs of three seeds
    for one, other, step in pairs:
        assert (one.architecture, one.head) == (other.architecture, other.head)
        assert one.seed != other.seed
        assert step == ""


def test_reproducibility_varies_the_architecture_and_leaves_the_seed_free():
    pairs = found("reproducibility")
    assert len(pairs) == 2 * 3 * 3
    assert all(one.architecture != other.architecture for one, other, _ in pairs)
    assert all(one.head == other.head for one, other, _ in pairs)


def test_head_names_both():
    assert {step for _, _, step in found("head")} == {"linear / wildcat"}
    assert len(found("head")) == 2 * 3 * 3


def test_models_of_other_data_are_compared_by_no_criterion():
    other = [Origin("x", "densenet", "linear", "elsewhere", 5)]
    for spec in criteria.names():
        criterion = criteria.parse(spec)
        if isinstance(criterion, BetweenModels):
            assert criterion.pairs([GRID[0], *other]) == []
            assert criterion.pairs([]) == []


def test_a_part_of_the_labels_is_compared_with_the_most():
    models = [
        Origin(f"{fraction} {seed}", "net", seed=seed, fraction=fraction)
        for fraction in (0.1, 1.0, 0.5)
        for seed in (0, 1)
    ]
    pairs = found("label_efficiency", models)
    assert all(one.fraction == 1 for one, _, _ in pairs)
    assert sorted({step for _, _, step in pairs}) == ["0.1", "0.5"]
    assert len(pairs) == 2 * 2 * 2


def test_true_labels_stand_first_and_so_does_what_was_found():
    models = [Origin("p", "net", permuted=True), Origin("t", "net", seed=1, settings="other")]
    assert [(one.name, other.name) for one, other, _ in found("data_randomization", models)] == [
        ("t", "p")
    ]
    models = [Origin("half", "net", prevalence=0.5), Origin("whole", "net", seed=2)]
    assert [step for _, _, step in found("prevalence", models)] == ["as found / 0.5"]


def test_settings_of_training_count_for_replicates():
    models = [Origin("a", "net", seed=0, settings="lr 1"), Origin("b", "net", seed=1)]
    assert differing(models, "seed") == []
    assert differing(models, "seed", free=("settings",)) == [tuple(models)]


@given(clusters=st.lists(st.integers(0, 4), max_size=12), seed=st.integers(0, 5))
def test_films_are_paired_with_those_of_other_patients(clusters, seed):
    some = films(clusters)
    different = different_films(some, seed)
    assert all(one.cluster != other.cluster for one, other in different)
    patients = len(set(clusters))
    firsts = [one.image_id for one, _ in different]
    assert sorted(firsts) == (sorted(f.image_id for f in some) if patients > 1 else [])
    pairs = random_pairs(some, seed, 3)
    assert all(one.cluster != other.cluster for one, other in pairs)
    used = [film.image_id for pair in pairs for film in pair]
    assert len(used) == len(set(used))
    assert len(pairs) <= 3
    assert bool(pairs) == (patients > 1)
    assert random_pairs(some, seed, 3) == pairs


def test_every_film_may_be_drawn():
    """The published code never drew the last."""
    some = films(range(10))
    used = {f.image_id for seed in range(20) for pair in random_pairs(some, seed, 2) for f in pair}
    assert len(used) == 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("randomization(draws=0)", "draws=0"),
        ("smooth_mprt(base=flip)", "expected base=randomization"),
        ("efficient_mprt(bins=1)", "bins=1"),
        ("input_noise(std=[0.0])", "expected standard deviations above 0"),
        ("compression(quality=[0])", "from 1 to 100"),
        ("shift(share=0.0)", "share=0"),
    ],
)
def test_impossible_criteria_are_refused(spec, message):
    with pytest.raises(SpecError, match=message):
        criteria.parse(spec)


def test_what_is_no_part_has_words_too():
    assert wording("localization").question == "Does it find the lesion?"
    assert wording("theirs(x=1)") == Wording("theirs(x=1)", "theirs(x=1)", "")
