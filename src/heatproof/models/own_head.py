"""A head of heatproof behind a layer of the user's network, to be trained."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import HeatproofError, ModelError, near_misses
from heatproof.models.backbones import Backbone, Grid
from heatproof.models.classifier import Classifier
from heatproof.models.heads import heads
from heatproof.models.layout import Layout, halves, measured
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.models.still import held_still
from heatproof.models.trial import failure, noise


class _Reached(BaseException):  # no error, and no network's own ``except`` catches it
    """Carries the output of a layer out of a network."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class UpTo(nn.Module):
    """A network up to a layer, whose output are the features.

    Args:
        network: A network that takes images.
        layer: Dotted name of the layer.
        layout: Of the output of the layer.
    """

    def __init__(self, network: nn.Module, layer: str, layout: Layout) -> None:
        super().__init__()
        self.network, self.layer, self.layout = network, layer, layout

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d y x"]:
        """The output of the layer, on its grid."""
        return self.layout.grid(_output(self.network, self.layer, images))


def _output(network: nn.Module, layer: str, images: Float[Tensor, "n c h w"]) -> Tensor:
    """What a layer gives; layers that come after it do not run."""

    def stop(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        raise _Reached(output)

    handle = network.get_submodule(layer).register_forward_hook(stop)
    try:
        network(images)
    except _Reached as reached:
        if isinstance(reached.output, Tensor):
            return reached.output
        kind = type(reached.output).__name__
        raise ModelError(f"layer {layer!r} gives {kind}; expected a tensor") from None
    except (HeatproofError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever the user's own code runs into
        raise ModelError(
            f"{type(network).__name__} fails on images of {failure(images, error)}"
        ) from error
    finally:
        handle.remove()
    raise ModelError(f"layer {layer!r} did not run; expected once")


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
    layers = [name for name, _ in network.named_modules() if name]
    if features not in layers:
        raise ModelError(
            f"{type(network).__name__} has no layer {features!r}; {near_misses(features, layers)}"
        )
    # Held still, so that these passes do not change the statistics of batch norm.
    with held_still(network), torch.no_grad():
        films = torch.split(halves(noise(preprocessing)), 1)
        outputs = torch.cat([_output(network, features, film) for film in films])
        layout, reason = measured(outputs, preprocessing.size)
    if layout is None:
        raise ModelError(f"layer {features!r} gives no features on a grid: {reason}")
    channels, stride = layout.grid(outputs).shape[1], round(preprocessing.size[0] / layout.rows)
    # Nothing is known of the last layer, so features count as signed.
    grid = Grid(channels, stride, signed=True, prefix=layout.before)
    backbone = Backbone({"network": UpTo(network, features, layout)}, grid, "of the user")
    with seeded(seed):
        built = heads.parse(head)(channels, len(findings))
    return Classifier(backbone, built, findings, preprocessing)
