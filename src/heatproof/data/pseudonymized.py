"""A data set whose films, patients and studies have pseudonyms.

Whatever is made of its films afterwards, tables and pages alike, holds no other identifier.
Labels, marks, views and metadata stay.
"""

from dataclasses import dataclass, replace

from heatproof.data.pseudonyms import Pseudonyms
from heatproof.types import Dataset, Sample

HIDDEN = "(not shown)"
"""Stands for words that may name a film or a patient."""


@dataclass(frozen=True)
class Pseudonymized:
    """The films of another data set, in their order.

    Attributes:
        dataset: The films.
        pseudonyms: Gives the pseudonyms.
    """

    dataset: Dataset
    pseudonyms: Pseudonyms

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of the data set."""
        return self.dataset.findings

    @property
    def strays(self) -> tuple[tuple[str, str], ...]:
        """Items that mark nothing, without the words that say which."""
        strays: tuple[tuple[str, str], ...] = getattr(self.dataset, "strays", ())
        return tuple((self.pseudonyms.of("film", place), HIDDEN) for place, _ in strays)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        film, of = self.dataset[index], self.pseudonyms.of
        return replace(
            film,
            image_id=of("film", film.image_id),
            patient_id=None if film.patient_id is None else of("patient", film.patient_id),
            study_id=of("study", film.study_id),
            replaces=film.cluster,
        )
