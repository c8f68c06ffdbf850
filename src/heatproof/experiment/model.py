"""``[[models]]`` of an experiment file: where a model comes from, and how it is trained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from heatproof.experiment.settings import Identity, Name, Seed, SettingsTable, unique
from heatproof.types import Outputs

if TYPE_CHECKING:
    from heatproof.models import Model
    from heatproof.models.card import ModelCard


@dataclass(frozen=True)
class InMemory:
    """A model that is there already, and its card."""

    model: "Model"
    card: "ModelCard"


class Scaling(SettingsTable):
    """How a film becomes the image that the network sees: by these parts, or by a transform.

    Attributes:
        geometry: ``squash(height=..., width=...)`` stretches, ``letterbox(...)`` pads,
            ``center_crop(..., resize=...)`` cuts; each resamples by its ``interpolation``.
        channels: 1, or 3 equal ones.
        mean: What is subtracted from each channel, or from all; images are in [0, 1] before.
        std: What each channel, or all, is divided by afterwards.
        before: Intensity transforms of the film, such as ``"clahe(clip=2.0)"``, in order.
        after: Those of the canvas, such as ``"z_score"``, before mean and std.
        transform: ``"file.py:name"`` or ``"package.module:name"`` of a function, or of what
            torchvision, timm, albumentations or MONAI compose, instead of all these.
        takes: What the transform takes, where its library does not say: ``"film"`` (float32 ``h w``
            in [0, 1]), ``"grey"`` or ``"rgb"`` (Pillow), ``"bytes"``, ``"channel_first"`` or
            ``"xray"``.
        back: The geometry of the transform, by which maps go back; found where nothing is said.
    """

    geometry: str | None = None
    channels: Annotated[int, pydantic.Field(ge=1, le=1000)] = 3
    mean: list[float] = []
    std: list[float] = []
    before: list[str] = []
    after: list[str] = []
    transform: Name | None = None
    takes: Name | None = None
    back: Name | None = None

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> "Scaling":
        if self.transform is None:
            if not (self.geometry and self.mean and self.std):
                raise ValueError("scaling needs geometry, mean and std, or a transform")
            if self.takes or self.back:
                raise ValueError("takes and back are about a transform: say which")
        elif more := self.model_fields_set - {"transform", "takes", "back"}:
            raise ValueError(
                f"a transform does all of the scaling: leave out {', '.join(sorted(more))}"
            )
        return self


class Training(SettingsTable):
    """How a classifier is trained here.

    Attributes:
        data: Name of the data that trains.
        validation: Name of the data that stops the training and selects checkpoints.
        start: Name of an earlier model whose backbone is the start.
        weights: What the backbone starts with: ``"random"``, ``"imagenet"`` (through timm), or the
            path of a state dict.  A list is tried in order; the card says which it was.
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


class Sampling(SettingsTable):
    """Which part of its training data a model sees, or saw where it was trained elsewhere.

    Attributes:
        fraction: Share of the patients, in (0, 1].
        prevalence: Share of films on which a finding is present, in (0, 1), reached by leaving
            films out; None leaves it as it is.
        permuted: Whether labels are shuffled among the films, so that nothing can be learned.
        seed: Seed of the draw; the same for all replicates.
    """

    fraction: Annotated[float, pydantic.Field(gt=0, le=1)] = 1.0
    prevalence: Annotated[float, pydantic.Field(gt=0, lt=1)] | None = None
    permuted: bool = False
    seed: Seed = 0


class Pool(SettingsTable):
    """The checkpoints from which an ensemble is chosen, and how many are chosen.

    Attributes:
        of: Names of earlier models; the name of a model with replicates stands for all of them.  A
            model that is trained here brings all checkpoints that its training keeps.
        best: Number of checkpoints taken for each finding: those with the highest AUROCs on
            validation.
    """

    of: Annotated[list[Name], pydantic.Field(min_length=1)]
    best: Annotated[int, pydantic.Field(ge=1)] = 10


