"""What a report says besides numbers: who was judged, by what, and where everything comes from."""

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version

from heatproof.experiment.workspace import Workspace
from heatproof.report.content import Provenance
from heatproof.stages.blocks import Judged
from heatproof.stages.contents import contents

LIBRARIES = ("heatproof", "torch", "timm", "numpy", "scipy", "opencv-python-headless", "pillow")


def provenance(work: Workspace, judged: Sequence[Judged]) -> Provenance:
    """Enough to make the numbers again; no date and no timing, so equal runs give equal pages."""
    experiment = work.experiment
    return Provenance(
        command=experiment.command,
        versions=(
            *((name, version(name)) for name in LIBRARIES),
            ("Python", platform.python_version()),
        ),
        hashes=(
            *((f"data {name}", contents(work, films)) for name, films in work.data.items()),
            *((("experiment file", _sha256(experiment.text)),) if experiment.text else ()),
        ),
        seeds=(
            ("bootstrap", str(experiment.statistics.seed)),
            ("gallery", str(experiment.report.seed)),
            *(
                (one.member, str(one.id.seed))
                for one in judged
                if one.trained and not one.id.chosen
            ),
        ),
        machine=f"{platform.system()} {platform.machine()}",
        experiment=experiment.text,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
