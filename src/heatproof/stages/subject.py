"""What criteria of trust are asked of: one model and the films of one data set that it judges."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from heatproof.data.decoded import Changed
from heatproof.data.geometry import geometries
from heatproof.experiment.file import Experiment
from heatproof.experiment.workspace import Workspace
from heatproof.models import Model
from heatproof.preparation.opening import Opener
from heatproof.saliency import Method, explain
from heatproof.saliency.memory import parse_memory
from heatproof.stages.blocks import Judged
from heatproof.stages.framing import Framed, Kept, explained, geometry_of
from heatproof.stages.pairs import Case
from heatproof.stages.reading import read_films
from heatproof.trust.criteria import OfCopies
from heatproof.trust.pairs import Origin
from heatproof.trust.randomize import Copied, Draw, explain_copies, steps
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


def origin_of(experiment: Experiment, name: str, who: ModelId) -> Origin:
    """What made a model, or imported maps."""
    entry = next((model for model in experiment.models if model.name == name), None)
    plan = entry.training.model_dump() if entry and entry.training else {}
    plan["settings"] = {k: v for k, v in plan.get("settings", {}).items() if k != "seed"}
    plan.pop("start", None)  # of replicates each starts from its own
    sampling = entry.sampling.model_dump(exclude={"seed"}) if entry else {}
    made = (who.architecture, who.head, who.data, who.seed)
    return Origin(name, *made, **sampling, settings=json.dumps(plan, sort_keys=True))


class Subject:
    """One model and data set.

    Args:
        work: The experiment, which has a table of trust.
        judged: What the earlier stages made of the model and the data.
        opened: The models.

    Attributes:
        name: Of the model.
        data: Name of the data set.
        methods: What made its maps.
    """

    def __init__(self, work: Workspace, judged: Judged, opened: Opened) -> None:
        assert work.experiment.trust is not None
        self.work, self.judged, self.options = work, judged, work.experiment.trust
        self.name, self.data = judged.judging.model, judged.judging.films.name
        self.methods = judged.methods
        self._opened = opened
        self._kept = Kept(work, judged, self.options.side)

    @property
    def explains(self) -> bool:
        """Whether saliency methods explain it: a model, and no localizer or ensemble."""
        card = self.judged.card
        return card is not None and not card.localizes and not self.judged.id.chosen

    @cached_property
    def origin(self) -> Origin:
        """What made the model."""
        return origin_of(self.work.experiment, self.name, self.judged.id)

    @property
    def identity(self) -> list[object]:
        """Changes when the model does, or how its maps lie over the films."""
        who = self.judged.id
        fields = [getattr(who, name) for name in who.__dataclass_fields__]
        return [self.name, self.data, fields, geometries.spec(geometry_of(self.judged))]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The films that are asked about, finding by finding, and the finding."""
        here = {sample.image_id for sample in self.judged.judging.samples}
        findings = self.judged.blocks[0].findings if self.judged.blocks else ()
        return tuple(
            Case(finding, sample, sample)
            for finding in findings
            for sample in self._asked(finding)
            if sample.image_id in here
        )

    def pairs(self, pairing: Pairing, cases: Sequence[Case]) -> tuple[Case, ...]:
        """Two of the films of these cases in each, finding by finding."""
        found = []
        for finding in dict.fromkeys(case.finding for case in cases):
            films = [case.one for case in cases if case.finding == finding]
            found += [Case(finding, *two) for two in pairing(films, self.options.seed)]
        return tuple(found)

    def trained(
        self,
        names: Sequence[str],
        cases: Sequence[Case],
        made_by: Mapping[str, Method] | None = None,
    ) -> Framed:
        """Its own maps: those of the store, or made now where other methods stand behind names."""
        if made_by is not None:
            return self.explained(made_by, cases)
        wanted = [(film, case.finding) for case in cases for film in (case.one, case.other)]
        return self._kept.of(names, wanted)

    def explained(self, methods: Mapping[str, Method], cases: Sequence[Case]) -> Framed:
        """Maps of the films of some cases, made now."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, _films(cases))
        if not samples:
            return {}
        targets = [model.findings.index(finding) for finding in findings]
        found = explain(methods, model, images, targets, self._memory)
        return explained(found, geometry_of(self.judged), samples, findings, self.options.side)

    def changed(self, cases: Sequence[Case], change: Callable[[np.ndarray], np.ndarray]) -> Framed:
        """Maps of films to which something is done, under the names of the films."""
        after = {
            film.image_id: replace(film, pixels=Changed(film.pixels, change))
            for film in _films(cases)
        }
        changed = [
            Case(case.finding, after[case.one.image_id], after[case.other.image_id])
            for case in cases
        ]
        return self.explained(self.work.methods, changed)

    def copies(
        self, criterion: OfCopies, methods: Mapping[str, Method], cases: Sequence[Case]
    ) -> Iterator[tuple[Copied, Framed]]:
        """Maps of the films of some cases by every copy, some films at a time."""
        model, findings = self._opened(self.name), _findings(cases)
        samples, images, _ = read_films(model, _films(cases))
        if not samples:
            return
        targets = [model.findings.index(finding) for finding in findings]
        draws = [Draw(model, criterion.drawing, number) for number in range(criterion.draws)]
        chosen = (steps(model, criterion.order), draws)
        geometry = geometry_of(self.judged)
        for copied, found in explain_copies(methods, model, images, targets, chosen, self._memory):
            here = samples[copied.batch]
            yield copied, explained(found, geometry, here, findings, self.options.side)

    def _asked(self, finding: str) -> list[Sample]:
        """Of the whole data set, so that all models that judge it are asked about the same."""
        films = [
            sample
            for sample in self.judged.judging.films.samples
            if self.options.films == "all" or sample.labels.get(finding) is True
        ]
        if self.options.images is None or len(films) <= self.options.images:
            return films
        entropy = (self.options.seed, zlib.crc32(f"{self.data}\n{finding}".encode()))
        drawn = np.random.default_rng(entropy).permutation(len(films))[: self.options.images]
        return [films[index] for index in sorted(drawn)]

    @property
    def _memory(self) -> int | None:
        return parse_memory(self.work.experiment.explain.memory)


def _films(cases: Sequence[Case]) -> list[Sample]:
    found = {film.image_id: film for case in cases for film in (case.one, case.other)}
    return list(found.values())


def _findings(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.finding for case in cases))
