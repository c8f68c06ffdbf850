"""Trained weights with their card: safetensors, and beside them JSON that says what they are.

A folder holds ``card.json`` and ``weights-<sha256>.safetensors``.  The card is written last and
names its weights by checksum, each file is moved into place whole, so that a folder is always
readable: with the old model until the new one is complete.

Patients appear as hashes: enough to notice that a model is judged on patients it has seen, without
writing their identifiers down.  (Short identifiers can be guessed from hashes; a card is no secret
keeper.)
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import safetensors
import safetensors.torch
from torch import Tensor

from heatproof.disk import sealed, unsealed, write_whole
from heatproof.errors import HeatproofError, ModelError, SpecError, near_misses
from heatproof.models.classifier import Classifier, build
from heatproof.models.localizers import Localizer
from heatproof.models.localizers import build as build_localizer
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.weights import checksum, read_state
from heatproof.types import ModelId, Sample

CARD = "card.json"
FORMAT = 1


def hash_patient(patient: str) -> str:
    """The name of a patient (``Sample.cluster``) on a card: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(patient.encode()).hexdigest()[:16]


def _hashed(samples: Iterable[Sample]) -> set[str]:
    """Patients as cards know them: by one name, whether or not a run gives them pseudonyms."""
    return {hash_patient(sample.replaces or sample.cluster) for sample in samples}


@dataclass(frozen=True)
class Cohort:
    """The patients that a model has seen.

    Attributes:
        data: Name of the data set.
        patients: Hashed, sorted, each once.
    """

    data: str = ""
    patients: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: str, samples: Iterable[Sample]) -> "Cohort":
        """The patients of some samples."""
        return cls(data, tuple(sorted(_hashed(samples))))

    @classmethod
    def together(cls, cohorts: Iterable["Cohort"]) -> "Cohort":
        """The patients of all cohorts; empty, that is unknown, where one of them is."""
        every = list(cohorts)
        if not all(cohort.patients for cohort in every):
            return cls()
        patients = {patient for cohort in every for patient in cohort.patients}
        data = "; ".join(dict.fromkeys(cohort.data for cohort in every))
        return cls(data, tuple(sorted(patients)))

    def shared(self, samples: Iterable[Sample]) -> int:
        """How many patients of some samples are in this cohort."""
        return len(self.among(samples))

    def among(self, samples: Iterable[Sample]) -> set[str]:
        """The patients of some samples that are in this cohort, hashed."""
        return _hashed(samples) & set(self.patients)


@dataclass(frozen=True)
class Regions:
    """The annotations that trained a localizer, or guided the class map of a classifier.

    Attributes:
        kind: ``"boxes"`` or ``"masks"``.
        source: Whose annotations.
        images: On how many of the images that trained it something is marked.
    """

    kind: Literal["boxes", "masks"]
    source: str
    images: int


@dataclass(frozen=True)
class ModelCard:
    """What is known about a trained model.

    Attributes:
        id: What distinguishes it from others.  A localizer has its spec for an architecture, and no
            head.
        findings: What it tells, in order.
        preprocessing: What its input has gone through.
        pretrained: Where its backbone started from, in words.
        trained_on: Whom its weights were fitted to.
        tuned_on: Whom it was tuned or selected on.
        temperatures: Temperatures of calibration on ``tuned_on``, one per finding; empty for 1.
        metrics: Metrics by name, measured on ``tuned_on`` unless the name says otherwise.
        regions: Of a localizer, or of a guided class map.
        aside: Films of training and validation that could not be read, and so taught nothing.
    """

    id: ModelId
    findings: tuple[str, ...]
    preprocessing: AnyPreprocessing
    pretrained: str = "random"
    trained_on: Cohort = Cohort()
    tuned_on: Cohort = Cohort()
    temperatures: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    regions: Regions | None = None
    aside: tuple[str, ...] = ()

    @property
    def localizes(self) -> bool:
        """Whether the model is a localizer, which has no head besides its own."""
        return self.regions is not None and not self.id.head


def save(model: Classifier | Localizer[Any], card: ModelCard, folder: Path) -> ModelCard:
    """Write weights and card; the card returned carries the checksum of the weights.

    Raises:
        ModelError: The card describes another model, or the disk is full.
    """
    if card.findings != model.findings or card.preprocessing != model.preprocessing:
        raise ModelError("the card has other findings or another preprocessing than the model")
    if isinstance(model, Localizer) != card.localizes:
        raise ModelError(
            "the card of a localizer says its regions and no head; that of a classifier, its head"
        )
    try:
        return _written(model, card, folder)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"cannot write to {folder}: {error}; a model that was there before is whole"
        ) from error


