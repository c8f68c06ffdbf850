"""Heat maps, put to the proof: can the saliency maps of a classifier be trusted?

The public API, loaded when first used.  ``wrap`` makes a model of your network, or ``load_model``
finds one in a folder.  For daily work, ``explain`` maps one film, ``score`` measures maps,
``measure_fidelity`` asks whether they are true to the model, ``measure_region_use`` whose fault a
failure is, and ``attribute`` explains tensors as
Captum does.  ``prove`` takes a model and films and writes a
report; ``load_experiment`` and ``run_experiment`` do the same for an experiment file.  Films are a
``Manifest``, several of them ``Pooled``, ``CheXlocalize`` or ``Phantom``.  ``open`` reads what a
run wrote.  What else there is stands in the registries: ``methods``, ``metrics``, ``datasets``,
``backbones``, ``heads``.
"""

import importlib
import importlib.util
from types import ModuleType
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
    from heatproof.interactive.asking import ask
    from heatproof.interactive.attributing import attribute
    from heatproof.interactive.explaining import explain
    from heatproof.interactive.fidelity_of_maps import measure_fidelity
    from heatproof.interactive.reader_study import compare_readers
    from heatproof.interactive.region_use_of_model import measure_region_use
    from heatproof.interactive.scoring import score
    from heatproof.interactive.wrapping import wrap
    from heatproof.localize import metrics
    from heatproof.models.adapter import Adapted
    from heatproof.models.backbones import backbones
    from heatproof.models.card import load as load_model
    from heatproof.models.heads import heads
    from heatproof.models.own_transform import OwnTransform
    from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
    from heatproof.run.pipeline import run as run_experiment
    from heatproof.run.prove import prove
    from heatproof.runs import folder as _runs
    from heatproof.saliency import methods

    open = _runs.open_run

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Adapted",
    "CheXlocalize",
    "Letterbox",
    "Manifest",
    "OwnTransform",
    "Phantom",
    "Pooled",
    "Preprocessing",
    "Squash",
    "__version__",
    "ask",
    "attribute",
    "backbones",
    "compare_readers",
    "datasets",
    "explain",
    "heads",
    "load_experiment",
    "load_model",
    "measure_fidelity",
    "measure_region_use",
    "methods",
    "metrics",
    "prove",
    "run_experiment",
    "score",
    "wrap",
]

# ``open`` is not among them: ``from heatproof import *`` would hide the builtin that opens files.
# ``heatproof.open`` is there all the same.
_PLACES = {
    "Adapted": "models.adapter",
    "CheXlocalize": "data.datasets.chexlocalize",
    "IMAGENET_MEAN": "models.preprocessing",
    "IMAGENET_STD": "models.preprocessing",
    "Letterbox": "data.geometry",
    "Manifest": "data.datasets.manifest",
    "OwnTransform": "models.own_transform",
    "Phantom": "data.datasets.phantom",
    "Pooled": "data.datasets.pooled",
    "Preprocessing": "models.preprocessing",
    "Squash": "data.geometry",
    "ask": "interactive.asking",
    "attribute": "interactive.attributing",
    "backbones": "models.backbones",
    "compare_readers": "interactive.reader_study",
    "datasets": "data.datasets",
    "explain": "interactive.explaining",
    "heads": "models.heads",
    "load_experiment": "experiment.file:load",
    "load_model": "models.card:load",
    "measure_fidelity": "interactive.fidelity_of_maps",
    "measure_region_use": "interactive.region_use_of_model",
    "methods": "saliency.methods",
    "metrics": "localize.metrics",
    "open": "runs.folder:open_run",
    "prove": "run.prove",
    "run_experiment": "run.pipeline:run",
    "score": "interactive.scoring",
    "wrap": "interactive.wrapping",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: ``heatproof --help`` need not wait for torch.

    The name of a criterion of trust is a function that asks it, such as ``randomization``.
    """
    if name not in _PLACES:
        # ``from heatproof import disk`` asks here before it looks for a module.
        if importlib.util.find_spec(f"{__name__}.{name}"):
            return _module(name)
        if not name.startswith("_") and name in (asking := _module("interactive.asking")).names():
            return asking.function(name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(_module(module), attribute or name)


def __dir__() -> list[str]:
    """What there is, also before it is loaded: notebooks complete names by it."""
    from heatproof.experiment.declared import CRITERIA, parts

    return sorted({*__all__, *_PLACES, *parts(CRITERIA)})


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except AttributeError as error:
        # Python would take it for "heatproof has no such attribute", and say nothing of the cause.
        raise ImportError(f"{__name__}.{name} cannot be imported: {_told(error)}") from error


def _told(error: AttributeError) -> str:
    """The error, and the file of the module that lacks something: it may hide one of a library."""
    if not isinstance(error.obj, ModuleType):
        return f"{type(error).__name__}: {error}"
    files = getattr(error.obj, "__file__", None) or ", ".join(getattr(error.obj, "__path__", ()))
    return f"{error} ({files}); does a file or folder of yours have the name of a library?"
