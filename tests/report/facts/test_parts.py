"""What a report says of the parts that were used."""

from heatproof.report.facts.parts import rules_used
from heatproof.trust.rules import rules


def test_rules_are_described_by_what_is_known_to_be_wrong_with_them():
    ours, arun = rules_used(rules.parts(["heatproof", "arun2021"]))
    assert ours.remarks == ()
    assert arun.name == "Arun et al. 2021"
    assert arun.definition.startswith("Compares means")
    assert any("data range of 2" in remark for remark in arun.remarks)
