"""dicomweb: films of a PACS, by a list of studies.

Point at the server and at a table with a row per study, or per film::

    [data]
    dataset = "dicomweb"
    url = "http://localhost:8042/dicom-web"
    studies = "studies.csv"
    labels = ["Pneumothorax"]

===================  ===============================================================================
column               holds
===================  ===============================================================================
``study``            Study Instance UID
``instance``         SOP Instance UID, where a row is of one film; without it, a row is of every
                     film of its study, which then share its labels
``patient``          any name of the patient; without it, the Patient ID of the films
one for each label   ``1``, ``0``, ``-1`` or ``u`` (uncertain), or blank: unknown
===================  ===============================================================================

Films are fetched when the data set is first opened, and kept in ``cache``; after that no connection
is made.  Remove the folder to fetch them anew.  The Patient ID is that of the PACS: see
``docs/explanation/privacy.md`` for where it goes.  A film is named by its SOP Instance UID.

A token for the server is taken from the environment, ``HEATPROOF_DICOMWEB_TOKEN``.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from heatproof.data.datasets import datasets
from heatproof.data.decoding.dicom import header_of
from heatproof.data.dicom.pacs import Instance, Pacs
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, read_rows
from heatproof.data.tabular.cells import LabelRule
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.data.threads import side_by_side
from heatproof.disk import write_whole
from heatproof.errors import DataError, near_misses
from heatproof.types import Sample


@datasets.register("dicomweb")
@dataclass(frozen=True)
class DicomWeb(Listed):
    """Films of a PACS that speaks DICOMweb.

    Attributes:
        url: The root of its DICOMweb service.
        studies: The table of studies, or of films.
        labels: Findings, each with a column of that name.
        cache: Folder where films are kept; by default ``dicomweb``, beside the table.
    """

    url: str
    studies: Path | str
    labels: tuple[str, ...] = ()
    cache: Path | str | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """The labels."""
        return tuple(self.labels)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        rows = read_rows(Path(self.studies))
        columns = rows[0].values
        for name in ("study", *self.labels):
            if name not in columns:
                raise DataError(
                    f"{self.studies} has no column {name!r}; {near_misses(name, columns)}"
                )
        problems = Problems()
        films: dict[Instance, TableRow] = {}
        for row in rows:
            with problems.noted():
                for film in self._films(row):
                    if film in films:
                        raise row.wrong("study", "each film once, but it came before")
                    films[film] = row
        problems.refuse(self.studies)
        with side_by_side() as pool:
            files = list(pool.map(self._pacs.fetched, films))
        samples = []
        for (film, row), file in zip(films.items(), files, strict=True):
            with problems.noted():
                samples.append(self._sample(film, row, file))
        problems.refuse(self.studies)
        return tuple(samples)

    @cached_property
    def _pacs(self) -> Pacs:
        folder = Path(self.studies).parent / "dicomweb" if self.cache is None else Path(self.cache)
        return Pacs(self.url, folder)

    def _films(self, row: TableRow) -> list[Instance]:
        """The films of a row; of a study that was listed before, without asking."""
        study = row["study"]
        if not study:
            raise row.wrong("study", "a Study Instance UID")
        known = self._pacs.file(Instance(study, "", "")).with_suffix(".json")
        try:
            films = [Instance(*each) for each in json.loads(known.read_text())]
        except (OSError, ValueError, TypeError):
            films = self._pacs.instances(study)
            known.parent.mkdir(parents=True, exist_ok=True)
            write_whole(known, json.dumps([[f.study, f.series, f.instance] for f in films]))
        wanted = row["instance"] if "instance" in row.places else ""
        if not wanted:
            return films
        chosen = [film for film in films if film.instance == wanted]
        if not chosen:
            raise row.wrong("instance", f"one of the {len(films)} films of study {study}")
        return chosen

    def _sample(self, film: Instance, row: TableRow, file: Path) -> Sample:
        header = header_of(file)
        told = row["patient"] if "patient" in row.places else str(header.get("PatientID") or "")
        return Sample(
            image_id=film.instance,
            pixels=ImageFile(file),
            patient_id=told or None,
            labels={name: LabelRule(name)(row) for name in self.labels if row[name]},
            study_id=film.study,
            view=str(header.get("ViewPosition") or ""),
        )
