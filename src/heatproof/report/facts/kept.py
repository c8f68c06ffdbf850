"""What stayed of the maps, and what cannot be seen any more."""

from collections.abc import Iterator

from heatproof.experiment.settings import Explain
from heatproof.maps.rounding import SIGNIFICANT


def kept_maps(explain: Explain) -> Iterator[str]:
    """What a reader of the report has to know of maps that were rounded, or did not stay."""
    if explain.precision < SIGNIFICANT:
        yield (
            f"Maps were kept, and measured, with {explain.precision} significant bits: each value"
            f" is off by at most 1 in {2**explain.precision:,}."
        )
    if explain.keep == "sampled":
        yield (
            "Maps were scored as they were made. Those stayed that criteria of trust and metrics of"
            " fidelity look at; the gallery and warnings of relevance on padding come from them"
            " alone, and no others can be exported."
        )
    elif explain.keep == "none":
        yield (
            "Maps were scored as they were made, and none stayed: there is no gallery, relevance on"
            " padding was not looked at, and no map can be exported."
        )
