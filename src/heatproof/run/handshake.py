"""What each network sees of a few real films: a contact sheet beside the results."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heatproof.experiment.workspace import Workspace
from heatproof.models import Model
from heatproof.models.devices import device_named, within_memory
from heatproof.preparation.opening import open_model
from heatproof.report.pictures.contact_sheet import Tile, contact_sheet
from heatproof.run.glance import SECONDS, Glance, Seen, glance
from heatproof.tables.units import folder_name, write_whole

_LINES = 3  # findings below a film


@dataclass(frozen=True)
class Handshake:
    """What a model was seen to do.

    Attributes:
        model: Its name.
        glance: The films that it saw.
        sheet: The picture of them.
    """

    model: str
    glance: Glance
    sheet: Path


def handshakes(work: Workspace, seconds: float = SECONDS) -> Iterator[Handshake]:
    """Each model that exists already and that methods explain, one after the other.

    Args:
        work: The experiment.
        seconds: How long looking at films may take for each.

    Raises:
        HeatproofError: A model cannot be opened.
    """
    for entry in work.experiment.models:
        assigned = [one for one in work.assignments if one.member == entry.name and one.explained]
        if entry.made_here or not assigned:
            continue
        model, _, _ = open_model(work.experiment.folder, entry, work.data)
        if not isinstance(model, Model):
            continue
        if not entry.in_memory:
            model = model.to(device_named(work.experiment.explain.device))
        with within_memory("Say [explain] device = 'cpu'"):
            looked = glance(model, assigned, time.monotonic() + seconds)
        if looked.seen:
            folder = work.folder / "check"
            folder.mkdir(parents=True, exist_ok=True)
            sheet = folder / f"{folder_name(entry.name, entry.name, digits=6)}.png"
            write_whole(sheet, contact_sheet([_tile(one) for one in looked.seen]))
            yield Handshake(entry.name, looked, sheet)


def _tile(seen: Seen) -> Tile:
    said = {True: "present", False: "absent", None: "unknown"}
    lines = [
        f"{finding} {probability:.2f}, {said[seen.labels[finding]]}"
        for finding, probability in list(seen.probabilities.items())[:_LINES]
    ]
    return Tile(seen.image, seen.marked, (seen.name, *lines))
