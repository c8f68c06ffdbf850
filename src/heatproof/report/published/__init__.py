"""The numbers of published studies, as data, to be printed beside what is measured here.

Every number keeps its source, and its place in the source.  Shares are fractions, although the
papers print per cent.  A positive percentage decrease means that a method is worse than the
readers.  Methods are written as heatproof's specs and models as timm's names.  What a paper does
not print is absent.  The remarks of a source say what does not add up in it, or what its numbers
depend on.

A number stands in the paper's text or tables, except where its ``note`` says otherwise.
"""

from heatproof.report.published import (
    aggarwal2020,
    arun2021,
    nih_boxes,
    patchnet,
    saporta2022,
    venkatesh,
    wang2017,
)
from heatproof.report.published.aggarwal2020 import WILDCAT_RSNA
from heatproof.report.published.arun2021 import ARUN
from heatproof.report.published.nih_boxes import NIH_BOXES
from heatproof.report.published.patchnet import PATCHNET
from heatproof.report.published.records import SMOOTH_IG, Published, Source, TrustGrid
from heatproof.report.published.saporta2022 import CHEXLOCALIZE
from heatproof.report.published.venkatesh import MURA_2022, MURA_2024
from heatproof.report.published.wang2017 import CHESTXRAY8

__all__ = [
    "ARUN",
    "CHESTXRAY8",
    "CHEXLOCALIZE",
    "MURA_2022",
    "MURA_2024",
    "NIH_BOXES",
    "PATCHNET",
    "PUBLISHED",
    "SMOOTH_IG",
    "SOURCES",
    "TRUST_GRIDS",
    "WILDCAT_RSNA",
    "Published",
    "Source",
    "TrustGrid",
    "published_numbers",
]
SOURCES = (
    WILDCAT_RSNA,
    MURA_2022,
    MURA_2024,
    ARUN,
    CHEXLOCALIZE,
    CHESTXRAY8,
    NIH_BOXES,
    PATCHNET,
)
PUBLISHED: tuple[Published, ...] = tuple(
    number
    for study in (aggarwal2020, venkatesh, arun2021, saporta2022, wang2017, nih_boxes, patchnet)
    for number in study.numbers()
)
TRUST_GRIDS: tuple[TrustGrid, ...] = (*venkatesh.GRIDS, *arun2021.GRIDS)


def published_numbers(**wanted: object) -> tuple[Published, ...]:
    """The numbers whose fields have these values, in the order of the papers.

    >>> [number.value for number in published_numbers(quantity="iou", method="readers")]
    [0.613]
    """
    return tuple(
        number
        for number in PUBLISHED
        if all(getattr(number, name) == value for name, value in wanted.items())
    )
