"""``Subject``: one model with one data set, and the maps that criteria of trust ask it for."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from heatproof.data.decoded import Changed
from heatproof.data.geometry import geometries
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.sampled import sampled_films
from heatproof.experiment.settings import TrustSettings
from heatproof.models import Model
from heatproof.models.prepared import PreparedFilms
from heatproof.preparation.opening import Opener
from heatproof.saliency import Method, explain
from heatproof.stages.blocks import Judged
from heatproof.stages.framing import Framed, StoredMaps, explained, geometry_of
from heatproof.stages.pairs import Case
from heatproof.stages.read_ahead import read_films
from heatproof.trust.criteria import OfCopies
from heatproof.trust.pairs import Origin
from heatproof.trust.randomize import Copied, WeightDraw, explain_copies, steps
from heatproof.types import ModelId, Sample

Pairing = Callable[[Sequence[Sample], int], list[tuple[Sample, Sample]]]


class Opened:
    """Models by name; only the one that was used last is in memory."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = openers
        self._name = ""

    def __call__(self, name: str) -> Model:
        """The model of that name; opening it lets go of the one before."""
        if name != self._name:
            model = self._openers[name]()[0]
            # Localizers and ensembles are not opened here: ``Subject.explains`` is False for them.
            assert isinstance(model, Model)
            self._name, self._model = name, model
        return self._model


def origin_of(entry: ModelEntry | None, name: str, identity: ModelId) -> Origin:
    """The origin of a model, as far as criteria between models compare it.

    Args:
        entry: The model in the experiment; None for that behind imported maps.
        name: Name of the model.
        identity: Identity of the model.
    """
    plan = entry.training.model_dump() if entry and entry.training else {}
    # The seed is a field of its own, and replicates have to agree in all other settings.
    plan["settings"] = {k: v for k, v in plan.get("settings", {}).items() if k != "seed"}
    plan.pop("start", None)  # each replicate starts from another
    sampling = entry.sampling.model_dump(exclude={"seed"}) if entry else {}
    trained = (identity.architecture, identity.head, identity.data, identity.seed)
    # Sorted, so that the order of keys in a file makes no difference between two models.
    return Origin(name, *trained, **sampling, settings=json.dumps(plan, sort_keys=True))


class Subject:
    """One model with one data set.

    Args:
        judged: The model and the data set, explained.
        origin: Architecture, data and training of the model.
        options: The table ``[trust]`` of the experiment.
        opened: All models, to open this one.
        kept: The maps of the model that the store holds.
        prepared: Inputs of films that were read before.
        memory: Bytes that explaining may take; None where nothing limits it.

    Attributes:
        name: Name of the model.
        data: Name of the data set.
        films: The data set.
        methods: Specs of the methods whose maps the store holds.
        origin: Architecture, data and training of the model.
        options: The table ``[trust]`` of the experiment.
    """

    def __init__(
        self,
        judged: Judged,
        origin: Origin,
        options: TrustSettings,
        opened: Opened,
        kept: StoredMaps,
        prepared: PreparedFilms,
        memory: int | None,
    ) -> None:
        self.name, self.data, self.methods = judged.member, judged.data, judged.methods
        self.films = judged.films
        self.origin, self.options = origin, options
        self._judged, self._opened, self._kept = judged, opened, kept
        self._prepared, self._memory = prepared, memory

    @property
    def explains(self) -> bool:
        """Whether saliency methods explain it: the model is no localizer and no ensemble."""
        card = self._judged.card
        return card is not None and not card.localizes and not self._judged.id.chosen

    @property
    def undrawn(self) -> str:
        """Why its weights cannot be drawn anew, as a clause; empty where they can."""
        return self._judged.undrawn

    @property
    def identity(self) -> list[object]:
        """What changes when the model changes, or how its maps lie over the films."""
        fields = list(self._judged.id.at_rest().values())
        return [self.name, self.data, fields, geometries.spec(geometry_of(self._judged))]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The films on which maps are compared, finding by finding."""
        seen = {sample.image_id for sample in self._judged.samples}
        findings = self._judged.blocks[0].findings if self._judged.blocks else ()
        return tuple(
            Case(finding, sample, sample)
            for finding in findings
            for sample in sampled_films(self._judged.films, finding, self.options)
            # A cross-fitted member judges only some of the films that are drawn.
            if sample.image_id in seen
        )

    def pairs(self, pairing: Pairing, cases: Sequence[Case]) -> tuple[Case, ...]:
        """Cases of two of these films each, paired finding by finding."""
        paired = []
        for finding in dict.fromkeys(case.finding for case in cases):
            films = [case.first for case in cases if case.finding == finding]
            paired += [Case(finding, *pair) for pair in pairing(films, self.options.seed)]
        return tuple(paired)

    def trained(
        self,
        names: Sequence[str],
        cases: Sequence[Case],
        made_by: Mapping[str, Method] | None = None,
    ) -> Framed:
        """Maps of the trained model, which the store holds.

        Args:
            names: Names of the methods.
            cases: Films and findings.
            made_by: The methods behind these names, where they are not those of the experiment;
                then maps are made now.
        """
        if made_by is not None:
            return self.explained(made_by, cases)
        return self._kept.of(names, [(film, case.finding) for case in cases for film in case.films])

    def explained(self, methods: Mapping[str, Method], cases: Sequence[Case]) -> Framed:
        """Maps of the films of some cases, made now by the trained model."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, self._judged.films, _films(cases), self._prepared)
        if not samples:
            return {}
        targets = [model.findings.index(finding) for finding in findings]
        maps = explain(methods, model, images, targets, self._memory)
        return explained(maps, geometry_of(self._judged), samples, findings, self.options.side)

    def changed(
        self,
        methods: Mapping[str, Method],
        cases: Sequence[Case],
        change: Callable[[np.ndarray], np.ndarray],
    ) -> Framed:
        """Maps of changed films, under the names of the films.

        Args:
            methods: Methods by name.
            cases: Films and findings.
            change: Makes the pixels of the changed film from those of the film.
        """
        after = {
            film.image_id: replace(film, pixels=Changed(film.pixels, change))
            for film in _films(cases)
        }
        changed = [
            Case(case.finding, after[case.first.image_id], after[case.second.image_id])
            for case in cases
        ]
        return self.explained(methods, changed)

    def copies(
        self, criterion: OfCopies, methods: Mapping[str, Method], cases: Sequence[Case]
    ) -> Iterator[tuple[Copied, Framed]]:
        """Maps by every randomized copy of the model, some films of the cases at a time."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, self._judged.films, _films(cases), self._prepared)
        if not samples:
            return
        targets = [model.findings.index(finding) for finding in findings]
        draws = [WeightDraw(model, criterion.drawing, number) for number in range(criterion.draws)]
        plan = (steps(model, criterion.order), draws)
        geometry = geometry_of(self._judged)
        for copied, maps in explain_copies(methods, model, images, targets, plan, self._memory):
            batch = samples[copied.batch]
            yield copied, explained(maps, geometry, batch, findings, self.options.side)


def _films(cases: Sequence[Case]) -> list[Sample]:
    """The films of some cases, each once."""
    return list({film.image_id: film for case in cases for film in case.films}.values())


def _findings(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.finding for case in cases))
