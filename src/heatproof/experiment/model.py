"""The table of a model in an experiment file: where it comes from, and how it is trained."""

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from heatproof.experiment.settings import Identity, Name, Record, unique
from heatproof.models.adapter import Outputs


class Scaling(Record):
    """What a film goes through before the network sees it.

    Attributes:
        geometry: ``squash(height=..., width=...)`` stretches, ``letterbox(...)`` pads.
        channels: 1, or 3 equal ones.
        mean: Of each channel, or one for all; images are in [0, 1] before.
        std: Likewise.
    """

    geometry: str
    channels: int = 3
    mean: list[float]
    std: list[float]


class Training(Record):
    """How a classifier is trained here.

    Attributes:
        data: Name of the data that trains.
        validation: Name of the data that stops and selects.
        start: Name of an earlier model whose backbone is the start.
        weights: What the backbone starts with: ``"random"``, ``"imagenet"`` (through timm), or the
            path of a state dict.  Of several the first that can be had; the card says which it was.
        settings: Options of ``heatproof.train.Settings``.
    """

    data: Name
    validation: Name
    start: str | None = None
    weights: Name | Annotated[list[Name], pydantic.Field(min_length=1)] = "random"
    settings: dict[str, Any] = {}

    @pydantic.model_validator(mode="after")
    def _one_start(self) -> "Training":
        if self.start and self.weights != "random":
            raise ValueError(
                f"start = {self.start!r} and weights = {self.weights!r}: a backbone starts from one"
                " of them"
            )
        return self


class Sampling(Record):
    """What of its training data a model sees, or saw where it was trained elsewhere.

    Attributes:
        fraction: Share of the patients.
        prevalence: Share of films on which a finding is present, made by leaving films out.
        permuted: Whether labels are dealt out anew among the films, so that nothing can be learned.
        seed: Of what is drawn; the same for all replicates.
    """

    fraction: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    prevalence: Annotated[float, pydantic.Field(gt=0, lt=1)] | None = None
    permuted: bool = False
    seed: int = 0


class Pool(Record):
    """What an ensemble is chosen from, and how many are.

    Attributes:
        of: Names of earlier models; all replicates of those that have some.  Of a model that is
            trained here all checkpoints that its training keeps.
        best: Of each finding, the checkpoints with the highest AUROCs on validation.
    """

    of: Annotated[list[Name], pydantic.Field(min_length=1)]
    best: Annotated[int, pydantic.Field(ge=1)] = 10