def _written(model: Classifier | Localizer[Any], card: ModelCard, folder: Path) -> ModelCard:
    # safetensors takes contiguous tensors alone, and weights may be in channels_last.
    content = safetensors.torch.save({k: v.contiguous() for k, v in model.state_dict().items()})
    digest = hashlib.sha256(content).hexdigest()
    weights = folder / _weights_name(digest)
    write_whole(weights, content)
    card = replace(card, id=replace(card.id, checkpoints=(digest,)))
    write_whole(folder / CARD, sealed(_to_json(card)))
    # The old card named the old weights until it was replaced.
    for old in folder.glob("weights-*.safetensors"):
        if old != weights:
            old.unlink()
    return card


def load(
    folder: Path, network: Classifier | None = None
) -> tuple[Classifier | Localizer[Any], ModelCard]:
    """The model and the card of a folder, in evaluation mode.

    Args:
        folder: Folder of the model.
        network: Gets the weights, where the backbone is a module of the user's: a folder holds no
            code, and none is run because a card says so.

    Raises:
        ModelError: No card, a damaged one, damaged weights, or weights of another model.
    """
    card = read_card(folder)
    return with_weights(folder, card, read_weights(folder, card), network), card


def read_weights(folder: Path, card: ModelCard) -> dict[str, Tensor]:
    """The weights that a card names, checked against its digest.

    They are mapped from the file, and take no memory of their own until they are copied.

    Raises:
        ModelError: They are gone, damaged or were replaced.
    """
    return read_state(_whole_weights(folder, card))


def with_weights(
    folder: Path,
    card: ModelCard,
    weights: Mapping[str, Tensor],
    network: Classifier | None = None,
) -> Classifier | Localizer[Any]:
    """The model of a card, in evaluation mode, with a copy of its weights.

    Args:
        folder: Folder of the model, for messages.
        card: Describes the model.
        weights: What ``read_weights`` returned.
        network: Gets the weights, as in ``load``.

    Raises:
        ModelError: The weights are those of another model.
    """
    model = _built(card) if network is None else _described(network, card)
    # A network that is built from its card starts at random, and would say so.
    model.backbone.pretrained = card.pretrained
    file, wanted = folder / _weights_name(card.id.checkpoints[0]), model.state_dict()
    for name in sorted(set(weights) ^ set(wanted)):
        side = "lacks" if name in wanted else "has an unknown"
        raise ModelError(
            f"{file}: {side} {name}; the card says {_parts(card)}, are the weights of another"
            " architecture?"
        )
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise ModelError(
                f"{file}: {name} has shape {tuple(tensor.shape)}, the card describes"
                f" {tuple(wanted[name].shape)} ({len(card.findings)} findings)"
            )
    model.load_state_dict(weights)
    return model


def _built(card: ModelCard) -> Classifier | Localizer[Any]:
    """The network that the card describes, before its weights are loaded."""
    assert isinstance(card.preprocessing, Preprocessing)  # a card in a folder holds no code
    if card.localizes:
        return build_localizer(card.id.architecture, card.findings, card.preprocessing)
    try:
        model = build(card.id.architecture, card.id.head, card.findings, card.preprocessing)
    except SpecError as error:
        raise ModelError(
            f"cannot build {_parts(card)} from its card alone: {error}; a module of the user's is"
            " opened by the experiment that trained it"
        ) from error
    model.temperatures = card.temperatures
    return model


def _described(network: Classifier, card: ModelCard) -> Classifier:
    """The user's network as the card describes it; its weights are compared by name afterwards."""
    for name in ("findings", "preprocessing"):
        if getattr(network, name) != getattr(card, name):
            raise ModelError(
                f"the network has {name} {getattr(network, name)}, its card says"
                f" {getattr(card, name)}"
            )
    network.temperatures = card.temperatures
    return network.eval()


def _parts(card: ModelCard) -> str:
    return " + ".join(filter(None, (card.id.architecture, card.id.head)))


def read_card(folder: Path) -> ModelCard:
    """The card of a folder alone; raises ModelError."""
    path = folder / CARD
    try:
        # Cards of earlier versions carry no digest.
        values = unsealed(path.read_bytes(), required=False)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; is {folder} the folder of a model?") from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a card as it was written ({error}); where you changed it yourself, remove"
            " its sha256"
        ) from error
    return _from_json(values, path)


