"""Stage: probabilities and maps of every film that a model sees."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from jaxtyping import Float

from heatproof.data.threads import readers
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
from heatproof.stages.loop import complete
from heatproof.stages.made import without_maps
from heatproof.stages.passing import Passing
from heatproof.stages.read_ahead import ReadFilms, begin_reading
from heatproof.types import Sample


def methods_of(work: Workspace, model: AnyModel) -> tuple[str, ...]:
    """Specs of the methods that make the maps of a model: a localizer makes its own."""
    return (model.spec.method,) if isinstance(model, Localizer) else tuple(work.methods)


def looks_at_features(work: Workspace) -> bool:
    """Whether any map has the resolution of the features."""
    coarse = ("class map", "features", "feature gradients")
    return any(method.needs in coarse for method in work.methods.values())


def explain_films(
    work: Workspace,
    model: AnyModel,
    blocks: Sequence[Block],
    progress: Progress,
    passing: Passing | None = None,
) -> None:
    """Make what is missing of the blocks of one assignment.

    A block is a unit of several tables: its maps go into the store, their rows into ``made``, and
    its probabilities into ``predictions``.  The films of the next block are read while the model,
    on a GPU, is at work on one.

    Args:
        work: The experiment.
        model: The model.
        blocks: Its films.
        progress: Hears of every block.
        passing: What is measured of the maps of a block before they go; None where they stay.
    """
    missing = _missing(work, model, blocks, passing)

    def is_done(block: Block) -> bool:
        if block.predicted in missing and work.leases:
            # Another worker may have made it meanwhile.
            missing.pop(block.predicted)
            missing.update(_missing(work, model, [block], passing))
        return block.predicted not in missing

    def write(block: Block, wait: Callable[[], ReadFilms]) -> None:
        told = partial(_tell, progress, block.assignment.member)
        methods = missing[block.predicted]
        _explain_block(work, model, block, methods, wait(), told)
        if passing is not None:
            passing.measure(block, methods)

    # ``side_by_side`` would hold the model to one thread of torch, too.
    with ThreadPoolExecutor(readers()) as pool:
        complete(
            blocks,
            name=lambda block: block.predicted,
            is_done=is_done,
            # Reading only begins in the pool, and ``write`` waits for it outside: threads that
            # waited for tasks of their own pool could wait forever.
            read=lambda block: begin_reading(
                pool, model, block.films, block.samples, work.prepared
            ),
            write=write,
            progress=progress,
            pool=pool,
            leases=work.leases,
        )


def _tell(progress: Progress, member: str, share: float) -> None:
    progress.tell(f"{member}: {share:.0%} of these films", share)


def _missing(
    work: Workspace, model: AnyModel, blocks: Sequence[Block], passing: Passing | None
) -> dict[str, Sequence[str]]:
    """The methods whose maps are missing, for every block that lacks maps or predictions.

    The keys are the names of the blocks' units of predictions.
    """
    # Films that only choose a threshold are predicted and not explained.
    explained = bool(blocks) and blocks[0].assignment.explained
    methods = methods_of(work, model) if explained else ()
    lacking = {method: without_maps(work, blocks, method) for method in methods}
    missing: dict[str, Sequence[str]] = {}
    for block in blocks:
        asked = passing.lacking(block) if passing is not None else ()
        of_block = [m for m in methods if block.made(m) in lacking[m] or m in asked]
        if of_block or block.predicted not in work.predictions:
            missing[block.predicted] = of_block
    return missing


def _explain_block(
    work: Workspace,
    model: AnyModel,
    block: Block,
    methods: Sequence[str],
    read: ReadFilms,
    told: Callable[[float], None],
) -> None:
    """Write the maps of these methods, and the predictions unless they are there."""
    samples, images, aside = read
    targets = [model.findings.index(finding) for finding in block.findings]
    explanation = _explained(work, model, images, targets, methods, told) if samples else None
    # A single film may have no finite logit; several without any are a broken model.
    if explanation is not None and len(samples) > 1 and not explanation.logits.isfinite().any():
        raise ModelError(
            f"model {block.assignment.member!r} gives no finite logit on {len(samples)} films of"
            f" {block.assignment.data!r}; are its weights or its scaling broken?"
        )
    for method in methods:
        _keep_maps(work, block, method, samples, explanation)
    if block.predicted in work.predictions:
        return  # only maps were missing, as where a method was added
    rows: list[dict[str, Any]] = []
    if explanation is not None:
        probabilities = explanation.probabilities[:, targets].tolist()
        rows += prediction_rows(block, samples, block.findings, probabilities)
    rows += [
        {
            **block.columns,
            "image_id": sample.image_id,
            "cluster": sample.cluster,
            "reason": block.films.told(sample, reason),
        }
        for sample, reason in aside
    ]
    work.predictions.put(block.predicted, rows)


def _explained(
    work: Workspace,
    model: AnyModel,
    images: Float[torch.Tensor, "n c h w"],
    targets: Sequence[int],
    methods: Sequence[str],
    told: Callable[[float], None],
) -> Explanation:
    """Maps, logits and probabilities of some images."""
    if isinstance(model, Localizer):
        return localize(model, images, targets)
    memory = parse_memory(work.experiment.explain.memory)
    parts = {method: work.methods[method] for method in methods}
    if isinstance(model, Ensemble):
        return explain_ensemble(parts, model, images, targets, memory, told)
    return explain(parts, model, images, targets, memory, told)


def _keep_maps(
    work: Workspace,
    block: Block,
    method: str,
    samples: Sequence[Sample],
    explanation: Explanation | None,
) -> None:
    """Put the maps of one method into the store, and say in ``made`` that they are there."""
    rows = []
    if explanation is not None:
        values = explanation.maps[method].values.float().cpu().numpy()
        validity = explanation.validity[method]
        work.store(block.assignment.data).put(
            block.id,
            method,
            block.findings,
            [sample.image_id for sample in samples],
            values,
            validity,
            [block.films.version(sample) for sample in samples],
        )
        rows = list(map_rows(block, method, samples, block.findings, values, validity))
    # Maps that did not stay may be made again for what is measured of them; the rows are the same.
    if block.made(method) not in work.made:
        # They come after the maps, so that a killed run leaves no row of a map that is not stored.
        work.made.put(block.made(method), rows)
