"""Data randomization: does a map change when there was nothing to learn?

Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292, section 4.2: a model that was
trained on permuted labels is compared with one that was trained on the true ones.  A method whose
maps are alike explains neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("data_randomization")
@dataclass(frozen=True)
class DataRandomization:
    """Models of true and of permuted labels; seeds and settings of the training are free."""

    title: ClassVar[str] = "Data randomization"
    question: ClassVar[str] = "Does it need true labels?"
    explains: ClassVar[str] = (
        "A network that learned permuted labels gives a map that is as unlike that of true "
        "labels as maps of other films are."
    )
    must_differ: ClassVar[bool] = True
    in_python: ClassVar[str] = (
        "models by whether labels were permuted: {False: true, True: permuted}"
    )
    needs: ClassVar[str] = "two models of which one has sampling = { permuted = true }"

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """Those of true labels with those of permuted ones."""
        # False sorts before True, so the model of true labels stands first in every pair.
        ordered = sorted(models, key=lambda model: model.permuted)
        pairs = differing(ordered, "permuted", free=("seed", "settings"))
        return [(first, second, "") for first, second in pairs]