def check_whole(folder: Path) -> None:
    """Look whether a folder holds a card and its weights as they were written.

    Raises:
        ModelError: One of them is gone, damaged or was replaced.
    """
    _whole_weights(folder, read_card(folder))


def _whole_weights(folder: Path, card: ModelCard) -> Path:
    """The file of the weights that a card names; raises ModelError."""
    named = card.id.checkpoints[0]
    weights = folder / _weights_name(named)
    if not weights.is_file():
        raise ModelError(f"{weights}: no such file, but {folder / CARD} names it")
    if (found := checksum(weights)) != named:
        raise ModelError(
            f"{weights}: its SHA-256 is {found[:12]}..., the card says {named[:12]}...; the file is"
            " damaged or was replaced"
        )
    return weights


def _weights_name(digest: str) -> str:
    return f"weights-{digest[:16]}.safetensors"


def _to_json(card: ModelCard) -> dict[str, Any]:
    values = {name: getattr(card, name) for name in _FIELDS}
    if card.regions is None:
        del values["regions"]
    if not card.aside:
        del values["aside"]
    for name in _RECORDS.keys() & values.keys():
        values[name] = dataclasses.asdict(values[name])
    del values["id"]["chosen"]  # an ensemble has no card, its members have
    # JSON has no nan.
    values["metrics"] = {k: None if math.isnan(v) else v for k, v in card.metrics.items()}
    return {"format": FORMAT, **values, "preprocessing": card.preprocessing.to_json()}


def _from_json(values: dict[str, Any], path: Path) -> ModelCard:
    if values.pop("format", None) != FORMAT:
        raise ModelError(f"{path}: not a model card of format {FORMAT}")
    values.setdefault("regions", None)  # which a classifier's card leaves out
    values.setdefault("aside", [])  # which the card of a training without damage leaves out
    _check_names(values, [*_FIELDS, "preprocessing"], f"{path}:")
    read: dict[str, Any] = {"preprocessing": _preprocessing(values["preprocessing"], path)}
    for name, adapter in _FIELDS.items():
        if name in _RECORDS and isinstance(values[name], dict):
            fields = [field.name for field in dataclasses.fields(_RECORDS[name])]
            fields = [field for field in fields if field != "chosen"]
            if name == "id":
                values[name].pop("randomized", None)  # which cards of earlier versions have
            _check_names(values[name], fields, f"{path}: {name}")
        try:
            read[name] = adapter.validate_python(values[name])
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in (name, *first["loc"]))
            raise ModelError(f"{path}: {where}: {first['msg']}, not {first['input']!r}") from error
    read["metrics"] = {k: math.nan if v is None else v for k, v in read["metrics"].items()}
    card = ModelCard(**read)
    if len(card.id.checkpoints) != 1:
        raise ModelError(f"{path}: names {len(card.id.checkpoints)} checkpoints; expected 1")
    if len(card.temperatures) not in {0, len(card.findings)}:
        raise ModelError(
            f"{path}: has {len(card.temperatures)} temperatures for {len(card.findings)} findings"
        )
    return card


def _preprocessing(values: Any, path: Path) -> Preprocessing:
    try:
        return Preprocessing.from_json(values)
    except HeatproofError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: preprocessing: {values!r} cannot be read ({error!r}); expected geometry,"
            " channels, mean and std, as Preprocessing.to_json writes them"
        ) from error


def _check_names(values: dict[str, Any], known: list[str], where: str) -> None:
    for name in values:
        if name not in known:
            raise ModelError(f"{where} has an unknown field {name!r}; {near_misses(name, known)}")
    if missing := [name for name in known if name not in values]:
        raise ModelError(f"{where} lacks {', '.join(missing)}")


PositiveFinite = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
_RECORDS: dict[str, type[Any]] = {
    "id": ModelId, "trained_on": Cohort, "tuned_on": Cohort, "regions": Regions,
}  # fmt: skip
_FIELDS: dict[str, pydantic.TypeAdapter[Any]] = {
    "id": pydantic.TypeAdapter(ModelId),
    "findings": pydantic.TypeAdapter(tuple[str, ...]),
    "pretrained": pydantic.TypeAdapter(str),
    "trained_on": pydantic.TypeAdapter(Cohort),
    "tuned_on": pydantic.TypeAdapter(Cohort),
    "temperatures": pydantic.TypeAdapter(tuple[PositiveFinite, ...]),
    "metrics": pydantic.TypeAdapter(dict[str, float | None]),
    "regions": pydantic.TypeAdapter(Regions | None),
    "aside": pydantic.TypeAdapter(tuple[str, ...]),
}
