"""Heat maps, put to the proof: can the saliency maps of a classifier be trusted?

The public API, loaded when first used: ``prove`` takes a model and films and writes a report;
``load_experiment`` and ``run_experiment`` do the same for an experiment file.  Films are a
``Manifest``, several of them ``Pooled``, ``CheXlocalize`` or ``Phantom``; a model is your own
network in an ``Adapted``, or what ``load_model`` finds in a folder.  ``open`` reads what a run
wrote.  What else there is stands in the registries: ``methods``, ``metrics``, ``datasets``,
``backbones``, ``heads``.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from heatproof.data.datasets import datasets
    from heatproof.data.datasets.chexlocalize import CheXlocalize
    from heatproof.data.datasets.manifest import Manifest
    from heatproof.data.datasets.phantom import Phantom
    from heatproof.data.datasets.pooled import Pooled
    from heatproof.data.geometry import Letterbox, Squash
    from heatproof.experiment.file import load as load_experiment
    from heatproof.localize import metrics
    from heatproof.models.adapter import Adapted
    from heatproof.models.backbones import backbones
    from heatproof.models.card import load as load_model
    from heatproof.models.heads import heads
    from heatproof.models.preprocessing import Preprocessing
    from heatproof.run.pipeline import run as run_experiment
    from heatproof.run.prove import prove
    from heatproof.runs.folder import open_run as open
    from heatproof.saliency import methods

__all__ = [
    "Adapted",
    "CheXlocalize",
    "Letterbox",
    "Manifest",
    "Phantom",
    "Pooled",
    "Preprocessing",
    "Squash",
    "__version__",
    "backbones",
    "datasets",
    "heads",
    "load_experiment",
    "load_model",
    "methods",
    "metrics",
    "open",
    "prove",
    "run_experiment",
]

_PLACES = {
    "Adapted": "models.adapter",
    "CheXlocalize": "data.datasets.chexlocalize",
    "Letterbox": "data.geometry",
    "Manifest": "data.datasets.manifest",
    "Phantom": "data.datasets.phantom",
    "Pooled": "data.datasets.pooled",
    "Preprocessing": "models.preprocessing",
    "Squash": "data.geometry",
    "backbones": "models.backbones",
    "datasets": "data.datasets",
    "heads": "models.heads",
    "load_experiment": "experiment.file:load",
    "load_model": "models.card:load",
    "methods": "saliency.methods",
    "metrics": "localize.metrics",
    "open": "runs.folder:open_run",
    "prove": "run.prove",
    "run_experiment": "run.pipeline:run",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: ``heatproof --help`` need not wait for torch."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)
