"""What explaining will cost, before a run begins: how many films, and for about how long.

Films are counted as the stages count them.  The time of one film is measured: every kind of model
explains a film of noise by all methods, alone, where a run explains several at once; so the times
are rough, and rather long.  Maps are kept as float32; compression makes their files smaller.
"""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from heatproof.experiment.assignment import Assignment, shared_findings
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.sampled import sampled_films
from heatproof.experiment.workspace import Workspace
from heatproof.models import Model
from heatproof.models.devices import device_named
from heatproof.preparation.opening import open_model
from heatproof.saliency import Method, explain
from heatproof.saliency.memory import parse_memory
from heatproof.stages.undrawn import why_undrawn
from heatproof.trust.criteria import Criterion, OfCopies, OfFilms
from heatproof.trust.randomize import steps
from heatproof.words import count, duration

LIMIT = 10.0  # seconds after which the time of a film is no longer measured
# Options of methods in proportion to which they take time, and how many are then measured.
PASSES, FEW = ("masks", "samples", "steps"), 8
QUICK = 3.0  # seconds: a shorter measurement is repeated, since the first pass also warms up


@dataclass
class Work:
    """Films to be explained, and for how long.

    Attributes:
        films: Number of films; a film that several models or copies explain counts several times.
        seconds: What this takes.
        at_least: Whether it takes longer, by nobody knows how much.
        stored: Bytes of the maps, before compression; 0 where they are not kept.
    """

    films: int = 0
    seconds: float = 0.0
    at_least: bool = False
    stored: int = 0

    def add(self, films: int, each: "Work") -> None:
        """So many films more, each of which takes as long as one was measured to take."""
        self.films += films
        self.seconds += films * each.seconds
        self.at_least |= each.at_least
        self.stored += films * each.stored

    def __str__(self) -> str:
        """Such as ``"120 films, about 3 minutes"``."""
        sure = "more than" if self.at_least else "about"
        return f"{count(self.films, 'film')}, {sure} {duration(self.seconds)}"


@dataclass(frozen=True)
class Costs:
    """What the maps of an experiment cost.

    Attributes:
        explaining: By the models themselves; these maps are kept, and those of trust are not.
        trust: By copies with random weights, or of changed films, for each criterion that needs it.
    """

    explaining: Work
    trust: Mapping[str, Work]


def costs(work: Workspace) -> Costs:
    """What the maps of an experiment cost; localizers and ensembles are left out.

    Raises:
        HeatproofError: A model cannot be opened, or a method cannot explain it.
    """
    explaining, trust = Work(), {spec: Work() for spec in work.criteria}
    measured: dict[str, Work] = {}
    for entry in work.experiment.models:
        assigned = [one for one in work.assignments if one.member == entry.name and one.explained]
        model = _model(work, entry) if assigned else None
        if model is None:
            continue
        for assignment in assigned:
            findings = shared_findings(entry.name, model.findings, assignment.films)
            # Replicates take equally long, and are measured once.
            kind = f"{_kind(entry)} {findings}"
            if kind not in measured:
                measured[kind] = _one_film(work, model, findings)
            explaining.add(len(assignment.samples), measured[kind])
            if assignment.role == "judged" and not entry.sampling.permuted:
                for spec, films in _again(work, model, assignment, findings):
                    trust[spec].add(films, measured[kind])
    return Costs(explaining, {spec: again for spec, again in trust.items() if again.films})


def _again(
    work: Workspace, model: Model, assignment: Assignment, findings: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Number of films that each criterion of one model has explained once more."""
    options = work.experiment.trust
    if options is None:
        return
    judged = {sample.image_id for sample in assignment.samples}
    films = {
        sample.image_id
        for finding in findings
        for sample in sampled_films(assignment.films, finding, options)
    }
    for spec, criterion in work.criteria.items():
        yield spec, len(films & judged) * _times(criterion, model)


def _times(criterion: Criterion, model: Model) -> int:
    """How often a criterion has every film explained."""
    if isinstance(criterion, OfFilms):
        return len(criterion.levels)
    if isinstance(criterion, OfCopies) and not why_undrawn(model):
        return criterion.draws * len(steps(model, criterion.order))
    return 0  # maps of trained models are in the store by then


def _model(work: Workspace, entry: ModelEntry) -> Model | None:
    """The model, with random weights where it is to be trained; None for one without methods."""
    if entry.ensemble or entry.localizer:
        return None
    folder = work.experiment.folder
    model: Any
    if entry.training:
        # Lightning takes seconds to import, which experiments that train nothing need not wait for.
        from heatproof.preparation.network import untrained
        from heatproof.preparation.plan import findings_of

        films = work.data[entry.training.data]
        model = untrained(folder, entry, findings_of(films, work.experiment.score.structures))
    else:
        model, _, _ = open_model(folder, entry, work.data)
    if not isinstance(model, Model):
        return None
    return model if entry.in_memory else model.to(device_named(work.experiment.explain.device))


def _kind(entry: ModelEntry) -> str:
    """What the time of a film depends on."""
    made_of = (entry.card, entry.module, entry.arguments, entry.backbone, entry.head, entry.scaling)
    return str(made_of)


def _one_film(work: Workspace, model: Model, findings: Sequence[str]) -> Work:
    """How long all methods take for one film of noise."""
    noise = np.random.default_rng(0).random(model.preprocessing.size, np.float32)
    image = model.preprocessing.tensor(noise)[None]
    targets = [model.findings.index(finding) for finding in findings]
    memory = parse_memory(work.experiment.explain.memory)
    first = _timed(work.methods, model, image, targets, memory)
    if first.at_least:
        return _extrapolated(work.methods, model, image, targets, memory)
    if first.seconds > QUICK:
        return first
    return _timed(work.methods, model, image, targets, memory)


def _extrapolated(
    methods: Mapping[str, Method],
    model: Model,
    image: torch.Tensor,
    targets: Sequence[int],
    memory: int | None,
) -> Work:
    """How long methods would take that take too long to be measured, from a few of their passes."""
    whole = Work(1)
    for spec, method in methods.items():
        shorter, times = _shortened(method)
        each = _timed({spec: shorter}, model, image, targets, memory)
        whole.seconds += each.seconds * times
        whole.stored += each.stored
        whole.at_least |= each.at_least
    return whole


def _shortened(part: Any) -> tuple[Any, float]:
    """The method with few passes, and how many times more the real one has."""
    times, changed = 1.0, {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if field.name in PASSES and value > FEW:
            changed[field.name], times = FEW, times * value / FEW
        elif dataclasses.is_dataclass(value):
            changed[field.name], more = _shortened(value)
            times *= more
    return dataclasses.replace(part, **changed), times


class _Enough(BaseException):  # no error: it only ends a measurement, whatever a network catches
    """The limit of time is over."""


def _timed(
    methods: Mapping[str, Method],
    model: Model,
    image: torch.Tensor,
    targets: Sequence[int],
    memory: int | None,
) -> Work:
    """How long an explanation takes; it is given up after ``LIMIT`` seconds."""
    began = time.monotonic()

    def stop(*_: object) -> None:
        if time.monotonic() - began > LIMIT:
            raise _Enough

    # Every method runs layers, so that this is asked often enough.
    hook = register_module_forward_pre_hook(stop)
    try:
        maps = explain(methods, model, image, targets, memory).maps
        # Work on a GPU may still go on.
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    except _Enough:
        return Work(1, LIMIT, at_least=True)
    finally:
        hook.remove()
    stored = sum(each.values.nbytes for each in maps.values())
    return Work(1, time.monotonic() - began, stored=stored)
