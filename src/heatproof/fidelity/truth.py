"""How reliable each metric of fidelity is, where the truth is known.

Measured by ``benchmarks/fidelity_truth.py`` on phantoms and models that look at one region alone:
of two maps, one truer than the other, how often a metric tells which (AUROC; .5 is a coin).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from heatproof.fidelity.metrics import fidelities
from heatproof.registry import docstring_summary

FIGURES = Path(__file__).with_name("truth.json")
DOUBTED = 0.75
"""A metric whose AUROC lies below it is nearer to a coin than to knowing, and should not decide."""


@dataclass(frozen=True)
class Reliability:
    """The AUROC of a metric for the truth of maps, with its 95 % interval over patients."""

    auroc: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.auroc:.2f} [{self.low:.2f}, {self.high:.2f}]"


def reliability(spec: str) -> Reliability | None:
    """Of a metric with these options; None where that has not been measured.

    Args:
        spec: A canonical spec.
    """
    return _figures().get(spec)


def definition(cls: type) -> str:
    """What a metric is, and how reliable it is with the options that it has unless told."""
    said = docstring_summary(cls.__doc__)
    try:
        told = reliability(fidelities.spec(cls()))
    except TypeError:  # of another package, with options that must be given
        told = None
    return said if told is None else f"{said} Tells the truer of two maps with an AUROC of {told}."


@lru_cache(maxsize=1)
def _figures() -> dict[str, Reliability]:
    read = json.loads(FIGURES.read_text(encoding="utf-8"))
    return {spec: Reliability(**each) for spec, each in read.items()}
