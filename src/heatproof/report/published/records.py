"""What a study, one of its numbers, and its grid of verdicts are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heatproof.errors import HeatproofError
from heatproof.registry import part_name
from heatproof.trust.evidence import CRITERIA

_NAN = float("nan")
SMOOTH_IG = "smooth_grad(base=integrated_gradients)"
_VIEWS = ("percentile_view", "explained_scalar")


@dataclass(frozen=True)
class Source:
    """A study.

    Attributes:
        tag: A short name, for a column.
        citation: Authors, title, venue and year.
        url: Address of the study; empty where it is not on the web.
        remarks: What one should know before comparing with it.
    """

    tag: str
    citation: str
    url: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """One number as a study prints it.

    Attributes:
        source: The study.
        where: The place in the study, such as ``"Table 1"``.
        quantity: What was measured, such as ``"auprc"``.
        value: The number.
        low: The lower end of its 95% interval; nan where the study gives no interval, as ``high``.
        high: The upper end of its 95% interval.
        cases: The number of cases; None where the study does not say it.
        method: Spec of the saliency method, or the control; empty where it is about neither.
        model: The backbone; empty where there are several or none.
        data: The data set.
        finding: The finding; empty where the data set has one, or the number is about all.
        note: What is special about this number.
        head: What stands on the backbone: a head such as ``"linear"``, or ``"localizer"``; empty
            where the study does not say it.
    """

    source: Source
    where: str
    quantity: str
    value: float
    low: float = _NAN
    high: float = _NAN
    cases: int | None = None
    method: str = ""
    model: str = ""
    data: str = ""
    finding: str = ""
    note: str = ""
    head: str = ""


@dataclass(frozen=True)
class TrustGrid:
    """Which method passed which criterion of trust.

    Attributes:
        passed: Method, then criterion (one of ``CRITERIA``), to whether the method passed;
            absent where the study does not say.
        rule: When a method passed, in words.
        note: What does not add up.
    """

    source: Source
    data: str
    passed: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    rule: str = ""
    note: str = ""


def randomized(passed: str, failed: str) -> dict[str, dict[str, bool]]:
    """A grid of one criterion, from the methods that passed it and those that failed."""
    by_method = dict.fromkeys(passed.split(), True) | dict.fromkeys(failed.split(), False)
    return {method: {"randomization": verdict} for method, verdict in by_method.items()}


def row(*passed: bool) -> dict[str, bool]:
    """Whether one method passed, criterion by criterion."""
    return dict(zip(CRITERIA, passed, strict=True))


def essence(spec: str) -> str:
    """What studies call a method, whatever view of it they took and whatever its options.

    >>> essence("percentile_view(base=smooth_grad.arun)")
    'smooth_grad(base=integrated_gradients)'
    >>> essence("readers")
    'readers'
    """
    from heatproof.saliency import methods  # here, since torch takes long to import

    try:
        part: Any = methods.parse(spec)
    except HeatproofError:
        return spec  # a control, or a map that was imported under a name of its own
    name = part_name(methods.spec(part))
    while name in _VIEWS:
        part = part.base
        name = part_name(methods.spec(part))
    if name == "smooth_grad" and part_name(methods.spec(part.base)) == "integrated_gradients":
        return SMOOTH_IG
    return name
