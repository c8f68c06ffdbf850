"""The models of an experiment, opened one at a time, and the films that each of them judges."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from heatproof.data.geometry import geometries
from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import Films, matching
from heatproof.experiment.judging import Judging, shared_findings
from heatproof.experiment.model import Model, Scaling
from heatproof.models import Model as Explained
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models import weights
from heatproof.models.adapter import Adapted, load_module, with_head
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier
from heatproof.models.ensemble import Ensemble
from heatproof.models.localizers import Localizer
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.saliency import Method, check_methods
from heatproof.saliency.forward import held_still
from heatproof.tables.units import digest
from heatproof.types import ModelId, Sample

# Explained by saliency methods, one after the other likewise, or with maps of its own.
AnyModel = Explained | Ensemble | Localizer[Any]


Opener = Callable[[], tuple[AnyModel, ModelCard, Path | None]]  # what ``open_model`` gives


def open_model(
    experiment: Experiment, model: Model, data: Mapping[str, Films], trained: Path | None = None
) -> tuple[AnyModel, ModelCard, Path | None]:
    """The model, its card, and ``trained``: the folder of one that was trained here.

    Raises:
        ModelError: Its module, weights or card do not fit together.
    """
    if model.ensemble is not None and trained is not None:
        return *ensembles.load(trained), trained
    if trained is not None:
        return *open_trained(experiment, model, trained), trained
    if model.card is not None:
        folder = experiment.folder / model.card
        is_ensemble = (folder / ensembles.ENSEMBLE).is_file()
        return *(ensembles.load(folder) if is_ensemble else cards.load(folder)), None
    return *_open_module(experiment, model, data), None


def open_trained(
    experiment: Experiment, model: Model, folder: Path
) -> tuple[Classifier | Localizer[Any], ModelCard]:
    """A model that was trained here, from its folder; raises ModelError."""
    if model.module is None:
        return cards.load(folder)
    return cards.load(folder, own_classifier(experiment, model, cards.read_card(folder).findings))


def own_classifier(
    experiment: Experiment, model: Model, findings: Sequence[str], seed: int = 0
) -> Classifier:
    """A module of the user's with a head of ours behind its features.

    Raises:
        ModelError: No such module, or no features on a grid.
    """
    if not (model.module and model.features and model.scaling):
        raise ModelError(f"model {model.name!r} lacks features or scaling")
    network, _ = _own_module(experiment, model, seed)
    preprocessing = preprocessing_of(model.scaling)
    return with_head(network, model.features, model.head, findings, preprocessing, seed)


def own_code(experiment: Experiment, model: Model) -> str:
    """Changes with a module of the user's: its file, what it is called with, and its weights."""
    network, code = _own_module(experiment, model)
    return digest(code, checksum(network))


def preprocessing_of(scaling: Scaling) -> Preprocessing:
    """As an experiment file says it; raises SpecError or ModelError."""
    return Preprocessing(
        geometries.parse(scaling.geometry),
        scaling.channels,
        tuple(scaling.mean),
        tuple(scaling.std),
    )


def check_model(
    experiment: Experiment,
    judgings: Sequence[Judging],
    model: Model,
    data: Mapping[str, Films],
    methods: Mapping[str, Method],
) -> ModelId:
    """Open a model, try it on a black film, and see whether it fits; raises HeatproofError."""
    opened, card, _ = open_model(experiment, model, data)
    for judging in judgings:
        if judging.model == model.name:
            shared_findings(model.name, card.findings, judging.films)
    if isinstance(opened, Explained):
        check_methods(methods, opened)
        black = np.zeros(opened.preprocessing.size, np.float32)
        with held_still(opened), torch.no_grad():
            opened.features_and_logits(opened.preprocessing.tensor(black)[None])
    return card.id


def _cohort(
    model: Model,
    values: Mapping[str, str | list[str]],
    data: Mapping[str, Films],
) -> Cohort:
    """The patients of the films with these values, over all data; empty where nothing is said."""
    if not values:
        return Cohort()
    where = f"models {model.name!r}, trained_on or tuned_on"
    seen: list[Sample] = []
    for films in data.values():
        keys = {key for sample in films.samples for key in sample.metadata}
        if set(values) <= keys:
            seen += matching(films, values, where)
    if not seen:
        raise ExperimentError(f"{where}: no film of any data set has {dict(values)}")
    return Cohort.of(", ".join(f"{key} {value}" for key, value in values.items()), seen)


def _open_module(
    experiment: Experiment, model: Model, data: Mapping[str, Films]
) -> tuple[Adapted, ModelCard]:
    if not (model.features and model.scaling and model.id):
        raise ModelError(f"model {model.name!r} lacks features, scaling or id")
    network, code = _own_module(experiment, model)
    preprocessing = preprocessing_of(model.scaling)
    card = ModelCard(
        id=ModelId(
            **model.id.model_dump(),
            checkpoints=(checksum(network), code),
        ),
        findings=tuple(model.findings),
        preprocessing=preprocessing,
        pretrained="unknown",
        trained_on=_cohort(model, model.trained_on, data),
        tuned_on=_cohort(model, model.tuned_on, data),
    )
    return Adapted(network, model.features, model.findings, preprocessing, model.outputs), card


def _own_module(experiment: Experiment, model: Model, seed: int = 0) -> tuple[nn.Module, str]:
    """What the user's function returns, and a digest of its file and its arguments."""
    place, _, function = (model.module or "").rpartition(":")
    if place.endswith(".py"):
        place = str(experiment.folder / place)
    arguments = {key: _resolved(experiment.folder, value) for key, value in model.arguments.items()}
    with seeded(seed):
        network = load_module(f"{place}:{function}", **arguments)
    code = weights.checksum(Path(place)) if place.endswith(".py") else ""
    return network, digest(model.module, arguments, code)


def identified(model: AnyModel, card: ModelCard) -> ModelCard:
    """The card of a model told apart from others with the same weights.

    What is explained is also the preprocessing, the layer, and the code that runs the weights.
    """
    network = model.network if isinstance(model, Adapted) else None
    recipe = digest(
        model.preprocessing.to_json(),
        () if isinstance(model, Localizer) else model.temperatures,
        (model.features, model.outputs) if isinstance(model, Adapted) else "",
        _source(network) if network is not None else "",
    )
    return replace(card, id=replace(card.id, checkpoints=(*card.id.checkpoints, recipe)))


def _source(network: nn.Module) -> str:
    """SHA-256 of the file that says what the network computes; empty where there is none."""
    code = getattr(network.forward, "__code__", None)
    file = Path(code.co_filename) if code else Path()
    return weights.checksum(file) if file.is_file() else ""


def checksum(network: nn.Module) -> str:
    """SHA-256 of the weights in memory: a module of the user's need not come from one file."""
    whole = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _resolved(folder: Path, value: Any) -> Any:
    """A string that names a file beside the experiment becomes its path."""
    if isinstance(value, str) and (folder / value).exists():
        return folder / value
    return value
