"""One forward pass that every method and every target shares.

Computed when first asked for, and kept: features and logits once, gradients once per target.
Gradients are taken with respect to features or images, never to weights.  With respect to the
features they pass through the head alone; where the head is uniform over the grid they are
computed on one cell and kept as ``n k d 1 1``.

Methods that look at other images, or at the network under another rule, derive passes from it:
``over`` and ``under``.  A copy of the network whose upper blocks are others is seen ``from_block``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models import Model
from heatproof.models.classifier import Classifier
from heatproof.saliency.boundaries import Boundaries
from heatproof.saliency.intercept import InterceptRule, Plain, ScaleAndShift
from heatproof.saliency.memory import default_memory, images_at_once


class ForwardPass:
    """A model's pass over some images; make it inside ``held_still``.

    Args:
        model: Held still.
        images: Preprocessed images.
        memory: What a pass may take, in bytes; None for what suits the device.  See ``at_once``.
        rule: Stands in for operations of the network; a new one for every pass.
    """

    def __init__(
        self,
        model: Model,
        images: Float[Tensor, "n c h w"],
        memory: int | None = None,
        rule: InterceptRule | None = None,
    ) -> None:
        self.model = model
        self.judged = True  # whether anyone looks at residuals; see ``over``
        device = next((p.device for p in model.parameters()), images.device)
        self.memory = default_memory(device) if memory is None else memory
        # A copy, so that the caller's tensor is not marked; this format makes convolutions faster.
        self.images = images.detach().to(device).clone(memory_format=torch.channels_last)
        self._rule = rule if rule is not None else Plain()
        self._graph: tuple[Tensor, Tensor, Tensor] | None = None  # entered, features, logits
        self._kept: tuple[Tensor, Tensor] | None = None  # features and logits, without a graph
        self._feature_gradients: dict[int, Tensor] = {}
        self._input_gradients: dict[int, Tensor] = {}
        self._same_values: ForwardPass | None = None
        self._boundaries: Boundaries | None = None
        self._from = 0  # the block that it sets out from, where that is not the first
        self._sized = model  # whose passes are as large as this one's

    def over(self, images: Float[Tensor, "n c h w"], *, judged: bool = True) -> "ForwardPass":
        """A pass over other images.

        Args:
            images: Preprocessed images.
            judged: Whether anyone looks at the residuals of their maps; if not, methods spare the
                passes that these take.
        """
        over = ForwardPass(self.model, images, self.memory)
        over.judged = self.judged and judged
        over._sized = self._sized
        return over

    def under(self, rule: InterceptRule) -> "ForwardPass":
        """A pass over the same images in which a rule stands in for operations."""
        under = ForwardPass(self.model, self.images, self.memory, rule)
        if isinstance(rule, ScaleAndShift):  # which changes the way back and not the way there
            under._same_values, under._kept = self, self._kept
        under._sized = self._sized
        return under

    def from_block(self, first: int, model: Model) -> "ForwardPass":
        """A pass of another model over the same images, that shares what lies below a block.

        What enters the block, and how gradients pass further down, is computed once, for all models
        that are asked about from the top down; see ``Boundaries``.

        Args:
            first: The first block, counted from 0, that is not this model's own; 0 where it is
                unknown, for a pass that shares nothing.
            model: A copy of this one, held still, with other blocks from there on.
        """
        after = ForwardPass(model, self.images, self.memory)
        # A copy need not be measured, and goes through in the same batches.
        after._sized = self._sized
        if first and isinstance(self.model, Classifier):
            if self._boundaries is None:
                self._boundaries = Boundaries(self.model, self.images)
            after._boundaries, after._from = self._boundaries, first
        return after

    def at_once(self, *, differentiated: bool, each: int = 1, beside: int = 0) -> int:
        """How many images a pass should hold, so that the memory budget is kept; at least 1.

        Args:
            differentiated: Whether the pass keeps what its backward pass needs.
            each: What an image keeps, in multiples of a plain pass.
            beside: Images that the pass holds besides.
        """
        return images_at_once(
            self._sized,
            self.images[0],
            self.memory,
            differentiated=differentiated,
            each=each,
            beside=beside,
        )

    @property
    def features(self) -> Float[Tensor, "n d y x"]:
        """The features that the head sees, without a graph."""
        return self._values()[0]

    @property
    def logits(self) -> Float[Tensor, "n findings"]:
        """Logits of all findings, without a graph."""
        return self._values()[1]

    def feature_gradients(self, targets: Sequence[int]) -> Float[Tensor, "n k d y x"]:
        """Gradients of logits with respect to the features; ``n k d 1 1`` for uniform heads."""
        missing = [target for target in targets if target not in self._feature_gradients]
        if missing and self.model.uniform:
            self._feature_gradients |= self._uniform_gradients(missing)
        elif missing:
            _, features, logits = self._run(through_input=False)
            self._feature_gradients |= _gradients(logits, features, missing)
        return torch.stack([self._feature_gradients[target] for target in targets], dim=1)

    def input_gradients(self, targets: Sequence[int]) -> Float[Tensor, "n k c h w"]:
        """Gradients of logits with respect to the images; under a rule, what it makes of them.

        Raises:
            MapError: The rule does not apply to this network.
        """
        missing = [target for target in targets if target not in self._input_gradients]
        if missing:
            entered, features, logits = self._run(through_input=True)
            if not self.model.uniform and isinstance(self._rule, Plain):
                # While the graph is there: most callers want the features of the same targets.
                self._feature_gradients |= _gradients(logits, features, missing)
            for target in missing:
                with self._rule.backward():
                    gradient = _gradients(logits, entered, [target])[target]
                if self._boundaries is not None:
                    gradient = self._boundaries.down(self._from, gradient)
                self._input_gradients[target] = gradient
            self._graph = None  # it is the largest thing here
        return torch.stack([self._input_gradients[target] for target in targets], dim=1)

    def _values(self) -> tuple[Tensor, Tensor]:
        if self._kept is None:
            self._run(through_input=False)
        assert self._kept is not None
        return self._kept

    def _run(self, *, through_input: bool) -> tuple[Tensor, Tensor, Tensor]:
        """The graph from the features, or from what enters the first block, to the logits."""
        # A graph that was cut at the features cannot lead to the images.
        if self._graph is None or (through_input and not self._graph[0].requires_grad):
            self._graph = self._made(through_input)
            run = self._graph[1:]
            if self._kept is None:
                self._kept = (run[0].detach(), run[1].detach())
            if self._same_values is not None and self._same_values._kept is None:
                self._same_values._kept = self._kept
        return self._graph

    def _made(self, through_input: bool) -> tuple[Tensor, Tensor, Tensor]:
        with self._rule.forward(self.model):
            if self._boundaries is None or not isinstance(self.model, Classifier):
                images = self.images.detach().requires_grad_(through_input)
                return images, *self.model.features_and_logits(images, cut=not through_input)
            entered = self._boundaries.below(self._from, linked=through_input)
            entered.requires_grad_(through_input)
            written = entered.clone()  # blocks may work in place
            return entered, *self.model.from_block(self._from, written, cut=not through_input)

    def _uniform_gradients(self, targets: Sequence[int]) -> dict[int, Tensor]:
        """Logits depend on the mean of y*x cells, so each cell has 1 / (y*x) of its gradient."""
        features = self.features
        mean = features.mean(dim=(2, 3), keepdim=True).requires_grad_()
        logits = self.model.head_logits(mean)
        share = 1 / features[0, 0].numel()
        return {key: g * share for key, g in _gradients(logits, mean, targets).items()}


def _gradients(logits: Tensor, of: Tensor, targets: Sequence[int]) -> dict[int, Tensor]:
    """Gradients by target; images do not mix in evaluation mode, so their sum is differentiated."""
    return {
        # The graph is kept for the targets that follow.
        target: torch.autograd.grad(logits[:, target].sum(), of, retain_graph=True)[0]
        for target in targets
    }


@contextmanager
def held_still(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and gradients of all but the weights, for the length of a block.

    Inside, gradients are on whatever the caller's mode (tensors of inference mode cannot enter
    autograd), and nothing is recorded as long as nothing asks for its gradient.
    """
    training = [module for module in model.modules() if module.training]
    requiring = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        if training:
            model.eval()
        for parameter in requiring:
            parameter.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            # Mode by mode: train() would also switch modules that were in evaluation mode before.
            module.training = True
        for parameter in requiring:
            parameter.requires_grad_(True)
