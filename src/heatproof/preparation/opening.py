"""Models, opened: from the folder of a card, the user's module, or memory."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heatproof.data.decoding.dicom import MOST_PIXELS
from heatproof.data.geometry import geometries
from heatproof.data.intensities import intensities
from heatproof.disk import exists
from heatproof.errors import ExperimentError, ModelError, PixelError
from heatproof.experiment.assignment import shared_findings
from heatproof.experiment.films import OpenedData, matching
from heatproof.experiment.model import ModelEntry, Scaling
from heatproof.experiment.workspace import Workspace
from heatproof.models import Model, weights
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models.adapter import Adapted
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.classifier import Classifier
from heatproof.models.ensemble import Ensemble
from heatproof.models.loading import load_function, load_module
from heatproof.models.localizers import Localizer
from heatproof.models.own_head import with_head
from heatproof.models.own_transform import AnyPreprocessing, NoWayBack, OwnTransform
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.models.still import held_still
from heatproof.models.trial import noise
from heatproof.preparation.code import check_code, check_transform
from heatproof.preparation.expected import check_expected, read_expected
from heatproof.saliency import check_methods
from heatproof.tables.units import digest
from heatproof.trust.criteria import OfCopies
from heatproof.trust.randomize import steps
from heatproof.types import ModelId, Sample

AnyModel = Model | Ensemble | Localizer[Any]
"""A model that saliency methods explain, several whose maps are averaged, or one that makes maps of
its own."""

_LOOKED_AT = 3  # films of a data set on which the place of a transform is tried
Opener = Callable[[], tuple[AnyModel, ModelCard, Path | None]]  # returns what ``open_model`` does


def open_model(
    folder: Path, entry: ModelEntry, data: Mapping[str, OpenedData], trained: Path | None = None
) -> tuple[AnyModel, ModelCard, Path | None]:
    """The model, its card, and the folder ``trained`` where the model was trained here.

    Args:
        folder: Where the relative paths of the experiment start.
        entry: The model in the experiment.
        data: Every data set, to find the patients that trained a module of the user's.
        trained: Folder of a model that was trained here.

    Raises:
        ModelError: The module, weights or card of the model do not fit together.
    """
    if entry.in_memory is not None:
        return entry.in_memory.model, entry.in_memory.card, None
    if entry.ensemble is not None and trained is not None:
        return *ensembles.load(trained), trained
    if trained is not None:
        return *open_trained(folder, entry, trained), trained
    if entry.card is not None:
        place = folder / entry.card
        is_ensemble = (place / ensembles.ENSEMBLE).is_file()
        return *(ensembles.load(place) if is_ensemble else cards.load(place)), None
    return *_open_module(folder, entry, data), None


def open_trained(
    folder: Path, entry: ModelEntry, trained: Path
) -> tuple[Classifier | Localizer[Any], ModelCard]:
    """A model that was trained here, from the folder ``trained``; raises ModelError."""
    if entry.module is None:
        return cards.load(trained)
    # A card holds no code: the module comes from the experiment, and its weights from the folder.
    return cards.load(trained, own_classifier(folder, entry, cards.read_card(trained).findings))


def own_classifier(
    folder: Path, entry: ModelEntry, findings: Sequence[str], seed: int = 0
) -> Classifier:
    """A module of the user's with a head of heatproof behind its features.

    Raises:
        ModelError: No such module, or no features on a grid.
    """
    if not (entry.module and entry.features and entry.scaling):
        raise ModelError(f"model {entry.name!r} lacks features or scaling")
    network, _ = _own_module(folder, entry, seed)
    preprocessing = parts_of(entry.scaling)
    return with_head(network, entry.features, entry.head, findings, preprocessing, seed)


def own_code(folder: Path, entry: ModelEntry) -> str:
    """A digest of a module of the user's: its file, what it is called with, and its weights."""
    network, code = _own_module(folder, entry)
    return digest(code, network_checksum(network))


def preprocessing_of(folder: Path, scaling: Scaling) -> AnyPreprocessing:
    """The preprocessing that an experiment file describes.

    Raises:
        ExperimentError: The experiment may not name its transform.
        SpecError: No such part.
        ModelError: The transform, or the parts together, cannot be used.
    """
    return parts_of(scaling) if scaling.transform is None else _own_transform(folder, scaling)


