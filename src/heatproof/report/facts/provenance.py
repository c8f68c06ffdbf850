"""Where the numbers of a report come from, enough to make them again."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from heatproof.escaping import without_quoted_folders
from heatproof.experiment.file import Experiment
from heatproof.report.content import Provenance
from heatproof.stages.blocks import Judged

# The libraries that the numbers depend on.
LIBRARIES = ("heatproof", "torch", "timm", "numpy", "scipy", "opencv-python-headless", "pillow")


def provenance(
    experiment: Experiment, data_digests: Mapping[str, str], judged: Sequence[Judged]
) -> Provenance:
    """Versions, hashes and seeds; no date and no timing, so that equal runs give equal pages.

    Args:
        experiment: The experiment as it was read.
        data_digests: Digest of what each data set holds, by its name.
        judged: Models and data sets; the seeds are those of models that were trained here.
    """
    return Provenance(
        command=experiment.command,
        versions=(
            *((name, version(name)) for name in LIBRARIES),
            ("Python", platform.python_version()),
        ),
        hashes=(
            *((f"data {name}", digest) for name, digest in data_digests.items()),
            *((("experiment file", _sha256(experiment.text)),) if experiment.text else ()),
        ),
        seeds=(
            ("statistics", str(experiment.statistics.seed)),
            ("gallery", str(experiment.report.seed)),
            # A model may judge several data sets, and is trained once.
            *dict.fromkeys(
                (record.member, str(record.id.seed))
                for record in judged
                if record.trained and not record.id.chosen  # an ensemble has no seed of its own
            ),
        ),
        machine=f"{platform.system()} {platform.machine()}",
        experiment=without_quoted_folders(experiment.text),
        by=experiment.report.by,
        date=experiment.report.date.isoformat() if experiment.report.date else "",
    )


def _sha256(text: str) -> str:
    """The first 24 digits, which are enough to tell two files apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