class Model(Record):
    """A classifier (a card, a user's module, or trained here), a localizer, or an ensemble.

    Attributes:
        name: What reports call it.
        group: Models that share it are judged as one, each film by one of them (cross-fitting).
        data: Names of the data that it judges; all by default, and none where the list is empty.
        judges: Only films with these values in their metadata.
        trained_on: Films with these values in their metadata, in any data set, trained the model;
            a report warns when it judges their patients, and when nothing is said here.
        tuned_on: The same for the films that stopped or selected it.
        card: A folder written by ``heatproof train``.
        module: ``"file.py:function"`` or ``"package.module:function"`` that returns an
            ``nn.Module``, called with ``arguments`` (those that name files: relative to this file).
            With a training it is trained up to its features, and ``head`` stands behind these.
        arguments: Of the function that returns the module.
        features: Dotted name of the module whose output is the feature grid.
        findings: Names of the logits, in order.
        scaling: The preprocessing that the module expects.
        outputs: ``"probabilities"`` where the module ends in a sigmoid or a softmax.
        id: What the module is.
        backbone: Spec of a backbone to train.
        head: Spec of its head.
        localizer: Spec of a localizer to train, with the annotations of its data.
        ensemble: Of earlier models: mean probabilities and mean maps.
        training: How to train it.
        sampling: What of its training data it sees.
        architectures: Specs of several backbones to train alike, instead of ``backbone``.
        seeds: Replicates: each is trained once with each of these.
    """

    name: Name
    group: str | None = None
    data: list[str] | None = None
    judges: dict[str, str | list[str]] = {}
    trained_on: dict[str, str | list[str]] = {}
    tuned_on: dict[str, str | list[str]] = {}
    card: str | None = None
    module: str | None = None
    arguments: dict[str, Any] = {}
    features: str | None = None
    findings: list[str] = []
    scaling: Scaling | None = None
    outputs: Outputs = "logits"
    id: Identity | None = None
    backbone: str | None = None
    head: str = "linear"
    localizer: str | None = None
    ensemble: Pool | None = None
    training: Training | None = None
    sampling: Sampling = Sampling()
    architectures: list[str] = []
    seeds: list[int] = []

    @pydantic.model_validator(mode="after")
    def _one_origin(self) -> "Model":
        kinds = ("card", "module", "backbone", "architectures", "localizer", "ensemble")
        if sum(bool(getattr(self, kind)) for kind in kinds) != 1:
            raise ValueError(
                f"model {self.name!r} needs one of {', '.join(kinds[:-1])} or {kinds[-1]}"
            )
        if self.ensemble and (self.training or self.scaling or self.findings):
            raise ValueError(
                f"model {self.name!r} is an ensemble: training, scaling and findings are those of"
                " its members"
            )
        for key in ("architectures", "seeds"):
            unique(f"{key} of model {self.name!r}", list(map(str, getattr(self, key))))
        if self.seeds and (self.training is None or "seed" in self.training.settings):
            raise ValueError(
                f"model {self.name!r} has seeds, which are those of its training; say either seeds"
                " or a seed in its settings"
            )
        if self.module and self.training:
            if not (self.features and self.scaling) or self.findings or self.id:
                raise ValueError(
                    f"model {self.name!r} is a module that is trained here: say its features and"
                    " scaling; findings and id are those of its training"
                )
            if self.training.weights != "random":
                raise ValueError(
                    f"model {self.name!r} is a module, which comes with its weights: leave weights"
                    " out, or name their file in its arguments"
                )
        elif self.module and not (self.findings and self.scaling and self.id and self.features):
            raise ValueError(
                f"model {self.name!r} is a module: say its features, findings, scaling and id"
            )
        if self.outputs != "logits" and not self.module:
            raise ValueError(f"model {self.name!r} is no module: outputs says what a module gives")
        if (self.backbone or self.architectures) and not self.training:
            raise ValueError(f"model {self.name!r} is a backbone: say its training")
        if self.localizer and not self.training:
            raise ValueError(f"model {self.name!r} is a localizer: say its training")
        return self

    @property
    def made_here(self) -> bool:
        """Whether a run makes it before it judges anything."""
        return bool(self.training or self.ensemble)

    def replicates(self, models: Mapping[str, "Model"]) -> "list[Model]":
        """One model for each architecture and seed; itself where neither is given.

        One that starts from a model with replicates starts from that of its own seed and
        architecture.
        """
        architectures: list[str | None] = [*self.architectures] or [None]
        seeds: list[int | None] = [*self.seeds] or [None]
        return [self._replicate(one, seed, models) for one in architectures for seed in seeds]

    def _replicate(
        self, architecture: str | None, seed: int | None, models: Mapping[str, "Model"]
    ) -> "Model":
        changes: dict[str, Any] = {"name": self._called(architecture, seed)}
        changes["group"] = self.group and self._called(architecture, seed, self.group)
        changes |= {"architectures": [], "seeds": [], "backbone": architecture or self.backbone}
        if self.ensemble is not None:
            every: list[str] = []
            for name in self.ensemble.of:
                entry = models.get(name)
                if entry is None or entry.ensemble is not None:
                    every.append(name)  # which is no earlier model, and said to be none
                else:
                    every += [one.name for one in entry.replicates(models)]
            changes["ensemble"] = self.ensemble.model_copy(update={"of": every})
        if self.training is not None:
            training, start = self.training, models.get(self.training.start or "")
            settings = training.settings if seed is None else training.settings | {"seed": seed}
            called = training.start if start is None else start._called(architecture, seed)
            changes["training"] = training.model_copy(
                update={"settings": settings, "start": called}
            )
        return self.model_copy(update=changes)

    def _called(self, architecture: str | None, seed: int | None, name: str = "") -> str:
        """What distinguishes it from its siblings stands behind its name, or another."""
        parts = [architecture] if self.architectures and architecture else []
        parts += [f"seed {seed}"] if self.seeds and seed is not None else []
        return ", ".join([name or self.name, *parts])
