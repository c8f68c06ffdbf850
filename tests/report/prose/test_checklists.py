"""Checklists: the numbers of their authors, and nothing called done that was not."""

import re
from dataclasses import replace

import pytest

from heatproof.report.prose.checklists import Filled, claim, tripod_ai
from tests.report import trial

CLAIM_ITEMS = [str(number) for number in range(1, 45)]  # Tejani et al. 2024
TRIPOD_ITEMS = re.findall(  # Collins et al. 2024
    r"\S+",
    """1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14
    15 16 17 18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c""",
)


def test_every_item_is_there_once_in_the_order_of_its_authors():
    for content in (trial.usual(), trial.empty()):
        assert [item.number for item in claim(content)] == CLAIM_ITEMS
        assert [item.number for item in tripod_ai(content)] == TRIPOD_ITEMS


def test_of_an_experiment_that_did_nothing_nothing_is_done():
    items = (*claim(trial.empty()), *tripod_ai(trial.empty()))
    assert {item.filled for item in items} == {Filled.NOT_DONE, Filled.PARTLY, Filled.AUTHORS}


@pytest.mark.parametrize("items", [claim, tripod_ai])
def test_what_is_taken_from_a_study_is_no_longer_done(items):
    whole = trial.usual()
    less = replace(whole, classification=(), localization=(), diagnoses=(), trust=())
    before = {item.number for item in items(whole) if item.filled is Filled.DONE}
    after = {item.number for item in items(less) if item.filled is Filled.DONE}
    assert after < before


def test_each_answer_is_a_sentence_that_ends():
    for content in (trial.usual(), trial.troubled(), trial.trusted(), trial.empty()):
        for item in (*claim(content), *tripod_ai(content)):
            assert item.says.strip()
            assert ". ." not in item.says
            assert ".." not in item.says
