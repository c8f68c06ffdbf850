import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof import words
from heatproof.types import Estimate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3124, "0.31"),
        (0.0, "0.00"),
        (1.0, "1.00"),
        (0.9968, "0.997"),
        (0.99997, ">0.999"),
        (0.003, "0.003"),
        (0.0001, "<0.001"),
        (-0.25, "−0.25"),
        (-0.0001, ">−0.001"),
        (math.nan, "not defined"),
    ],
)
def test_numbers_are_short_and_never_falsely_perfect(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("patients", "lone", "text"),
    [
        (12, 0, "12 patients"),
        (1, 0, "1 patient"),
        (0, 0, "no patients"),
        (0, 12, "12 films of unknown patients"),
        (0, 1, "1 film of an unknown patient"),
        (9, 3, "9 patients and 3 films of unknown patients"),
    ],
)
def test_films_of_unknown_patients_are_not_called_patients(patients, lone, text) -> None:
    assert words.patients_and_films(patients, lone) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_zero_reads_zero_and_only_one_reads_one(value: float) -> None:
    assert words.number(value) not in {"0.00", "1.00", "0.000", "1.000"}


@given(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-4))
def test_a_difference_shows_its_sign_and_some_digit(value: float) -> None:
    text = words.signed(value)
    assert text[0] == ("+" if value > 0 else words.MINUS)
    assert float(text[1:]) > 0


def test_an_estimate_without_interval_says_so() -> None:
    one = Estimate(0.4, math.nan, math.nan, 0.95, 1, "")
    assert words.estimate(one) == "0.40, no interval"
    assert words.estimate(Estimate(-0.15, -0.2, -0.1, 0.95, 9, ""), difference=True) == (
        "−0.15 [−0.20, −0.10]"
    )


def test_counts_and_lists_are_sentences() -> None:
    assert words.count(1, "case") == "1 case"
    assert words.count(0, "case") == "no cases"
    assert words.count(1200, "study", "studies") == "1,200 studies"
    assert words.listed(["a"]) == "a"
    assert words.listed("abc") == "a, b and c"
    assert words.listed("abcde", most=2) == "a, b and 3 more"
    assert words.listed("abc", most=2) == "a, b and c"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "a second"),
        (1.4, "1 second"),
        (40.0, "40 seconds"),
        (119.0, "119 seconds"),
        (150.0, "2 minutes"),
        (7200.0, "2 hours"),
        (3 * 86400.0, "3 days"),
    ],
)
def test_a_rough_time_has_one_unit(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
