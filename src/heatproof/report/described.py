"""What a report says was measured: classification, localization, why maps fail, and trust.

Undefined is ``nan``, unknown is ``None``; names join the records as ``content`` tells.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One localization metric, from ``low`` to ``high``.

    Attributes:
        name: For people, such as ``"AUPRC"``.
        undefined: When it is undefined, such as ``"no pixel was marked"``.
        chance: What a map of noise gets, None where that depends on the images.
        per_map: What it sees of each map, such as ``"hit rate"``, where it is one number of all
            films; empty where it is a mean over maps.
        lower_is_better: As of distances; elsewhere higher is.
    """

    spec: str
    name: str
    definition: str
    undefined: str
    low: float = 0.0
    high: float = 1.0
    chance: float | None = None
    per_map: str = ""
    lower_is_better: bool = False


@dataclass(frozen=True)
class Rule:
    """When a method passes a criterion of trust.

    Attributes:
        remarks: What is known to be wrong with it, each a sentence.
    """

    spec: str
    name: str
    definition: str
    remarks: tuple[str, ...] = ()
