"""Labels as numbers, and the policies for those that say neither yes nor no.

A label is 1 (present), 0 (absent), ``nan`` (carries no loss) or ``UNCERTAIN`` (a class of its own).
What becomes of uncertain labels are the policies of CheXpert (Irvin et al., AAAI 2019,
https://arxiv.org/abs/1901.07031): ``ignore``, ``zeroes``, ``ones`` and ``class``, of which the last
needs a head with three classes.  A label that is absent altogether carries no loss, or counts as
negative, as CheXpert's blanks do.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import DataError
from heatproof.types import Dataset, Sample

UNCERTAIN = 2.0  # the index of the class *uncertain* in a head with three classes
Uncertain = Literal["ignore", "zeroes", "ones", "class"]
Absent = Literal["ignore", "negative"]
_UNCERTAIN = {"ignore": math.nan, "zeroes": 0.0, "ones": 1.0, "class": UNCERTAIN}
_ABSENT = {"ignore": math.nan, "negative": 0.0}


def label_matrix(
    dataset: Dataset,
    findings: tuple[str, ...],
    uncertain: Uncertain = "ignore",
    absent: Absent = "ignore",
) -> Float[Tensor, "n k"]:
    """Labels of all samples under the policies.

    Raises:
        DataError: A label is something else.
    """
    values: dict[object, float] = {True: 1.0, False: 0.0, None: _UNCERTAIN[uncertain]}

    def value(sample: Sample, finding: str) -> float:
        if finding not in sample.labels:
            return _ABSENT[absent]
        label: object = sample.labels[finding]
        if label not in values:
            raise DataError(
                f"{sample.image_id}: the label of {finding!r} is {label!r}; expected True, False,"
                " None (uncertain), or no entry at all (unknown)"
            )
        return values[label]

    samples = [dataset[index] for index in range(len(dataset))]
    # Without ``reshape`` an empty data set would give a tensor of one axis.
    return torch.tensor(
        [[value(sample, finding) for finding in findings] for sample in samples]
    ).reshape(len(dataset), len(findings))


def highest_views(
    scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"], studies: Sequence[str]
) -> tuple[Float[Tensor, "s k"], Float[Tensor, "s k"]]:
    """Scores and labels of studies: of each finding the highest over the views.

    A study of which one view is positive is positive; unknown are those of which nothing is known,
    or nothing certain.
    """
    names = {name: index for index, name in enumerate(dict.fromkeys(studies))}
    index = torch.tensor([names[name] for name in studies])[:, None].expand_as(scores)
    lowest = scores.new_full((len(names), scores.shape[1]), -math.inf)
    certain = (labels == 0) | (labels == 1)
    values = torch.where(certain, labels, -math.inf)
    highest = lowest.scatter_reduce(0, index, values, "amax")
    return (
        lowest.scatter_reduce(0, index, scores, "amax"),
        torch.where(highest.isinf(), math.nan, highest),
    )
