"""Which blocks lack maps: a unit says what was made, and the store whether it is still there."""

from collections.abc import Sequence

from heatproof.experiment.workspace import Workspace
from heatproof.stages.blocks import Block


def without_maps(work: Workspace, blocks: Sequence[Block], method: str) -> set[str]:
    """Names of the units of ``made`` that are missing, or whose maps the store does not hold.

    Args:
        work: The experiment.
        blocks: Films of one assignment.
        method: Spec of the method.
    """
    if not blocks:
        return set()
    versions = {image_id: version for block in blocks for image_id, version in block.versions}
    first = blocks[0]
    store = work.store(first.assignment.data)
    stale = set(store.missing(first.id, method, first.findings, versions))
    return {block.made(method) for block in blocks if not _is_made(work, block, method, stale)}


def _is_made(work: Workspace, block: Block, method: str, stale: set[str]) -> bool:
    if block.made(method) not in work.made:
        return False
    suspects = stale & {sample.image_id for sample in block.samples}
    if not suspects:
        return True
    # A film that was set aside has no map, and no row that says it should have one.
    return not suspects & set(work.made.read([block.made(method)]).frame["image_id"])
