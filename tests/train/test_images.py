"""Which image comes when."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import DataError
from heatproof.train.images import ImageOrder, InTurn, balanced


def rounds(count: int, **options) -> list[list[tuple[int, int | None]]]:
    order = ImageOrder(**options)
    found = []
    for epoch in range(count):
        order.set_epoch(epoch)
        found.append(list(order))
        assert len(found[-1]) == len(order)
    return found


@given(st.integers(2, 40), st.integers(1, 12), st.integers(1, 9), st.integers(0, 5))
def test_every_pass_has_every_image_once(images: int, batch: int, steps: int, seed: int) -> None:
    options = {"images": torch.arange(images), "batch": batch, "steps": steps, "seed": seed}
    stream = [draw for part in rounds(12, **options) for draw in part]
    assert [draw.before for draw in stream] == list(range(len(stream)))
    whole = [stream[i : i + images] for i in range(0, len(stream) - images + 1, images)]
    for passed in whole:
        assert sorted(draw.image for draw in passed) == list(range(images))


def test_a_round_does_not_depend_on_those_before() -> None:
    options = {"images": torch.arange(23), "batch": 4, "steps": None, "seed": 1}
    order = ImageOrder(**options)
    order.set_epoch(3)
    assert list(order) == rounds(4, **options)[3]
    assert len(order) == 20  # a pass without its last, smaller batch, whose images come next


def test_processes_share_a_round() -> None:
    options = {"images": torch.arange(24), "batch": 8, "steps": 5, "seed": 2}
    (whole,) = rounds(1, **options)
    shared = [rounds(1, **options, rank=rank, world=2)[0] for rank in (0, 1)]
    assert sorted(shared[0] + shared[1], key=lambda draw: draw.before) == whole
    in_turn = [list(InTurn(7, rank, 2)) for rank in (0, 1)]
    assert sorted(draw.image for part in in_turn for draw in part) == list(range(7))


def test_one_label_cannot_be_balanced() -> None:
    with pytest.raises(DataError, match="3 training images are positive and 0 negative"):
        balanced(torch.ones(3, 1))


def test_a_balanced_pass_has_both_labels_equally_often() -> None:
    labels = torch.tensor([1, 0, 0, 0, torch.nan, 0, 1, 0])[:, None]
    pool = balanced(labels).tolist()
    assert sorted(i for i in pool if labels[i] == 0) == [1, 2, 3, 5, 7]
    positives = [i for i in pool if labels[i] == 1]
    assert len(positives) == 5
    assert set(positives) == {0, 6}
    assert 4 not in pool
    with pytest.raises(DataError, match=r"one finding, and there are 2"):
        balanced(labels.expand(-1, 2))
