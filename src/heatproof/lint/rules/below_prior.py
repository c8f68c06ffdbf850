"""Below the prior: methods that say less of where a finding is than its name does.

The prior is the usual place of the finding on other patients.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("below_prior")
@dataclass(frozen=True)
class BelowPrior:
    """Methods below what the usual place of the finding reaches need not look at the film."""

    source: ClassVar[str] = (
        "docs/results/location_prior.md; Arun et al. 2021, doi:10.1148/ryai.2021200267"
    )

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        for prior in subject.priors:
            numbers = list(subject.numbers(prior))
            below = [(name, value) for name, value in numbers if value < prior.value]
            if below:
                name, value = min(below, key=lambda each: each[1])
                place = f" on {prior.data}" if prior.data else ""
                yield (
                    f"{prior.quantity}{place}: {len(below)} of {len(numbers)} values lie below the"
                    f" prior's {prior.value:.3g} ({prior.source}), the lowest {value:.3g} ({name})"
                )
