"""Stage: whether maps are true to the model, measured by asking it again without parts of a film.

Maps of trained models come from the store, at their own resolution.  Imported maps have no model
here, ensembles and localizers have other maps than methods make: none of them is measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from heatproof.experiment.sampled import sampled_films
from heatproof.experiment.settings import FidelitySettings
from heatproof.experiment.workspace import Workspace
from heatproof.fidelity import measure
from heatproof.localize.measure import UNSCORED
from heatproof.maps.store import StoredMap
from heatproof.preparation.opening import Opener
from heatproof.progress import Progress
from heatproof.saliency.memory import parse_memory
from heatproof.stages.blocks import Judged, blocks
from heatproof.stages.loop import Unit, make
from heatproof.stages.read_ahead import read_films
from heatproof.stages.subject import Opened
from heatproof.tables.units import digest
from heatproof.types import MapKey, Sample

FILMS = 4  # films in a unit: each takes hundreds of passes

Case = tuple[Sample, tuple[str, ...]]  # a film, and the findings whose maps are measured on it


def measure_maps(
    work: Workspace,
    judged: Sequence[Judged],
    openers: Mapping[str, Opener],
    progress: Progress,
) -> list[str]:
    """Write the units that are missing; returns the names of all.

    Args:
        work: The experiment.
        judged: Every model and data set.
        openers: What opens each model, by its name.
        progress: Hears of every unit.
    """
    asked = work.experiment.fidelity
    if asked is None:
        return []
    opened = Opened(openers)
    units = [
        unit
        for outcome in judged
        if outcome.methods and is_measured(outcome)
        for unit in _units(work, outcome, asked, opened)
    ]
    progress.start("fidelity", len(units))
    names = make(units, work.fidelity, progress)
    progress.finish()
    return names


def is_measured(judged: Judged) -> bool:
    """Whether the maps are those of methods that explain one model."""
    card = judged.card
    return card is not None and not card.localizes and not judged.id.chosen


def _units(
    work: Workspace, judged: Judged, asked: FidelitySettings, opened: Opened
) -> Iterator[Unit]:
    # A unit holds rows of all methods, so each of them has a part in its name.
    made = [block.made(method) for block in judged.blocks for method in judged.methods]
    for cases in blocks(_cases(judged, asked), FILMS):
        films = [
            (film.image_id, judged.films.version(film), film.cluster, findings)
            for film, findings in cases
        ]
        name = digest("fidelity", made, films, list(work.fidelity_metrics))
        yield Unit(name, partial(_rows, work, judged, opened, cases))


def _cases(judged: Judged, asked: FidelitySettings) -> list[Case]:
    """The films that are drawn, each with the findings that it was drawn for."""
    drawn: dict[str, list[str]] = {}
    for finding in judged.blocks[0].findings if judged.blocks else ():
        for sample in sampled_films(judged.films, finding, asked):
            drawn.setdefault(sample.image_id, []).append(finding)
    # A cross-fitted member judges only some of the films that are drawn.
    return [
        (sample, tuple(drawn[sample.image_id]))
        for sample in judged.samples
        if sample.image_id in drawn
    ]


def _rows(
    work: Workspace, judged: Judged, opened: Opened, cases: Sequence[Case]
) -> Iterator[dict[str, Any]]:
    model = opened(judged.member)
    samples, images, _ = read_films(model, judged.films, [film for film, _ in cases], work.prepared)
    memory = parse_memory(work.experiment.explain.memory)
    block = judged.blocks[0]
    findings_of = {film.image_id: findings for film, findings in cases}
    for row, sample in enumerate(samples):
        findings = findings_of[sample.image_id]
        maps = _stored(work, judged, sample, findings)
        measured = measure(
            work.fidelity_metrics,
            model,
            images[row : row + 1],
            {method: _stacked(of_method) for method, of_method in maps.items()},
            [model.findings.index(finding) for finding in findings],
            memory,
            methods={method: work.methods[method] for method in maps},
        )
        for (method, metric), found in measured.items():
            for column, finding in enumerate(findings):
                if maps[method][column].validity not in UNSCORED:
                    yield {
                        **block.columns,
                        "image_id": sample.image_id,
                        "cluster": sample.cluster,
                        "finding": finding,
                        "method": method,
                        "metric": metric,
                        "value": float(found.values[0, column]),
                        "chance": float(found.chance[0, column]),
                    }


def _stored(
    work: Workspace, judged: Judged, sample: Sample, findings: Sequence[str]
) -> dict[str, list[StoredMap]]:
    """The maps of each method, finding by finding."""
    store = work.store(judged.data)
    return {
        method: store.get_many(
            [MapKey(judged.id, method, sample.image_id, finding) for finding in findings]
        )
        for method in judged.methods
    }


def _stacked(maps: Sequence[StoredMap]) -> torch.Tensor:
    """Maps of one film, ``1 k y x``; one that is not finite has no row, and is zero here."""
    return torch.from_numpy(np.stack([np.nan_to_num(each.values) for each in maps])[None])
