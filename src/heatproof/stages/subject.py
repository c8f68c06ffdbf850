"""What criteria of trust are asked of: one model and the films of one data set that it judges."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from heatproof.data.decoded import Changed
from heatproof.data.geometry import geometries
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.settings import TrustSettings
from heatproof.models import Model
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
    """Models by name, of which one is in memory: the last asked for."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = openers
        self._name = ""

    def __call__(self, name: str) -> Model:
        """The model."""
        if name != self._name:
            model = self._openers[name]()[0]
            assert isinstance(model, Model)
            self._name, self._model = name, model
        return self._model


def origin_of(entry: ModelEntry | None, name: str, identity: ModelId) -> Origin:
    """How a model came to be, as far as criteria between models compare it.

    Args:
        entry: The model in the experiment; None for that behind imported maps.
        name: Name of the model.
        identity: Its identity.
    """
    plan = entry.training.model_dump() if entry and entry.training else {}
    plan["settings"] = {k: v for k, v in plan.get("settings", {}).items() if k != "seed"}
    plan.pop("start", None)  # of replicates each starts from its own
    sampling = entry.sampling.model_dump(exclude={"seed"}) if entry else {}
    trained = (identity.architecture, identity.head, identity.data, identity.seed)
    return Origin(name, *trained, **sampling, settings=json.dumps(plan, sort_keys=True))


class Subject:
    """One model and data set.

    Args:
        judged: What the earlier stages made of the model and the data.
        origin: How the model came to be.
        options: The experiment's table of trust.
        opened: The models.
        kept: The maps of the model that the store holds.
        memory: Bytes that explaining may take; None where nothing limits it.

    Attributes:
        name: Name of the model.
        data: Name of the data set.
        methods: What made its maps.
        origin: As above.
        options: As above.
    """

    def __init__(
        self,
        judged: Judged,
        origin: Origin,
        options: TrustSettings,
        opened: Opened,
        kept: StoredMaps,
        memory: int | None,
    ) -> None:
        self.name, self.data, self.methods = judged.member, judged.data, judged.methods
        self.origin, self.options = origin, options
        self._judged, self._opened, self._kept, self._memory = judged, opened, kept, memory

    @property
    def explains(self) -> bool:
        """Whether saliency methods explain it: a model, and no localizer or ensemble."""
        card = self._judged.card
        return card is not None and not card.localizes and not self._judged.id.chosen

    @property
    def identity(self) -> list[object]:
        """Changes when the model does, or how its maps lie over the films."""
        fields = list(self._judged.id.at_rest().values())
        return [self.name, self.data, fields, geometries.spec(geometry_of(self._judged))]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The films that are asked about, finding by finding, and the finding."""
        seen = {sample.image_id for sample in self._judged.samples}
        findings = self._judged.blocks[0].findings if self._judged.blocks else ()
        return tuple(
            Case(finding, sample, sample)
            for finding in findings
            for sample in self._films_asked(finding)
            if sample.image_id in seen
        )

    def pairs(self, pairing: Pairing, cases: Sequence[Case]) -> tuple[Case, ...]:
        """Two of the films of these cases in each, finding by finding."""
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
        """Its own maps: those of the store, or made now where other methods stand behind names."""
        if made_by is not None:
            return self.explained(made_by, cases)
        return self._kept.of(names, [(film, case.finding) for case in cases for film in case.films])

    def explained(self, methods: Mapping[str, Method], cases: Sequence[Case]) -> Framed:
        """Maps of the films of some cases, made now."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, _films(cases))
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
        """Maps of films to which something is done, under the names of the films."""
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
        """Maps of the films of some cases by every copy, some films at a time."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, _films(cases))
        if not samples:
            return
        targets = [model.findings.index(finding) for finding in findings]
        draws = [WeightDraw(model, criterion.drawing, number) for number in range(criterion.draws)]
        plan = (steps(model, criterion.order), draws)
        geometry = geometry_of(self._judged)
        for copied, maps in explain_copies(methods, model, images, targets, plan, self._memory):
            batch = samples[copied.batch]
            yield copied, explained(maps, geometry, batch, findings, self.options.side)

    def _films_asked(self, finding: str) -> list[Sample]:
        """Drawn from the whole data set, so that all models are asked about the same films."""
        films = [
            sample
            for sample in self._judged.films.samples
            if self.options.films == "all" or sample.labels.get(finding) is True
        ]
        if self.options.images is None or len(films) <= self.options.images:
            return films
        entropy = (self.options.seed, zlib.crc32(f"{self.data}\n{finding}".encode()))
        drawn = np.random.default_rng(entropy).permutation(len(films))[: self.options.images]
        return [films[index] for index in sorted(drawn)]


def _films(cases: Sequence[Case]) -> list[Sample]:
    """The films of some cases, each once."""
    return list({film.image_id: film for case in cases for film in case.films}.values())


def _findings(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.finding for case in cases))
