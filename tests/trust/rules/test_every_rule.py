"""What every registered rule owes."""

import polars as pl
import pytest

from heatproof.trust.evidence import CRITERIA
from heatproof.trust.rules import Rule, rules
from heatproof.types import Outcome
from tests.trust.planted import table

NAMES = rules.names()
PUBLISHED = ("arun2021", "venkatesh2022", "venkatesh2024_strong", "venkatesh2024_weak")
METHODS = ("edges", "oracle", "blob")


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_wrong_with_a_published_rule_is_said(name: str) -> None:
    assert rules.parse(name).remarks
    assert not rules.parse("heatproof").remarks


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_per_criterion_and_method(name: str) -> None:
    rule = rules.parse(name)
    assert isinstance(rule, Rule)
    assert rule.title
    assert (type(rule).__doc__ or "").strip()
    found = rule(table("ssim"), METHODS, ("hash of weights",))
    assert [(one.criterion, one.method) for one in found] == [
        (criterion, method) for criterion in CRITERIA for method in METHODS
    ]
    assert {one.rule for one in found} == {rules.spec(rule)}
    assert {one.above for one in found if one.criterion == "randomization"} == {False}


@pytest.mark.parametrize("name", NAMES)
def test_without_evidence_nothing_is_tested(name: str) -> None:
    rule = rules.parse(name)
    for evidence in (table("ssim").clear(), table("ssim").with_columns(value=pl.lit(float("nan")))):
        found = rule(evidence, METHODS)
        assert len(found) == 12
        assert {one.passed for one in found} <= {Outcome.NOT_TESTED, Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_passes_and_edges_do_not_fall_when_weights_do(name: str) -> None:
    found = {(one.method, one.criterion): one for one in rules.parse(name)(table("ssim"), METHODS)}
    assert found["edges", "randomization"].passed is Outcome.FAIL
    if not name.startswith("venkatesh2024"):  # which needs more similarities, or readers
        assert found["oracle", "repeatability"].passed is Outcome.PASS
        assert found["edges", "repeatability"].passed is Outcome.PASS
    assert found["oracle", "randomization"].passed is Outcome.PASS
