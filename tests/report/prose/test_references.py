"""References: every part that names its source has an entry that can be cited."""

import re
import sys

import pytest

from heatproof.localize import metrics
from heatproof.report.prose.references import WORKS, bibtex, sources
from heatproof.saliency import methods
from heatproof.trust.criteria import criteria
from heatproof.trust.rules import rules
from tests.report import trial

REGISTRIES = (methods, metrics, criteria, rules)
# Its authors and title were compared with no copy of it; the entry holds its number alone.
BARE = {"10.1118/1.596358"}


def first_sources():
    """The first address of a publication in the file of each part."""
    for registry in REGISTRIES:
        for name in registry.names():
            text = sys.modules[registry.part_class(name).__module__].__doc__ or ""
            found = re.search(r"(?:arxiv\.org/abs|doi\.org)/(\S+)", text)
            if found and registry.part_class(name).__module__.startswith("heatproof."):
                yield name, found[1].rstrip(").,;:")


@pytest.mark.parametrize(("part", "identifier"), list(first_sources()))
def test_the_source_of_a_part_has_authors_and_a_title(part, identifier):
    assert identifier in WORKS.keys() | BARE, part


def test_no_entry_is_of_a_work_that_no_part_names():
    assert WORKS.keys() <= {identifier for _, identifier in first_sources()}


def test_each_work_is_cited_once_under_a_key_of_its_own():
    content = trial.trusted()
    text = bibtex(content)
    keys = re.findall(r"^@\w+\{(.*),$", text, re.MULTILINE)
    assert len(keys) == len({*keys}) == len(sources(content)) + 1  # and heatproof
    assert text.count("{") == text.count("}")
