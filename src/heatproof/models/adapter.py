"""A user's own network, explained without being changed.

A network that is no backbone and head is split at a named layer: the layer's output are the
features.  It is read, and where asked replaced by a leaf, by one forward hook that lives as long as
one pass.  Gradients with respect to the features are taken through whatever follows the layer.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import HeatproofError, ModelError, near_misses
from heatproof.models import Model
from heatproof.models.backbones import Backbone, Grid
from heatproof.models.classifier import Classifier
from heatproof.models.heads import heads
from heatproof.models.loading import check_precision
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded

IMAGES = 4  # axes of images and of features on a grid
Outputs = Literal["logits", "probabilities"]


class Adapted(Model):
    """A user's network behind the interface of a ``Classifier``.

    Args:
        network: Maps images to logits, one per finding, in float32.
        features: Dotted name of the layer whose output are the features, such as ``"layer4"``.
        findings: Names of the logits.
        preprocessing: What the images have gone through.
        outputs: ``"probabilities"`` for a network that ends in a sigmoid or a softmax: its logits
            are then those of its probabilities.

    Raises:
        ModelError: The network has no layer of that name, or is none that can be explained.
    """

    uniform = False  # unknown, so not assumed
    has_class_map = False

    def __init__(
        self,
        network: nn.Module,
        features: str,
        findings: Sequence[str],
        preprocessing: AnyPreprocessing,
        outputs: Outputs = "logits",
    ) -> None:
        super().__init__()
        _check_network(network)
        _check_layer(network, features)
        self.network = network
        self.outputs = outputs
        self.features = features
        self.findings = tuple(findings)
        self.preprocessing = preprocessing

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The logits of the network."""
        try:
            logits = self.network(images)
        except HeatproofError:
            raise  # a method that refuses this network knows better why
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
            raise ModelError(
                f"{type(self.network).__name__} fails on images of shape {tuple(images.shape)}:"
                f" {error}; is its scaling (size, channels) right?"
            ) from error
        checked = self._checked(logits, len(images))
        return checked if self.outputs == "logits" else _logits(checked)

    def features_and_logits(
        self, images: Float[Tensor, "n c h w"], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """The output of the named layer and the logits, from one pass; see ``Model``."""
        with _tapped(self.network.get_submodule(self.features), cut) as seen:
            logits = self(images)
        # Of several outputs no single one is the features.
        if len(seen) != 1:
            raise ModelError(
                f"layer {self.features!r} ran {len(seen)} times in one pass; expected once"
            )
        if not isinstance(seen[0], Tensor) or seen[0].ndim != IMAGES:
            given = tuple(seen[0].shape) if isinstance(seen[0], Tensor) else type(seen[0]).__name__
            raise ModelError(
                f"layer {self.features!r} gives {given}; expected features on a grid (n d y x),"
                " so name a layer before the pooling"
            )
        return seen[0], logits

    def head_logits(
        self,
        features: Float[Tensor, "n d y x"],  # noqa: ARG002
    ) -> Float[Tensor, "n k"]:
        """Raises ModelError: the network is not split into backbone and head."""
        raise ModelError("an adapted network has no separate head")

    def class_map(
        self,
        features: Float[Tensor, "n d y x"],  # noqa: ARG002
    ) -> Float[Tensor, "n k y x"]:
        """Raises ModelError: the head is not known."""
        raise ModelError("an adapted network has no class map")

    def _checked(self, logits: Any, images: int) -> Tensor:
        if not isinstance(logits, Tensor):
            raise ModelError(
                f"{type(self.network).__name__} gives {type(logits).__name__}; expected a tensor"
                " of logits, so wrap it in a module that returns one"
            )
        if len(self.findings) == 1 and logits.shape == (images,):
            return logits[:, None]
        if logits.shape != (images, len(self.findings)):
            raise ModelError(
                f"{type(self.network).__name__} gives logits of shape {tuple(logits.shape)} for"
                f" {images} images; expected one per finding {list(self.findings)}. Name every"
                " output in findings, in order: those that no data set labels are not judged"
            )
        return logits


def _logits(probabilities: Tensor) -> Tensor:
    """The logits of probabilities; 0 and 1 count as the nearest numbers between them."""
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # also where one is nan
        low, high = probabilities.detach().aminmax()
        raise ModelError(f"outputs from {low:g} to {high:g} are no probabilities; are they logits?")
    return probabilities.logit(eps=torch.finfo(probabilities.dtype).eps)


class _Reached(Exception):  # noqa: N818 - no error
    """Carries the features out of a network, so that its later layers do not run."""

    def __init__(self, features: Any) -> None:
        super().__init__()
        self.features = features


class UpTo(nn.Module):
    """A network up to a layer, whose output is the features.

    Args:
        network: A network that takes images.
        layer: Dotted name of the layer.
    """

    def __init__(self, network: nn.Module, layer: str) -> None:
        super().__init__()
        self.network, self.layer = network, layer

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d y x"]:
        """The output of the layer."""

        def stop(_layer: nn.Module, _inputs: Any, output: Any) -> None:
            raise _Reached(output)

        handle = self.network.get_submodule(self.layer).register_forward_hook(stop)
        try:
            self.network(images)
        except _Reached as reached:
            features = reached.features
        else:
            raise ModelError(f"layer {self.layer!r} did not run; expected once")
        finally:
            handle.remove()
        if not isinstance(features, Tensor) or features.ndim != IMAGES:
            raise ModelError(
                f"layer {self.layer!r} gives no features on a grid (n d y x); name a layer before"
                " the pooling"
            )
        return features


def with_head(
    network: nn.Module,
    features: str,
    head: str,
    findings: Sequence[str],
    preprocessing: Preprocessing,
    seed: int = 0,
) -> Classifier:
    """A user's network with another head behind one of its layers, to be trained.

    Args:
        network: The user's network; its weights are shared, not copied.
        features: Dotted name of the layer whose output the head gets; what follows it is not used.
        head: Spec of the head, such as ``"wildcat(maps=8)"``.
        findings: Names of the logits.
        preprocessing: What the images have gone through.
        seed: Seed of the weights of the head.

    Raises:
        ModelError: The network has no such layer, or the layer gives no features on a grid.
        SpecError: No such head.
    """
    _check_layer(network, features)
    body, training = UpTo(network, features), network.training
    with torch.no_grad():
        # Evaluation mode keeps this pass from changing the statistics of batch norm.
        grid = body.eval()(torch.zeros(1, preprocessing.channels, *preprocessing.size))
    body.train(training)
    stride = round(preprocessing.size[0] / grid.shape[2])
    # Nothing is known of the last layer, so features count as signed.
    backbone = Backbone({"network": body}, Grid(grid.shape[1], stride, signed=True), "of the user")
    with seeded(seed):
        built = heads.parse(head)(grid.shape[1], len(findings))
    return Classifier(backbone, built, findings, preprocessing)


def _check_network(network: nn.Module) -> None:
    if isinstance(network, torch.jit.ScriptModule):
        raise ModelError(
            "a scripted network (TorchScript) lets nobody see its layers; bring the module that it"
            " was made of"
        )
    check_precision(network, torch.float32, torch.float64)


def _check_layer(network: nn.Module, layer: str) -> None:
    layers = [name for name, _ in network.named_modules() if name]
    if layer not in layers:
        raise ModelError(
            f"{type(network).__name__} has no layer {layer!r}; {near_misses(layer, layers)}"
        )


@contextmanager
def _tapped(layer: nn.Module, cut: bool) -> Iterator[list[Any]]:
    """A list that collects the output of a layer each time it runs inside the block."""
    seen: list[Any] = []

    def tap(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
        if cut and isinstance(output, Tensor):
            output = output.detach().requires_grad_()
        seen.append(output)
        # What follows may work in place (as torchvision's DenseNet does) and gets a copy.
        return output.clone() if isinstance(output, Tensor) else output

    handle = layer.register_forward_hook(tap)
    try:
        yield seen
    finally:
        handle.remove()
