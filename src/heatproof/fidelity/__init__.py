"""Fidelity: is a map true to the model?

Whether a map finds a lesion says nothing of it: a model may look elsewhere, and a map that shows
this is true.  So these metrics look at no mask.  They hide what a map calls relevant, and ask
whether the model says something else.  ``metrics`` holds them, one file each; ``hiding`` what all
of them share; ``measure`` measures the maps of several methods, each beside chance.
"""

from heatproof.fidelity.measure import Measured, measure
from heatproof.fidelity.metrics import FidelityMetric, fidelities
from heatproof.fidelity.truth import definition

__all__ = ["FidelityMetric", "Measured", "definition", "fidelities", "measure"]
