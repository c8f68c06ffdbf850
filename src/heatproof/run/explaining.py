"""Stage: probabilities and maps of every film that a model judges."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from heatproof.errors import ModelError, PixelError
from heatproof.explain import Explanation, Maps, explain, judge
from heatproof.explain.ensemble import explain_ensemble
from heatproof.explain.memory import parse_memory
from heatproof.models.card import ModelCard
from heatproof.models.ensemble import Ensemble
from heatproof.models.localizers import Localizer
from heatproof.run.films import blocks
from heatproof.run.judges import AnyModel, Judging, shared_findings
from heatproof.run.progress import Progress
from heatproof.run.threads import MOST
from heatproof.run.units import digest
from heatproof.run.workspace import Workspace
from heatproof.types import ModelId, Sample, Validity

BLOCK = 32  # films in a unit: what a killed run may lose
# Films as the model wants them, and those that cannot be read, with the reason.
ReadFilms = tuple[list[Sample], torch.Tensor, list[tuple[Sample, str]]]


@dataclass(frozen=True)
class Block:
    """One unit: some films of one data set, one model.

    Attributes:
        judging: Who judges what.
        id: Of the model.
        samples: The films.
        findings: What is explained.
    """

    judging: Judging
    id: ModelId
    samples: tuple[Sample, ...]
    findings: tuple[str, ...]

    @property
    def what(self) -> dict[str, str]:
        """The first columns of every row."""
        judging = self.judging
        return {"data": judging.films.name, "group": judging.group, "model": judging.model}

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Of the films."""
        return [(sample.image_id, sample.pixels.version()) for sample in self.samples]

    @property
    def predicted(self) -> str:
        """Name of the unit of predictions."""
        labels = [sorted(sample.labels.items()) for sample in self.samples]
        clusters = [sample.cluster for sample in self.samples]
        return digest(
            "predict", self.what, str(self._id), self.versions, labels, clusters, self.findings
        )

    def made(self, method: str) -> str:
        """Name of the unit of one method's maps."""
        return digest("explain", self.what, str(self._id), self.versions, method, self.findings)

    @property
    def _id(self) -> list[Any]:
        return [getattr(self.id, name) for name in self.id.__dataclass_fields__]


@dataclass(frozen=True)
class Judged:
    """What came of one model and one data set: everything the later stages ask for.

    Attributes:
        judging: Who judged what.
        id: Of the model.
        card: None where maps were imported without a model.
        blocks: The units.
        methods: What made the maps: specs of saliency methods, or that of a localizer.
        trained: Folder of a model that was trained in this experiment.
    """

    judging: Judging
    id: ModelId
    card: ModelCard | None
    blocks: tuple[Block, ...]
    methods: tuple[str, ...]
    trained: Path | None = None


def blocks_of(judging: Judging, card: ModelCard) -> tuple[Block, ...]:
    """The units of one judging."""
    findings = shared_findings(judging.model, card.findings, judging.films)
    return tuple(
        Block(judging, card.id, samples, findings) for samples in blocks(judging.samples, BLOCK)
    )


def methods_of(work: Workspace, model: AnyModel) -> tuple[str, ...]:
    """What makes its maps: a localizer makes its own, which no saliency method explains."""
    return (model.spec.method,) if isinstance(model, Localizer) else tuple(work.methods)


def explain_films(
    work: Workspace, model: AnyModel, todo: Sequence[Block], progress: Progress
) -> None:
    """Make what is missing of these blocks."""
    stale = {spec: _stale(work, todo, spec) for spec in methods_of(work, model)}
    lacking = [_lacking(work, block, stale) for block in todo]
    left = [
        block.samples for block, missing in zip(todo, lacking, strict=True) if missing is not None
    ]
    with ThreadPoolExecutor(MOST) as pool:
        read = _read_ahead(pool, model, left)
        for block, missing in zip(todo, lacking, strict=True):
            if missing is not None:
                _explain_block(work, model, block, missing, next(read))
            progress.advance(skipped=missing is None)


def _lacking(work: Workspace, block: Block, stale: Mapping[str, set[str]]) -> list[str] | None:
    """The methods whose maps are missing; None where predictions are there as well."""
    chosen = stale if block.judging.explained else {}
    missing = [spec for spec in chosen if not _is_made(work, block, spec, stale[spec])]
    return missing if missing or block.predicted not in work.predictions else None


def _stale(work: Workspace, todo: Sequence[Block], spec: str) -> set[str]:
    """Films of which the store has no map, or one of the film as it was at another time."""
    if not todo or not todo[0].judging.explained:
        return set()
    versions = {image_id: version for block in todo for image_id, version in block.versions}
    first = todo[0]
    store = work.store(first.what["data"])
    return set(store.missing(first.id, spec, first.findings, versions))


def _is_made(work: Workspace, block: Block, spec: str, stale: set[str]) -> bool:
    if block.made(spec) not in work.made:
        return False
    suspects = stale & {sample.image_id for sample in block.samples}
    # A film that was set aside has no map, and no row that says it should have one.
    return not suspects or not suspects & set(work.made.read([block.made(spec)])["image_id"])


