"""Randomization: copies of a model whose weights are drawn anew, block by named block.

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, https://arxiv.org/abs/1810.03292.
Blocks are those of the backbone and its head, down to the one with the first convolution; of a
user's own network its named children (``blocks_of``).  In ``cascading`` order they are drawn
cumulatively from the head down, ``bottom_up`` from the first convolution up, ``independent`` one at
a time, ``whole`` all at once; ``prompts`` draws no weight, but nonsense in the place of texts (of
``TextSimilarity``).  A copy shares all other weights with the model, which is not touched.

What drawing does to a layer, by default what PyTorch does when it makes one:

- weights and biases of convolutions and linear layers: as initialized;
- scale and shift of norms: ``reset`` to 1 and 0, or ``kept``;
- running statistics of batch norm: ``kept``, ``reset`` to 0 and 1 (as Venkatesh et al. 2024 did:
  activations then shrink from layer to layer, and what is left of a gradient is noise), or
  ``estimated`` anew on the explained films;
- parameters that no layer can reset (class tokens, position embeddings, layer scales): normal, with
  the mean and the standard deviation of what they were.

Every block of every draw has a generator of its own, so that a block is drawn alike in every order.
"""

import copy
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import Classifier
from heatproof.models.devices import full_memory_as_such
from heatproof.models.own_head import UpTo
from heatproof.models.seeding import seeded
from heatproof.models.still import held_still
from heatproof.models.two_tower import Prompts
from heatproof.saliency import Explanation, Method, check, explain_pass, joined
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.memory import fitting
from heatproof.trust.opposite import on_the_side_of, opposite

Module = TypeVar("Module", bound=nn.Module)
BlockOrder = Literal["cascading", "bottom_up", "independent", "whole", "prompts"]
FEW = 4  # blocks of a user's network below which the largest is divided
# PyTorch has no public name for the common base of batch and instance norms.
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Drawing:
    """What is drawn anew, and from which seed.

    Attributes:
        affine: Whether scale and shift of norms are reset or kept.
        statistics: What becomes of the running statistics of batch norm.
        target: ``fixed``: a copy is explained for the finding, whatever it predicts.  ``follows``:
            where it changes its mind, for the absence of the finding, as the published tests did.
        seed: Seed of all draws.
    """

    affine: Literal["reset", "kept"] = "reset"
    statistics: Literal["kept", "reset", "estimated"] = "kept"
    target: Literal["fixed", "follows"] = "fixed"
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """One copy of a model.

    Attributes:
        name: The block that this step drew last, as people know it.
        blocks: All that are drawn, as paths in the model.
        first: How many blocks of the backbone, from the first convolution up, are the model's own.
    """

    name: str
    blocks: tuple[str, ...]
    first: int


@dataclass(frozen=True)
class Copied:
    """Where an explanation by a copy belongs.

    Attributes:
        step: Which blocks were drawn.
        draw: Number of the draw.
        batch: The images.
    """

    step: Step
    draw: int
    batch: slice


