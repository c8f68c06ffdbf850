"""Stage: probabilities and maps of every film that a model judges."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import Float

from heatproof.data.threads import MOST
from heatproof.errors import ModelError
from heatproof.experiment.workspace import Workspace
from heatproof.models.ensemble import Ensemble
from heatproof.models.localizers import Localizer
from heatproof.preparation.opening import AnyModel
from heatproof.progress import Progress
from heatproof.saliency import Explanation, explain
from heatproof.saliency.ensemble import explain_ensemble
from heatproof.saliency.localizer import localize
from heatproof.saliency.memory import parse_memory
from heatproof.stages.blocks import Block, map_rows, prediction_rows
from heatproof.stages.reading import ReadFilms, read_ahead
from heatproof.types import Sample


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
        read = read_ahead(pool, model, left)
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
    return not suspects or not suspects & set(work.made.read([block.made(spec)]).frame["image_id"])


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