def _explain_block(
    work: Workspace, model: AnyModel, block: Block, missing: Sequence[str], read: ReadFilms
) -> None:
    samples, images, aside = read
    targets = [model.findings.index(finding) for finding in block.findings]
    found = _explained(work, model, images, targets, missing) if samples else None
    if len(samples) > 1 and found is not None and not found.logits.isfinite().any():
        raise ModelError(
            f"model {block.judging.model!r} gives no finite logit on {len(samples)} films of"
            f" {block.judging.films.name!r}; are its weights or its scaling broken?"
        )
    for spec in missing:
        _keep_maps(work, block, spec, samples, found)
    if block.predicted in work.predictions:
        return  # only maps were missing
    rows: list[dict[str, Any]] = []
    if found is not None:
        probabilities = found.probabilities[:, targets].tolist()
        rows += prediction_rows(block, samples, block.findings, probabilities)
    rows += [
        {**block.what, "image_id": sample.image_id, "cluster": sample.cluster, "reason": reason}
        for sample, reason in aside
    ]
    work.predictions.put(block.predicted, rows)


def _explained(
    work: Workspace,
    model: AnyModel,
    images: Float[torch.Tensor, "n c h w"],
    targets: Sequence[int],
    methods: Sequence[str],
) -> Explanation:
    if isinstance(model, Localizer):
        return localize(model, images, targets)
    memory = parse_memory(work.experiment.explain.memory)
    chosen = {spec: work.methods[spec] for spec in methods}
    if isinstance(model, Ensemble):
        return explain_ensemble(chosen, model, images, targets, memory)
    return explain(chosen, model, images, targets, memory)


def localize(
    model: Localizer[Any], images: Float[torch.Tensor, "n c h w"], targets: Sequence[int]
) -> Explanation:
    """What a localizer in evaluation mode says of images, by its own method.

    Where it finds nothing the map is zero, and validity says so.  Logits are those of its
    probabilities, and finite: of 0 and 1 those of the nearest numbers between.
    """
    device = next(model.parameters()).device
    with torch.no_grad():
        # One at a time: what it says of a film is then the same, to the last digit, in any company.
        found = [model(image) for image in torch.split(images.to(device), 1)]
    probabilities = torch.cat([one.probabilities for one in found]).double()
    maps = Maps(torch.cat([one.maps[:, list(targets)] for one in found]))
    method = model.spec.method
    return Explanation(
        probabilities.logit(eps=torch.finfo(torch.float64).eps),
        probabilities,
        {method: maps},
        {method: judge(maps, probabilities[:, list(targets)].isfinite())},
    )


def read_films(model: AnyModel, samples: Sequence[Sample]) -> ReadFilms:
    """Films, one after the other."""
    return _together(samples, (_read(model, sample) for sample in samples))


def _read_ahead(
    pool: ThreadPoolExecutor, model: AnyModel, blocks: Sequence[Sequence[Sample]]
) -> Iterator[ReadFilms]:
    """Block by block; those of the next are read while the model, on a GPU, is at work on one."""
    before = None
    for samples in blocks:
        here = samples, pool.map(partial(_read, model), samples)
        if before is not None:
            yield _together(*before)
        before = here
    if before is not None:
        yield _together(*before)


def _read(model: AnyModel, sample: Sample) -> torch.Tensor | PixelError:
    try:
        return model.preprocessing.tensor(sample.pixels.read())
    except PixelError as error:
        return error


def _together(samples: Sequence[Sample], found: Iterable[torch.Tensor | PixelError]) -> ReadFilms:
    readable, images, aside = [], [], []
    for sample, one in zip(samples, found, strict=True):
        if isinstance(one, PixelError):
            aside.append((sample, str(one)))
        else:
            readable.append(sample)
            images.append(one)
    return readable, torch.stack(images) if images else torch.empty(0), aside


def _keep_maps(
    work: Workspace,
    block: Block,
    spec: str,
    samples: Sequence[Sample],
    found: Explanation | None,
) -> None:
    rows = []
    if found is not None:
        values, validity = found.maps[spec].values.float().cpu().numpy(), found.validity[spec]
        work.store(block.what["data"]).put(
            block.id,
            spec,
            block.findings,
            [sample.image_id for sample in samples],
            values,
            validity,
            [sample.pixels.version() for sample in samples],
        )
        rows = list(map_rows(block, spec, samples, block.findings, values, validity))
    work.made.put(block.made(spec), rows)


def map_rows(
    block: Block,
    spec: str,
    samples: Sequence[Sample],
    findings: Sequence[str],
    values: Float[np.ndarray, "n k y x"],
    validity: Sequence[Sequence[Validity]],
) -> Iterator[dict[str, Any]]:
    """One row per map."""
    for sample, row in zip(samples, validity, strict=True):
        for finding, valid in zip(findings, row, strict=True):
            yield {
                **block.what,
                "image_id": sample.image_id,
                "finding": finding,
                "method": spec,
                "validity": valid.value,
                "height": values.shape[2],
                "width": values.shape[3],
            }


def prediction_rows(
    block: Block,
    samples: Sequence[Sample],
    findings: Sequence[str],
    probabilities: Sequence[Sequence[float]],
) -> Iterator[dict[str, Any]]:
    """One row per film and finding."""
    for sample, row in zip(samples, probabilities, strict=True):
        for finding, probability in zip(findings, row, strict=True):
            yield {
                **block.what,
                "image_id": sample.image_id,
                "cluster": sample.cluster,
                "finding": finding,
                "label": sample.labels.get(finding),
                "probability": probability,
            }
