"""Backbones: networks without their classifier, as ordered named blocks.

A backbone is a frozen part; called, it builds the network of that name from timm,
whose ``forward_features`` equals the composition of the blocks.  Blocks are the units in which
weights are randomized and at which a pass can be resumed.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from heatproof.errors import ModelError, UnreachableError, near_misses
from heatproof.models.weights import read_state
from heatproof.registry import Registry


@dataclass(frozen=True)
class Grid:
    """The form of the features that a backbone makes.

    Attributes:
        channels: Number of channels of the features.
        stride: Pixels of the input from cell to cell.
        signed: False where the features follow the last ReLU, so that all are >= 0.
        prefix: Tokens that belong to no place (of transformers).
    """

    channels: int
    stride: int
    signed: bool
    prefix: int = 0


class Backbone(nn.Sequential):
    """Named blocks in order, from images ``n c h w`` to features ``n d y x``.

    Args:
        blocks: In order, by name.
        grid: What comes out.
        pretrained: Where the weights came from, in words.
    """

    def __init__(self, blocks: dict[str, nn.Module], grid: Grid, pretrained: str) -> None:
        super().__init__(OrderedDict(blocks))
        self.grid = grid
        self.pretrained = pretrained


@runtime_checkable
class Architecture(Protocol):
    """Builds a backbone.

    ``weights`` is ``"random"``, ``"imagenet"`` (timm's default weights of that name, which are
    downloaded), or the path of a state dict of timm's network.
    """

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """The network with so many input channels and those weights; raises ModelError."""
        ...


backbones: Registry[Architecture] = Registry("backbone", __name__, "heatproof.backbones")
NAMED_WEIGHTS = ("random", "imagenet")  # all others are files


def timm_network(
    name: str, in_chans: int, weights: str, without: Sequence[str] = (), **options: Any
) -> tuple[Any, str]:
    """The network of timm without classifier, and in words where its weights came from.

    Args:
        name: Name of the network in timm.
        in_chans: Channels of the input.
        weights: See ``Architecture``.
        without: Modules beside the classifier that are no part of the backbone.  They are removed,
            and their weights not loaded.
        options: Options of the network in timm, such as ``output_stride``.

    Raises:
        UnreachableError: The weights cannot be downloaded.
        ModelError: They cannot be read, or are of another network.
    """
    import timm  # a second, and 0.2 GB, that runs without a network do without

    options = {"in_chans": in_chans, "num_classes": 0, **options}
    if weights == "imagenet":
        try:
            network: Any = timm.create_model(name, pretrained=True, **options)
        except (OSError, RuntimeError) as error:
            raise UnreachableError(
                f"the ImageNet weights of {name} cannot be downloaded ({error}); give the path of"
                ' a weights file, or weights="random"'
            ) from error
        _remove(network, without)
        tag = network.pretrained_cfg.get("tag", "")
        return network, f"imagenet (timm {name}.{tag})"
    network = timm.create_model(name, pretrained=False, **options)
    # Removed before weights are loaded, so that a file need not have those of these parts.
    _remove(network, without)
    if weights == "random":
        return network, "random"
    path = Path(weights)
    _load(network, name, in_chans, path, without)
    return network, f"file {path.name}"


def _remove(network: nn.Module, parts: Sequence[str]) -> None:
    for part in parts:
        setattr(network, part, nn.Identity())


def _load(network: Any, name: str, in_chans: int, path: Path, without: Sequence[str]) -> None:
    """Load a state dict of timm's network, with or without what the backbone leaves out."""
    from timm.models import adapt_input_conv

    state = read_state(path)
    first: str = network.pretrained_cfg["first_conv"] + ".weight"
    if first in state and state[first].shape[1] != in_chans:
        # As timm does with weights that it downloads.
        state[first] = adapt_input_conv(in_chans, state[first])
    left_out = tuple(f"{part}." for part in (network.pretrained_cfg["classifier"], *without))
    state = {key: value for key, value in state.items() if not key.startswith(left_out)}
    wanted = network.state_dict()
    for key in wanted:
        if key not in state:
            raise ModelError(f"{path}: lacks {key} of {name}; {near_misses(key, state)}")
        if state[key].shape != wanted[key].shape:
            raise ModelError(
                f"{path}: {key} has shape {tuple(state[key].shape)},"
                f" but {tuple(wanted[key].shape)} in {name}; is it another variant?"
            )
    if unknown := sorted(set(state) - set(wanted)):
        raise ModelError(f"{path}: {name} has no {unknown[0]} (and {len(unknown) - 1} more)")
    network.load_state_dict(state)