class WeightDraw:
    """One draw of all blocks of a model, made when first asked for.

    Args:
        model: The model, held still; it is not changed.
        drawing: What is drawn anew.
        number: Number of the draw.
    """

    def __init__(self, model: Model, drawing: Drawing, number: int) -> None:
        self.drawing = drawing
        self.number = number
        self._model = model
        self._blocks: dict[str, nn.Module] = {}

    def copy(self, blocks: Sequence[str]) -> Model:
        """The model with these blocks drawn anew; all other layers are the model's own."""
        mixed = self._model
        for path in blocks:
            # Steps of a cascade share their blocks, so each is drawn once and kept.
            if path not in self._blocks:
                self._blocks[path] = self._drawn(path)
            mixed = replaced(mixed, path, self._blocks[path])
        return mixed

    def estimate(self, mixed: Model, blocks: Sequence[str], images: Tensor, at_once: int) -> None:
        """Give the batch norms of drawn blocks the statistics of these images, if they are to."""
        if self.drawing.statistics != "estimated":
            return
        norms = [
            module
            for name in blocks
            for module in mixed.get_submodule(name).modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
        ]
        images = images.to(next(mixed.parameters()).device)
        while True:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
                norm.train()
            try:
                # All images enter the statistics, so that every batch is explained by one copy.
                with torch.no_grad(), full_memory_as_such():
                    for batch in torch.split(images, at_once):
                        mixed(batch)
                break
            except torch.OutOfMemoryError:
                if at_once == 1:
                    raise
                at_once = -(-at_once // 2)
        for norm in norms:
            norm.eval()

    def _drawn(self, name: str) -> nn.Module:
        block = copy.deepcopy(self._model.get_submodule(name))
        places = [tensor.device for tensor in block.parameters()]
        # CRC-32 is the same in every process, while Python's `hash` of a text is not.
        entropy = (self.drawing.seed, self.number, zlib.crc32(name.encode()))
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        with torch.no_grad(), seeded(seed):
            _reset(block.cpu(), self.drawing)  # where every machine draws alike
        return block.to(places[0]) if places else block


def replaced(module: Module, path: str, part: nn.Module) -> Module:
    """The module with another part at that path; both share what is beside the path."""
    name, _, rest = path.partition(".")
    # A shallow copy shares its table of children with the original, so it gets another one below.
    other = copy.copy(module)
    inner = replaced(module.get_submodule(name), rest, part) if rest else part
    other._modules = {**module._modules, name: inner}
    return other


def blocks_of(model: Model) -> dict[str, str]:
    """Names of the blocks to randomize and their paths in the model, from the images up.

    Of a user's own network, with its own head or one of ours, these are its named children that
    run, in that order; while there are fewer than four with weights, the one with most is divided
    into its own children.

    Raises:
        ModelError: The network is one block alone.
    """
    if isinstance(model, Adapted):
        return _of_own(model, model.network, "network")
    assert isinstance(model, Classifier)
    children = dict(model.backbone.named_children())
    match list(children.items()):
        case [(name, UpTo() as part)]:
            blocks = _of_own(model, part.network, f"backbone.{name}.network")
        case _:
            blocks = {name: f"backbone.{name}" for name in children if _weights(children[name])}
    return blocks | {"head": "head"}


def steps(model: Model, order: BlockOrder) -> tuple[Step, ...]:
    """The copies of one draw, in the order in which they are explained.

    Raises:
        ModelError: The network is one block alone, or has no prompts where these are to be drawn.
    """
    if order == "prompts":
        return (Step("prompts", _prompts(model), 0),)
    paths = blocks_of(model)
    names = [*paths] if order == "bottom_up" else [*paths][::-1]
    match order:
        case "independent":
            sets = [[name] for name in names]
        case "whole":
            sets = [names]
        case _:
            sets = [names[: count + 1] for count in range(len(names))]
    return tuple(
        Step(chosen[-1], tuple(paths[name] for name in chosen), _first(model, chosen))
        for chosen in sets
    )


def explain_copies(
    methods: Mapping[str, Method],
    model: Model,
    images: Float[Tensor, "n c h w"],
    targets: Sequence[int],
    copies: tuple[Sequence[Step], Sequence[WeightDraw]],
    memory: int | None = None,
) -> Iterator[tuple[Copied, Explanation]]:
    """Explain the same logits of the same images by every copy; the model is left as it was.

    What the copies share with the model, from the images up, is computed once for a batch.

    Args:
        methods: By spec.
        model: The trained one.
        images: Preprocessed radiographs.
        targets: Indices of findings.
        copies: The steps, and the draws of each.
        memory: What the process may take, in bytes; None for what suits the device.

    Yields:
        The place of each explanation, and the explanation.

    Raises:
        MapError: As in ``heatproof.saliency.explain``.
    """
    check(methods, model, images, targets)
    with held_still(model):
        at_once = ForwardPass(model, images[:1], memory).at_once(differentiated=True)
    for start in range(0, len(images), at_once):
        batch = slice(start, min(start + at_once, len(images)))
        trained = [ForwardPass(model, images[batch], memory)]
        for step in copies[0]:
            for draw in copies[1]:  # all of them while what lies below the step is at hand
                with held_still(model):
                    copied = draw.copy(step.blocks)
                    draw.estimate(copied, step.blocks, images, at_once)
                    of_copy = partial(_explained, methods, copied, targets, step, draw)
                    trained, explanation = _in_parts(of_copy, trained)
                # The caller runs outside `held_still`, so that it finds the model as it was.
                yield Copied(step, draw.number, batch), explanation


def _in_parts(
    explained: Callable[[ForwardPass], Explanation], passes: Sequence[ForwardPass]
) -> tuple[list[ForwardPass], Explanation]:
    """The explanation of the images of some passes, and the passes that fitted into memory.

    Where memory is full a pass is made anew in halves, which later copies then share.
    """

    def pair(images: Tensor, memory: int, made: ForwardPass) -> tuple[ForwardPass, Explanation]:
        if len(images) < len(made.images) or memory < made.memory:
            made = ForwardPass(made.model, images, memory)
        return made, explained(made)

    done = [
        each
        for made in passes
        for each in fitting(partial(pair, made=made), made.images, made.memory)
    ]
    return [made for made, _ in done], joined([explanation for _, explanation in done])


def _explained(
    methods: Mapping[str, Method],
    copied: Model,
    targets: Sequence[int],
    step: Step,
    draw: WeightDraw,
    trained: ForwardPass,
) -> Explanation:
    explanation = explain_pass(methods, trained.from_block(step.first, copied), targets)
    if draw.drawing.target == "fixed":
        return explanation
    other = trained.from_block(step.first, opposite(copied))
    against = explain_pass(methods, other, targets)
    return on_the_side_of(trained.logits, explanation, against, targets)


def _prompts(model: Model) -> tuple[str, ...]:
    paths = tuple(name for name, module in model.named_modules() if isinstance(module, Prompts))
    if not paths:
        raise ModelError(
            "prompt_randomization puts nonsense in the place of texts, and this model is asked no"
            " text; bring a model of images and texts as a TextSimilarity"
            " (heatproof.models.two_tower)"
        )
    return paths


def _first(model: Model, blocks: Sequence[str]) -> int:
    """How many blocks of the backbone lie below all of these; 0 where that is unknown."""
    if not isinstance(model, Classifier):
        return 0
    order = [name for name, _ in model.backbone.named_children()]
    places = {name: place for place, name in enumerate((*order, "head"))}
    return min(places.get(name, 0) for name in blocks)  # a part of a user's network has no place


def _reset(block: nn.Module, drawing: Drawing) -> None:
    """Draw the weights of a block anew, in place, from torch's global generators."""
    for module in block.modules():
        parameters = list(module.parameters(recurse=False))
        # Norms are asked first, since their own `reset_parameters` would reset running statistics
        # as well.
        if isinstance(module, _NORMS):
            if drawing.affine == "reset":
                _reset_affine(module)
            if drawing.statistics == "reset" and isinstance(module, _NORMS[0]):
                module.reset_running_stats()
        elif callable(reset := getattr(module, "reset_parameters", None)):
            reset()
        else:
            for parameter in parameters:
                # A parameter of one value has no sample deviation, so that of the population is
                # taken.
                parameter.normal_(parameter.mean().item(), parameter.std(correction=0).item())


def _reset_affine(norm: nn.Module) -> None:
    for name, parameter in norm.named_parameters(recurse=False):
        parameter.fill_(0 if name == "bias" else 1)


def _weights(block: nn.Module) -> int:
    return sum(parameter.numel() for parameter in block.parameters())


def _of_own(model: Model, network: nn.Module, path: str) -> dict[str, str]:
    """Blocks of a user's network, which lies at a path in the model."""
    started = _started(model, network) if _weights(network) else []

    def children(name: str) -> list[str]:
        prefix = f"{name}." if name else ""
        inner = network.get_submodule(name).named_children()
        with_weights = {prefix + child for child, module in inner if _weights(module)}
        return [child for child in started if child in with_weights]

    def weights(name: str) -> int:
        return _weights(network.get_submodule(name))

    parts = children("")
    while len(parts) < FEW:
        largest = max(parts, key=weights, default=None)
        inner = [] if largest is None else children(largest)
        if not inner:
            break
        parts = [name for name in parts if name != largest] + inner
    if not parts:
        raise ModelError(
            f"{type(network).__name__} has no named children with weights, so there is no block to"
            " randomize; make its parts modules of their own"
        )
    return {name: f"{path}.{name}" for name in sorted(parts, key=started.index)}


def _started(model: Model, network: nn.Module) -> list[str]:
    """Names of all parts of a network that run, in the order in which they start."""
    started: dict[str, None] = {}

    def tell(name: str) -> Callable[..., None]:
        # With all that holds it: a tower of two runs by a method of its own, and not as a module.
        holders = [name[:end] for end, letter in enumerate(name) if letter == "."]
        return lambda *_: started.update(dict.fromkeys((*holders, name)))

    # Hooks tell the order of execution, which the order of names need not follow.
    handles = [
        module.register_forward_pre_hook(tell(name)) for name, module in network.named_modules()
    ]
    try:
        device = next(model.parameters()).device
        shape = (1, model.preprocessing.channels, *model.preprocessing.size)
        with held_still(model), torch.no_grad():
            model(torch.zeros(shape, device=device))
    finally:
        # The network is the user's, so no hook may stay on it even if it fails.
        for handle in handles:
            handle.remove()
    return list(started)
