"""What is explained: a network that turns radiographs into logits, with its features in sight."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models.own_transform import AnyPreprocessing


class Model(nn.Module, ABC):
    """A network that can be explained; ``Classifier`` and ``Adapted`` are the two kinds.

    Attributes:
        findings: What its logits are of, in order.
        preprocessing: What makes its input of a film.
        uniform: Whether the logits depend on the features only through their spatial mean, so that
            gradients with respect to the features are the same everywhere on the grid.
        has_class_map: Whether ``class_map`` can be read out.
        memory_format: In which its images are laid out in memory.
        lacks: Why it has no ``features``, ``feature gradients`` or ``input gradients``, as clauses,
            by what it has not.
        temperatures: Temperatures of calibration, one per finding; empty for 1.
    """

    findings: tuple[str, ...]
    preprocessing: AnyPreprocessing
    uniform: bool
    has_class_map: bool
    memory_format: torch.memory_format = torch.channels_last  # in which convolutions are faster
    lacks: Mapping[str, str] = MappingProxyType({})
    temperatures: tuple[float, ...] = ()

    def probabilities(self, logits: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Calibrated probabilities, in double precision: sigmoid(logit / temperature)."""
        if not self.temperatures:
            return logits.double().sigmoid()
        return (logits.double() / logits.new_tensor(self.temperatures).double()).sigmoid()

    @abstractmethod
    def features_and_logits(
        self, images: Float[Tensor, "n c h w"], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """Features and logits of one pass.

        Args:
            images: Preprocessed radiographs.
            cut: Detach the features from the images and make them a leaf, so that a gradient with
                respect to the features passes through the head alone and nothing below is kept.
        """

    @abstractmethod
    def head_logits(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of given features; only where ``uniform``."""

    def class_map_constant(self) -> Float[Tensor, " k"] | float:
        """What each logit has beside the mean of its class map, whatever the image."""
        return 0.0

    @abstractmethod
    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """One evidence map per finding, without another pass; only where ``has_class_map``."""


def wrapped(model: object) -> Model:
    """The same, if it is a model; raises ModelError for a bare network."""
    if isinstance(model, Model):
        return model
    kind = "a bare network" if isinstance(model, nn.Module) else "no model"
    raise ModelError(
        f"{type(model).__name__} is {kind}: which findings are its outputs, and how does a film"
        ' become its input? Say it: model = heatproof.wrap(network, ["Nodule"], size=224, mean=...,'
        " std=...)"
    )