class ModelEntry(SettingsTable):
    """A classifier (a card, a user's module, or trained here), a localizer, or an ensemble.

    Attributes:
        name: What reports call it.
        group: Models that share it are judged as one, each film by one of them (cross-fitting).
        data: Names of the data that it judges; all by default, and none where the list is empty.
        judges: Metadata that a film must have to be judged by it, such as ``{fold = "1"}``.
        trained_on: Films with these values in their metadata, in any data set, trained the model;
            a report warns when it judges their patients, and when nothing is said here.
        tuned_on: The same for the films that stopped or selected it.
        card: A folder written by ``heatproof train``.
        module: ``"file.py:function"`` or ``"package.module:function"`` that returns an
            ``nn.Module``, called with ``arguments`` (those that name files: relative to this file).
            With a training it is trained up to its features, and ``head`` stands behind these.
        arguments: Arguments of the function that returns the module.
        features: Dotted name of the layer whose output is the feature grid, or ``"auto"`` for the
            last one; only methods that look at features need it.
        findings: Names of the logits, in order.
        scaling: The preprocessing that the module expects.
        outputs: ``"probabilities"`` where the module ends in a sigmoid or a softmax; ``"softmax"``
            where it gives logits of classes that exclude each other.
        output: Index, key or attribute of the logits where the module returns several tensors.
        expect: What you saw it give for a few films, logits or probabilities: a CSV with a column
            ``image_id`` and one for each finding.  It is compared before any work.
        id: Identity of the module, for reports.
        backbone: Spec of a backbone to train.
        head: Spec of its head.
        localizer: Spec of a localizer to train, with the annotations of its data.
        ensemble: Earlier models whose probabilities and maps are averaged.
        training: How to train it.
        sampling: Which part of its training data it sees.
        architectures: Specs of several backbones to train alike, instead of ``backbone``.
        seeds: Replicates: each is trained once with each of these.
        in_memory: The model itself, where Python code and no file describes the experiment.
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
    output: int | str | None = None
    expect: str | dict[str, Any] | None = None
    id: Identity | None = None
    backbone: str | None = None
    head: str = "linear"
    localizer: str | None = None
    ensemble: Pool | None = None
    training: Training | None = None
    sampling: Sampling = Sampling()
    architectures: list[str] = []
    seeds: list[Seed] = []
    # Excluded fields are not offered as keys of the file in messages.
    in_memory: pydantic.InstanceOf[InMemory] | None = pydantic.Field(default=None, exclude=True)

    @pydantic.model_validator(mode="after")
    def _one_origin(self) -> "ModelEntry":
        if wrong := [*self._contradictions()]:
            raise ValueError("\n".join(wrong))
        return self

    def _contradictions(self) -> Iterator[str]:
        """What its keys, taken together, leave out or say twice."""
        kinds = ("card", "module", "backbone", "architectures", "localizer", "ensemble")
        if sum(bool(getattr(self, kind)) for kind in (*kinds, "in_memory")) != 1:
            yield f"model {self.name!r} needs one of {', '.join(kinds[:-1])} or {kinds[-1]}"
        if self.ensemble and (self.training or self.scaling or self.findings):
            yield (
                f"model {self.name!r} is an ensemble: training, scaling and findings are those of"
                " its members"
            )
        if self.expect is not None and (self.made_here or self.localizer):
            yield (
                f"model {self.name!r} is made by the run, so nobody has seen its outputs: expect is"
                " for a card or a module"
            )
        for key in ("architectures", "seeds"):
            unique(f"{key} of model {self.name!r}", list(map(str, getattr(self, key))))
        if self.seeds and (self.training is None or "seed" in self.training.settings):
            yield (
                f"model {self.name!r} has seeds, which are those of its training; say either seeds"
                " or a seed in its settings"
            )
        yield from self._of_module() if self.module else self._of_no_module()

    def _of_module(self) -> Iterator[str]:
        if self.training is None:
            lacking = [key for key in ("findings", "scaling", "id") if not getattr(self, key)]
            if lacking:
                yield (
                    f"model {self.name!r} is a module: say its findings, scaling and id (without"
                    f" {' and '.join(lacking)} here)"
                )
            return
        # A head of heatproof replaces what follows the features, so the module's own outputs do not
        # count.
        if not (self.features and self.scaling) or self.findings or self.id:
            yield (
                f"model {self.name!r} is a module that is trained here: say its features and"
                " scaling; findings and id are those of its training"
            )
        if self.training.weights != "random":
            yield (
                f"model {self.name!r} is a module, which comes with its weights: leave weights"
                " out, or name their file in its arguments"
            )

    def _of_no_module(self) -> Iterator[str]:
        if self.outputs != "logits" or self.output is not None:
            yield f"model {self.name!r} is no module: outputs and output say what a module gives"
        if (self.backbone or self.architectures) and not self.training:
            yield f"model {self.name!r} is a backbone: say its training"
        if self.localizer and not self.training:
            yield f"model {self.name!r} is a localizer: say its training"

    @property
    def made_here(self) -> bool:
        """Whether a run makes it before it judges anything."""
        return bool(self.training or self.ensemble)

    @property
    def randomizable(self) -> bool:
        """Whether it judges films by one network whose weights can be drawn, as far as is told.

        A card may turn out to be that of an ensemble or a localizer once it is opened.
        """
        return not self.localizer and not self.ensemble and self.data != []

    def replicates(self, entries: Mapping[str, "ModelEntry"]) -> "list[ModelEntry]":
        """One model for each architecture and seed; the entry itself where neither is given.

        A model that starts from one with replicates starts from that of its own seed and
        architecture.

        Args:
            entries: All models of the experiment by name.
        """
        architectures: list[str | None] = [*self.architectures] or [None]
        seeds: list[int | None] = [*self.seeds] or [None]
        return [
            self._replicate(architecture, seed, entries)
            for architecture in architectures
            for seed in seeds
        ]

    def _replicate(
        self, architecture: str | None, seed: int | None, entries: Mapping[str, "ModelEntry"]
    ) -> "ModelEntry":
        changes: dict[str, Any] = {
            "name": self._of_replicate(self.name, architecture, seed),
            # Members of one group stay cross-fitted: replicates of the same seed share a group.
            "group": self.group and self._of_replicate(self.group, architecture, seed),
            "architectures": [],
            "seeds": [],
            "backbone": architecture or self.backbone,
        }
        if self.ensemble is not None:
            changes["ensemble"] = self._with_replicates(self.ensemble, entries)
        if self.training is not None:
            settings, start = self.training.settings, self.training.start
            if start is not None and start in entries:
                start = entries[start]._of_replicate(start, architecture, seed)
            if seed is not None:
                settings = settings | {"seed": seed}
            update = {"settings": settings, "start": start}
            changes["training"] = self.training.model_copy(update=update)
        return self.model_copy(update=changes)

    def _of_replicate(self, name: str, architecture: str | None, seed: int | None) -> str:
        """The name, followed by what distinguishes the replicate from the others of this entry."""
        parts = [architecture] if self.architectures and architecture else []
        parts += [f"seed {seed}"] if self.seeds and seed is not None else []
        return ", ".join([name, *parts])

    @staticmethod
    def _with_replicates(pool: Pool, entries: Mapping[str, "ModelEntry"]) -> Pool:
        """The pool with all replicates of its members; unknown names stay, to be refused later."""
        members: list[str] = []
        for name in pool.of:
            entry = entries.get(name)
            if entry is None or entry.ensemble is not None:
                members.append(name)
            else:
                members += [replicate.name for replicate in entry.replicates(entries)]
        return pool.model_copy(update={"of": members})
