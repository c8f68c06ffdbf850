"""A figure of merit as credit for pairs of cases, from which everything else follows.

    figure(w) = sum_pq w_p w_q credit_pq / (sum_p w_p row_p  *  sum_q w_q column_q)

with the weight w of each case: 1 for the figure itself, 0 for a case left out, a count for a
bootstrap sample.  For the AUC, rows are positive cases, columns negative ones, and the credit is 1
where the positive one is rated higher, 1/2 for a tie.  A figure that compares no cases, such as
sensitivity, has one column that is no case.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

NO_CASE = -1


@dataclass(frozen=True)
class Pairs:
    """Credit of every reader in every modality for every pair of cases.

    Attributes:
        credit: 0 where one of the two was not read.
        row_sizes: What a row counts for; 0 where the case was not read.
        column_sizes: Likewise of columns.
        rows: The case of each row.
        columns: The case of each column, or ``NO_CASE``.
        strata: The group from which each case was sampled: most often its truth.
    """

    credit: Float[np.ndarray, "m r p q"]
    row_sizes: Float[np.ndarray, "m r p"]
    column_sizes: Float[np.ndarray, "m r q"]
    rows: Int[np.ndarray, " p"]
    columns: Int[np.ndarray, " q"]
    strata: Int[np.ndarray, " n"]

    @property
    def cases(self) -> int:
        """How many cases there are, read or not."""
        return len(self.strata)

    @property
    def figures(self) -> Float[np.ndarray, "m r"]:
        """The figure of each reader in each modality; nan where nothing was read."""
        with np.errstate(invalid="ignore", divide="ignore"):
            sizes = self.row_sizes.sum(-1) * self.column_sizes.sum(-1)
            return np.asarray(self.credit.sum((-2, -1)) / sizes)

    def without_each(self) -> Float[np.ndarray, "m r n"]:
        """The figures without each case in turn; nan where nothing is left."""
        rows, columns, both = self._credit_of_cases()
        total = self.credit.sum((-2, -1))[..., None] - rows - columns + both
        row_sizes, column_sizes = self._sizes_of_cases()
        with np.errstate(invalid="ignore", divide="ignore"):
            sizes = (self.row_sizes.sum(-1)[..., None] - row_sizes) * (
                self.column_sizes.sum(-1)[..., None] - column_sizes
            )
            return np.asarray(total / sizes)

    def weighted(self, weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b m r"]:
        """The figures when each case counts as often as it is weighted."""
        of_rows = weights[:, self.rows]
        of_columns = np.where(self.columns == NO_CASE, 1.0, weights[:, self.columns])
        total = np.sum((of_rows @ self.credit) * of_columns, axis=-1)
        sizes = (self.row_sizes @ of_rows.T) * (self.column_sizes @ of_columns.T)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.moveaxis(total / sizes, -1, 0))

    def influence(self) -> Float[np.ndarray, "m r n"]:
        """How fast each figure changes with the weight of each case (its derivative at 1)."""
        rows, columns, _ = self._credit_of_cases()
        row_sizes, column_sizes = self._sizes_of_cases()
        all_rows = self.row_sizes.sum(-1)[..., None]
        all_columns = self.column_sizes.sum(-1)[..., None]
        shares = row_sizes / all_rows + column_sizes / all_columns
        credit = (rows + columns) / (all_rows * all_columns)
        return np.asarray(credit - self.figures[..., None] * shares)

    def _credit_of_cases(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Credit in which each case is the row, is the column, and is both."""
        shape = (*self.credit.shape[:2], self.cases)
        rows, columns, both = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        rows[..., self.rows] = self.credit.sum(-1)
        cases = self.columns != NO_CASE
        columns[..., self.columns[cases]] = self.credit.sum(-2)[..., cases]
        p, q = np.nonzero(self.rows[:, None] == self.columns)
        both[..., self.rows[p]] = self.credit[..., p, q]
        return rows, columns, both

    def _sizes_of_cases(self) -> tuple[np.ndarray, np.ndarray]:
        shape = (*self.credit.shape[:2], self.cases)
        rows, columns = np.zeros(shape), np.zeros(shape)
        rows[..., self.rows] = self.row_sizes
        cases = self.columns != NO_CASE
        columns[..., self.columns[cases]] = self.column_sizes[..., cases]
        return rows, columns
