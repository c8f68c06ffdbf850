"""``attribute``: maps of tensors, for those who call Captum today."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.devices import within_memory
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.memory import parse_memory
from heatproof.types import Validity

_IMAGES = 4  # axes of images


@within_memory("Say memory, such as memory='2GB', or move the model to the CPU")
def attribute(
    network: nn.Module,
    inputs: Tensor,
    method: str,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    features: str | None = "auto",
    memory: str | int | None = None,
) -> Float[Tensor, "n 1 y x"]:
    """Explain logits of a network on tensors: Captum's ``attribute``, with heatproof's methods.

    Args:
        network: Any module that maps images to outputs (n k); it is not changed, and explained in
            evaluation mode.
        inputs: Images of any size, preprocessed.
        method: Spec of a method, such as ``"integrated_gradients(steps=50)"``.
        target: Which output is explained: one index for all images, or one each; None where there
            is only one.
        features: Dotted name of the layer that methods of features explain; ``"auto"`` for the last
            that gives a grid.
        memory: As of ``heatproof.explain``.

    Returns:
        Raw signed relevance at the method's own resolution, on the device of the inputs.  Channels
        are added up or reduced as the method defines it, where Captum keeps them.

    Raises:
        MapError: A target does not exist, a map is not finite, or the method cannot explain the
            network.
        ModelError: The network gives something else than outputs (n k).

    Example:
        >>> import heatproof, torch
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
        >>> images = torch.rand(2, 1, 8, 8)
        >>> heatproof.attribute(network, images, "input_x_gradient", [0, 2]).shape
        torch.Size([2, 1, 8, 8])
    """
    if inputs.ndim != _IMAGES or not len(inputs):
        raise MapError(f"inputs have shape {tuple(inputs.shape)}; expected images n c h w")
    if isinstance(network, Model):
        model = network
    else:
        rows = inputs.is_contiguous()
        model = _model(network, tuple(inputs.shape[1:]), features, rows=rows)
    targets = _targets(target, len(inputs), len(model.findings))
    parts = {method: methods.parse(method)}
    limit = parse_memory(memory) if isinstance(memory, str) else memory
    maps: Tensor | None = None
    # Images of one target go through together.
    for one in dict.fromkeys(targets):
        rows = torch.tensor([row for row, each in enumerate(targets) if each == one])
        explanation = explain(parts, model, inputs[rows.to(inputs.device)], [one], limit)
        values = explanation.maps[method].values.detach()
        if any(row[0] is Validity.NOT_FINITE for row in explanation.validity[method]):
            raise MapError(f"{method} gives a map of output {one} that is not finite")
        if maps is None:
            maps = values.new_zeros(len(inputs), *values.shape[1:])
        maps[rows.to(values.device)] = values
    assert maps is not None
    return maps


def _targets(target: int | Sequence[int] | Tensor | None, images: int, outputs: int) -> list[int]:
    if target is None:
        if outputs != 1:
            raise MapError(f"the network has {outputs} outputs; say which: target=0")
        target = 0
    if isinstance(target, Tensor):
        target = target.tolist()
    each = [target] * images if isinstance(target, int) else [int(one) for one in target]
    if len(each) != images:
        raise MapError(f"{len(each)} targets for {images} images; expected one, or one each")
    return each


def _opened(
    network: nn.Module, shape: tuple[int, ...], features: str | None, *, rows: bool
) -> Model:
    """The network behind the interface of a model, for one shape of its input (c h w).

    ``rows``: whether images lie in memory channel by channel, as torch makes them.
    """
    channels, height, width = shape
    count = _outputs(network, shape)
    canvas = Preprocessing(Squash(height, width), channels, (0.0,), (1.0,))
    model = Adapted(network, features, [f"output {number}" for number in range(count)], canvas)
    if rows:  # to bring weights in another order costs more than it gains where images are small
        model.memory_format = torch.contiguous_format
    return model


# A network that is asked again need not be tried again; the last few are kept alive by that.
_model = lru_cache(maxsize=4)(_opened)


def _outputs(network: nn.Module, shape: tuple[int, ...]) -> int:
    training = network.training
    weight = next(network.parameters(), torch.zeros(0))
    with torch.no_grad():
        given = network.eval()(torch.zeros(1, *shape, dtype=weight.dtype, device=weight.device))
    network.train(training)
    if not isinstance(given, Tensor) or given.ndim not in (1, 2):
        raise MapError(
            f"the network gives {type(given).__name__}; expected outputs n k. With several tensors,"
            " say which: heatproof.wrap(network, ..., output=...)"
        )
    return given.shape[1] if given.ndim == 2 else 1  # noqa: PLR2004
