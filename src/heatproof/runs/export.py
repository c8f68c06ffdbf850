"""A run in formats of other programs; ``exporters`` holds a part for each."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import ExperimentError
from heatproof.runs.exported import Exported
from heatproof.runs.exporters import exporters
from heatproof.runs.folder import Frame, Run
from heatproof.types import Sample


def export(
    run: Run,
    to: Path,
    formats: Iterable[str],
    frame: Frame = "native",
    *,
    films: Mapping[tuple[str, str], Sample] | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> list[Path]:
    """Write a run in other formats.

    Args:
        run: The run.
        to: Folder to write to; made where it is not there.
        formats: Specs of ``exporters``, such as ``"dicom_seg(binarize=otsu)"``.
        frame: Whether maps lie over their films, or have the resolution of the method; formats that
            refer to films lay them over the films always.
        films: The films by data set and identifier, which DICOM needs; see ``exported.films_of``.
        pseudonyms: Pseudonyms in place of identifiers of films, patients and studies.

    Returns:
        The files that were written.

    Raises:
        SpecError: A format is unknown.
        ExperimentError: The folder is that of the run, or what a format needs is not there.
        MapError: A map is damaged.
    """
    if to.resolve() == run.folder.resolve():
        raise ExperimentError(f"{to} is the folder of the run itself; export --to another")
    chosen = [exporters.parse(spec) for spec in dict.fromkeys(formats)]
    to.mkdir(parents=True, exist_ok=True)
    what = Exported(run, frame, films or {}, pseudonyms)
    return [file for exporter in chosen for file in exporter.write(what, to)]
