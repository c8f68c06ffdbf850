"""All four criteria, from their outcomes."""

from itertools import product

from heatproof.trust.evidence import CRITERIA
from heatproof.trust.meets import meets_all
from heatproof.types import Outcome


def test_all_four_are_met_just_when_each_is_passed() -> None:
    for outcomes in product(Outcome, repeat=4):
        found = meets_all(dict(zip(CRITERIA, outcomes, strict=True)))
        assert (found is Outcome.PASS) == (set(outcomes) == {Outcome.PASS})
        assert (found is Outcome.FAIL) == (Outcome.FAIL in outcomes)


def test_a_criterion_that_lacks_was_not_tested_and_others_do_not_count() -> None:
    three = dict.fromkeys(CRITERIA[:3], Outcome.PASS)
    assert meets_all(three) is Outcome.NOT_TESTED
    assert meets_all(three | {CRITERIA[3]: Outcome.PASS, "compression": Outcome.FAIL}) is (
        Outcome.PASS
    )


def test_options_do_not_change_what_a_criterion_is_and_the_first_counts() -> None:
    outcomes = dict.fromkeys(CRITERIA, Outcome.PASS)
    del outcomes["randomization"]
    first = {"randomization(draws=5)": Outcome.PASS}
    other = {"randomization(order='independent')": Outcome.FAIL}
    assert meets_all(outcomes | first | other) is Outcome.PASS
    assert meets_all(outcomes | other | first) is Outcome.FAIL
