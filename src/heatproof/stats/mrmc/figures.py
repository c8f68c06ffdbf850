"""Figures of merit: what a reader's ratings, decisions or marks are worth.

===================  =============================================================================
``auc``              chance that a positive case is rated higher than a negative one, ties half:
                     the Wilcoxon (trapezoidal) area under the ROC curve
``sensitivity``      share of positive cases that are called (rating >= threshold)
``specificity``      share of negative cases that are not called
``percent_correct``  share of cases that are called rightly
``mean_rating``      the mean of any number, such as log seconds, over all cases
``wafroc``           weighted AFROC: chance that a lesion is rated higher than the highest false
                     mark on a negative case, ties half; lesions by weight, so that every case
                     counts the same (Chakraborty & Zhai, Med Phys 2016, doi:10.1118/1.4947125)
``afroc``            the same with every lesion alike, so that a case with many counts more: the
                     figure of JAFROC (Chakraborty & Berbaum, Med Phys 2004, doi:10.1118/1.1769352)
``froc``             area under the FROC curve (share of lesions over false marks a case), up to
                     the reader's last mark; not bounded by 1, and higher for readers who mark more
``lroc``             chance that a positive case is rated higher than a negative one *and* the
                     lesion is hit (Swensson, Med Phys 1996, doi:10.1118/1.597758); of several
                     marks, the highest counts
===================  =============================================================================

Each returns ``Pairs``.  A lesion that is not marked is rated lower than every mark, and ties with a
case that has no mark.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import DataError
from heatproof.stats.mrmc.pairs import NO_CASE, Pairs
from heatproof.stats.mrmc.ratings import UNMARKED, Marks, Ratings


def auc(ratings: Ratings) -> Pairs:
    """Area under the ROC curve; raises DataError where all cases are of one class."""
    positive, negative = _classes(ratings.truth)
    values, read = ratings.values, ratings.read.astype(float)
    credit = _higher(values[..., positive, None], values[..., None, negative])
    # A comparison with nan is neither higher nor a tie, so cases that were not read earn nothing.
    sizes = read[..., positive], read[..., negative]
    return Pairs(credit, *sizes, positive, negative, ratings.truth.astype(int))


def sensitivity(ratings: Ratings, threshold: float = 0.5) -> Pairs:
    """Share of positive cases that are rated at least the threshold."""
    positive, _ = _classes(ratings.truth)
    return _share(ratings, (ratings.values >= threshold).astype(float), positive)


def specificity(ratings: Ratings, threshold: float = 0.5) -> Pairs:
    """Share of negative cases that are rated less than the threshold."""
    _, negative = _classes(ratings.truth)
    return _share(ratings, (ratings.values < threshold).astype(float), negative)


def percent_correct(ratings: Ratings, threshold: float = 0.5) -> Pairs:
    """Share of cases on the right side of the threshold, from 0 to 1."""
    right = (ratings.values >= threshold) == ratings.truth
    return _share(ratings, right.astype(float), np.arange(len(ratings.truth)))


def mean_rating(ratings: Ratings) -> Pairs:
    """The mean over all cases, whatever their truth; cases are one sample."""
    everything = np.arange(len(ratings.truth))
    pairs = _share(ratings, ratings.values, everything)
    return Pairs(
        pairs.credit, pairs.row_sizes, pairs.column_sizes, pairs.rows, pairs.columns, 0 * everything
    )


def wafroc(marks: Marks) -> Pairs:
    """Area under the weighted alternative FROC curve."""
    return _afroc(marks, marks.weights, np.ones(len(marks.truth)))


def afroc(marks: Marks) -> Pairs:
    """Area under the alternative FROC curve, every lesion alike."""
    there = (marks.weights > 0).astype(float)
    return _afroc(marks, there, there.sum(-1))


def froc(marks: Marks) -> Pairs:
    """Area under the FROC curve up to the reader's last mark."""
    positive, _ = _classes(marks.truth)
    there = (marks.weights > 0).astype(float)
    real = marks.false_marks > UNMARKED
    # An axis at a time: lesions against each false mark of each case, by the k-th mark.
    credit = np.zeros((*marks.read.shape[:2], len(positive), len(marks.truth)))
    for mark in range(marks.false_marks.shape[-1]):
        false = marks.false_marks[..., mark]
        found = _lesions_higher(marks, false, positive, there)
        credit += found * real[..., None, :, mark]
    read = marks.read.astype(float)
    credit *= read[..., positive, None] * read[..., None, :]
    sizes = read[..., positive] * there.sum(-1)[positive]
    everything = np.arange(len(marks.truth))
    return Pairs(credit, sizes, read, positive, everything, marks.truth.astype(int))


def lroc(marks: Marks) -> Pairs:
    """Area under the localization ROC curve."""
    positive, negative = _classes(marks.truth)
    lesions = np.where(marks.weights > 0, marks.lesions, UNMARKED).max(-1)
    highest = marks.highest_false
    hit = (lesions > UNMARKED) & (lesions >= highest)
    credit = _higher(lesions[..., positive, None], highest[..., None, negative])
    credit *= hit[..., positive, None]
    return _read_pairs(marks, credit, np.ones(len(marks.truth)))


OF_RATINGS: dict[str, Callable[..., Pairs]] = {
    each.__name__: each for each in (auc, sensitivity, specificity, percent_correct, mean_rating)
}
OF_MARKS: dict[str, Callable[[Marks], Pairs]] = {
    each.__name__: each for each in (wafroc, afroc, froc, lroc)
}


def _higher(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((x > y) + 0.5 * (x == y))


def _classes(truth: Bool[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    if truth.all() or not truth.any():
        every = "positive" if truth.all() else "negative"
        raise DataError(f"all {len(truth)} cases are {every}; expected cases of both classes")
    return np.flatnonzero(truth), np.flatnonzero(~truth)


def _share(ratings: Ratings, credit: Float[np.ndarray, "m r n"], rows: np.ndarray) -> Pairs:
    read = ratings.read.astype(float)[..., rows]
    earned = np.where(read > 0, credit[..., rows], 0.0)[..., None]
    one = np.ones((*read.shape[:2], 1))
    strata = ratings.truth.astype(int)
    return Pairs(earned, read, one, rows, np.array([NO_CASE]), strata)


def _afroc(marks: Marks, worth: np.ndarray, sizes: np.ndarray) -> Pairs:
    positive, negative = _classes(marks.truth)
    highest = marks.highest_false[..., negative]
    return _read_pairs(marks, _lesions_higher(marks, highest, positive, worth), sizes)


def _lesions_higher(
    marks: Marks, false: np.ndarray, positive: np.ndarray, worth: np.ndarray
) -> np.ndarray:
    """What the lesions of each positive case that are rated higher than a false mark are worth."""
    credit = np.zeros((*false.shape[:2], len(positive), false.shape[-1]))
    for lesion in range(worth.shape[-1]):
        rating = marks.lesions[..., lesion][..., positive, None]
        credit += _higher(rating, false[..., None, :]) * worth[positive, lesion][:, None]
    return credit


def _read_pairs(marks: Marks, credit: np.ndarray, sizes: np.ndarray) -> Pairs:
    positive, negative = _classes(marks.truth)
    read = marks.read.astype(float)
    rows, columns = read[..., positive], read[..., negative]
    credit = credit * rows[..., None] * columns[..., None, :]
    strata = marks.truth.astype(int)
    return Pairs(credit, rows * sizes[positive], columns, positive, negative, strata)
