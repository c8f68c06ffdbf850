"""Why the weights of a model cannot be drawn anew: randomization has to leave such a model out."""

from heatproof.errors import ModelError
from heatproof.models.ensemble import Ensemble
from heatproof.models.localizers import Localizer
from heatproof.preparation.opening import AnyModel
from heatproof.trust.randomize import blocks_of

IMPORTED = "its maps were imported, and its network is not here"


def why_undrawn(model: AnyModel) -> str:
    """The reason, as a clause that may end a sentence; empty for most models.

    It costs a network of the user's one pass.
    """
    if isinstance(model, Ensemble):
        return "it is an ensemble, whose maps are means over networks"
    if isinstance(model, Localizer):
        return "it is a localizer, whose maps are made by no saliency method"
    try:
        blocks_of(model)
    except ModelError as error:
        return str(error)
    return ""