def _own_transform(folder: Path, scaling: Scaling) -> OwnTransform:
    check_transform(folder, scaling.transform or "")
    place, _, name = (scaling.transform or "").rpartition(":")
    source = f"{folder / place if place.endswith('.py') else place}:{name}"
    transform = load_function(source)
    return OwnTransform(transform, scaling.takes, scaling.back, scaling.transform or "")


def parts_of(scaling: Scaling) -> Preprocessing:
    """The preprocessing whose parts are named; raises SpecError, or ModelError for a transform."""
    if scaling.geometry is None:
        raise ModelError(
            f"transform = {scaling.transform!r}: a card holds no code, so that a model that is"
            " trained here needs a scaling of named parts (geometry, mean, std, before, after)"
        )
    preprocessing = Preprocessing(
        geometries.parse(scaling.geometry),
        scaling.channels,
        tuple(scaling.mean),
        tuple(scaling.std),
        tuple(map(intensities.parse, scaling.before)),
        tuple(map(intensities.parse, scaling.after)),
    )
    height, width = preprocessing.size
    if height * width > MOST_PIXELS:
        raise ModelError(
            f"geometry = {scaling.geometry!r}: {height} x {width} pixels, at most {MOST_PIXELS:,}"
        )
    return preprocessing


def check_model(work: Workspace, entry: ModelEntry) -> ModelId:
    """Open a model, try it on films of noise, and see whether it fits; raises HeatproofError."""
    model, card, _ = open_model(work.experiment.folder, entry, work.data)
    for assignment in work.assignments:
        if assignment.member == entry.name:
            # Called for its error alone, which would otherwise come after the trainings.
            shared_findings(entry.name, card.findings, assignment.films)
    if entry.expect is not None and not isinstance(model, Model):
        raise ModelError(
            "expect compares the outputs of one network, and this card holds"
            f" {'a localizer' if isinstance(model, Localizer) else 'an ensemble'}: leave expect out"
        )
    if isinstance(model, Model):
        if isinstance(model.preprocessing, OwnTransform):
            _check_places(work, entry, model.preprocessing)
        check_methods(work.methods, model)
        asked = {finding for one in work.assignments for finding in one.films.findings}
        _check_finite(model, asked)
        if entry.expect is not None:
            films = [sample for one in work.data.values() for sample in one.samples]
            said = read_expected(entry.expect, card.findings, work.experiment.folder)
            check_expected(model, said, films, entry.name)
        if work.randomizes and not work.experiment.asks_by_default:
            # Called for its error alone, which would otherwise come after everything is explained.
            for criterion in work.criteria.values():
                if isinstance(criterion, OfCopies):
                    steps(model, criterion.order)
    return card.id


def _check_finite(model: Model, asked: Collection[str]) -> None:
    """Raises ModelError where a logit that is asked for is not finite, or its gradient."""
    film = noise(model.preprocessing)[:1]
    # A model in memory may be on a GPU.
    device = next((p.device for p in model.parameters()), film.device)
    with held_still(model):
        film = film.to(device).requires_grad_("input gradients" not in model.lacks)
        logits = model(film)
        for index, finding in enumerate(model.findings):
            if finding not in asked:
                continue
            if not logits[0, index].isfinite():
                raise ModelError(
                    f"it gives {logits[0, index].item():g} for {finding!r} on a film of noise; do"
                    " its weights know this label?"
                )
            if film.requires_grad and not _gradient(logits[0, index], film).isfinite().all():
                raise ModelError(
                    f"the gradient of {finding!r} is not finite on a film of noise, though its"
                    " logit is: an output that is not defined may stand beside it (of"
                    " torchxrayvision, set op_threshs = None)"
                )


def _gradient(logit: Tensor, film: Tensor) -> Tensor:
    try:
        return torch.autograd.grad(logit, film, retain_graph=True)[0]
    except RuntimeError:
        return torch.zeros_like(film)  # a method that needs it says why


def _check_places(work: Workspace, entry: ModelEntry, preprocessing: OwnTransform) -> None:
    """See whether maps can be laid over films, on a few of them; raises ModelError."""
    assigned = [one for one in work.assignments if one.member == entry.name and one.explained]
    if assigned and isinstance(preprocessing.geometry, NoWayBack):
        raise preprocessing.geometry.unknown
    for assignment in assigned:
        for sample in assignment.samples[:_LOOKED_AT]:
            try:
                preprocessing.check_place(sample.pixels.read())
            except PixelError:
                continue  # which a run sets aside, and tells


