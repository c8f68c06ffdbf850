"""What threatens the conclusions of an experiment, of a run, or of somebody's study?

``described`` reads any of the three into one record, what is known of it, and ``rules`` holds one
threat in each file.  Unknown is no threat: a rule speaks where there is evidence, and says which.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from heatproof.lint.described import Described
from heatproof.lint.rules import rules
from heatproof.registry import docstring_summary


@dataclass(frozen=True)
class Threat:
    """One threat to the conclusions.

    Attributes:
        rule: Name of the rule.
        what: What is threatened, in a sentence.
        evidence: What was found.
        source: Where it is shown that this matters.
    """

    rule: str
    what: str
    evidence: str
    source: str


def threats(subject: Described) -> Iterator[Threat]:
    """Every threat that there is evidence for, rule by rule."""
    for name in rules.names():
        rule = rules.parse(name)
        what = docstring_summary(type(rule).__doc__)
        for evidence in rule(subject):
            yield Threat(name, what, evidence, rule.source)
