"""Stage: what is measured of maps that do not stay, block by block, while they are in memory.

The units are those that the stages after it write, by the same code and under the same names, so
that these find them done.
"""

from collections.abc import Sequence
from dataclasses import replace

from heatproof.experiment.workspace import Workspace
from heatproof.maps.passing import PassingStore
from heatproof.progress import Silent
from heatproof.stages.blocks import Block, Judged
from heatproof.stages.loop import Unit, make
from heatproof.stages.scoring import MapsToScore, maps_of, score
from heatproof.stages.structures import units_of


class Passing:
    """The units of scores and of structures of one assignment, by block.

    Args:
        work: The experiment, whose maps do not all stay.
        judged: The assignment.
    """

    def __init__(self, work: Workspace, judged: Judged) -> None:
        self._work, self._store = work, work.store(judged.data)
        self._methods = judged.methods
        self._scores: dict[tuple[str, str], MapsToScore] = {
            (block.predicted, method): maps
            for method in judged.methods
            for block, maps in zip(
                judged.blocks,
                maps_of(work, replace(judged, methods=(method,))),
                strict=True,
            )
        }
        self._structures: dict[str, Unit] = {
            block.predicted: unit for block, unit in units_of(work, judged)
        }

    def lacking(self, block: Block) -> Sequence[str]:
        """The methods whose maps are asked for, since something that is made of them is missing."""
        structures = self._structures.get(block.predicted)
        if structures is not None and structures.name not in self._work.structures:
            return self._methods
        return [
            method
            for method in self._methods
            if self._scores[block.predicted, method].name not in self._work.scores
        ]

    def measure(self, block: Block, methods: Sequence[str]) -> None:
        """Make what is missing of a block, whose maps of these methods are held; let go of them."""
        score(self._work, [self._scores[block.predicted, m] for m in methods], Silent())
        if block.predicted in self._structures and len(methods) == len(self._methods):
            make([self._structures[block.predicted]], self._work.structures)
        if isinstance(self._store, PassingStore):
            self._store.let_go()