def _cohort(
    entry: ModelEntry,
    values: Mapping[str, str | list[str]],
    data: Mapping[str, OpenedData],
) -> Cohort:
    """The patients of the films with these values, over all data; empty where nothing is said."""
    if not values:
        return Cohort()
    where = f"models {entry.name!r}, trained_on or tuned_on"
    seen: list[Sample] = []
    for films in data.values():
        keys = {key for sample in films.samples for key in sample.metadata}
        # ``matching`` refuses a key that no film has, and not every data set has to have it.
        if set(values) <= keys:
            seen += matching(films, values, where)
    if not seen:
        raise ExperimentError(f"{where}: no film of any data set has {dict(values)}")
    return Cohort.of(", ".join(f"{key} {value}" for key, value in values.items()), seen)


def _open_module(
    folder: Path, entry: ModelEntry, data: Mapping[str, OpenedData]
) -> tuple[Adapted, ModelCard]:
    if not (entry.scaling and entry.id):
        raise ModelError(f"model {entry.name!r} lacks scaling or id")
    network, code = _own_module(folder, entry)
    preprocessing = preprocessing_of(folder, entry.scaling)
    checkpoints = (network_checksum(network), code)
    card = ModelCard(
        id=ModelId(**entry.id.model_dump(), checkpoints=checkpoints),
        findings=tuple(entry.findings),
        preprocessing=preprocessing,
        pretrained="unknown",
        trained_on=_cohort(entry, entry.trained_on, data),
        tuned_on=_cohort(entry, entry.tuned_on, data),
    )
    read = (entry.outputs, entry.output)
    adapted = Adapted(
        network, entry.features, entry.findings, preprocessing, *read, identity=digest(*checkpoints)
    )
    return adapted, card


def _own_module(folder: Path, entry: ModelEntry, seed: int = 0) -> tuple[nn.Module, str]:
    """What the user's function returns, and a digest of its file and its arguments."""
    check_code(folder, entry.module or "")
    place, _, function = (entry.module or "").rpartition(":")
    if place.endswith(".py"):
        place = str(folder / place)
    arguments = {key: _resolved(folder, value) for key, value in entry.arguments.items()}
    # The function may draw weights at random, and they have to be the same each time it is called.
    with seeded(seed):
        network = load_module(f"{place}:{function}", **arguments)
    code = weights.checksum(Path(place)) if place.endswith(".py") else ""
    return network, digest(entry.module, arguments, code)


def identified(model: AnyModel, card: ModelCard) -> ModelCard:
    """The card of a model told apart from others with the same weights.

    What is explained is also the preprocessing, the layer, and the code that runs the weights.
    """
    network = model.network if isinstance(model, Adapted) else None
    recipe = digest(
        model.preprocessing.to_json(),
        () if isinstance(model, Localizer) else model.temperatures,
        _read(model) if isinstance(model, Adapted) else "",
        _source(network) if network is not None else "",
    )
    return replace(card, id=replace(card.id, checkpoints=(*card.id.checkpoints, recipe)))


def _read(model: Adapted) -> tuple[object, ...]:
    """What is read of a network of the user's."""
    outputs, output = model.readout.outputs, model.readout.output
    # An output that nobody names leaves the maps of earlier versions in their place.
    return (model.features, outputs) if output is None else (model.features, outputs, output)


def _source(network: nn.Module) -> str:
    """SHA-256 of the file that says what the network computes; empty where there is none."""
    code = getattr(network.forward, "__code__", None)
    file = Path(code.co_filename) if code else Path()
    return weights.checksum(file) if file.is_file() else ""


def network_checksum(network: nn.Module) -> str:
    """SHA-256 of the weights in memory: a module of the user's need not come from one file."""
    whole = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        for tensor in _tensors(value):
            # Bytes alone do not tell tensors of other names, types or shapes apart.
            whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _tensors(value: Any) -> Iterator[Tensor]:
    """The plain tensors in an entry of a state dict: quantized layers pack theirs in tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, Tensor) and value.is_quantized:
        yield from (value.int_repr(), value.dequantize())  # the latter has the scale
    elif isinstance(value, Tensor):
        yield value


def _resolved(folder: Path, value: Any) -> Any:
    """A string that names a file beside the experiment becomes its path."""
    if isinstance(value, str) and exists(folder / value):
        return folder / value
    return value
