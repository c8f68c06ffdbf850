"""One forward pass that every method and every target shares.

Computed when first asked for, and kept: features and logits once, gradients once per target.
Gradients are taken with respect to features or images, never to weights.  With respect to the
features they pass through the head alone; where the head is uniform over the grid they are
computed on one cell and kept as ``n k d 1 1``.

Methods that look at other images, or at the network under another rule, derive passes from it:
``over`` and ``under``.  A copy of the network whose upper blocks are others is seen ``from_block``.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from heatproof.errors import MapError
from heatproof.models import Model
from heatproof.models.classifier import Classifier
from heatproof.models.devices import full_memory_as_such
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
        # A copy, so that the caller's tensor is not marked; in the format that the model runs in.
        self.images = images.detach().to(device).clone(memory_format=model.memory_format)
        self._rule = rule if rule is not None else Plain(self.images)
        # Entered, features (None where the model has none), logits.
        self._graph: tuple[Tensor, Tensor | None, Tensor] | None = None
        self._kept: tuple[Tensor | None, Tensor] | None = None  # features, logits, without a graph
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
        """The features that the head sees, without a graph.

        Raises:
            MapError: The model has none.
        """
        self._need("features")
        features = self._values()[0]
        assert features is not None
        return features

    @property
    def logits(self) -> Float[Tensor, "n findings"]:
        """Logits of all findings, without a graph."""
        return self._values()[1]

    def feature_gradients(self, targets: Sequence[int]) -> Float[Tensor, "n k d y x"]:
        """Gradients of logits with respect to the features; ``n k d 1 1`` for uniform heads.

        Raises:
            MapError: The model has no features, or no gradient reaches them.
        """
        self._need("features")
        self._need("feature gradients")
        missing = [target for target in targets if target not in self._feature_gradients]
        if missing and self.model.uniform:
            self._feature_gradients |= self._uniform_gradients(missing)
        elif missing:
            _, features, logits = self._run(through_input=False)
            assert features is not None
            self._feature_gradients |= _gradients(logits, features, missing)
        return torch.stack([self._feature_gradients[target] for target in targets], dim=1)

    def input_gradients(self, targets: Sequence[int]) -> Float[Tensor, "n k c h w"]:
        """Gradients of logits with respect to the images; under a rule, what it makes of them.

        Raises:
            MapError: No gradient reaches them, or the rule does not apply to this network.
        """
        self._need("input gradients")
        missing = [target for target in targets if target not in self._input_gradients]
        if missing:
            entered, features, logits = self._run(through_input=True)
            reached = "feature gradients" not in self.model.lacks and not self.model.uniform
            if features is not None and reached and isinstance(self._rule, Plain):
                # While the graph is there: most callers want the features of the same targets.
                self._feature_gradients |= _gradients(logits, features, missing)
            for target in missing:
                # The last way back lets go of the graph, the largest thing here, piece by piece.
                last = target == missing[-1]
                with self._rule.backward():
                    gradient = _gradients(logits, entered, [target], keep=not last)[target]
                if self._boundaries is not None:
                    gradient = self._boundaries.down(self._from, gradient)
                self._input_gradients[target] = gradient
            self._graph = None
        return torch.stack([self._input_gradients[target] for target in targets], dim=1)

    def own_input_gradients(self, targets: Sequence[int]) -> Float[Tensor, "n c h w"]:
        """The gradient of one logit of each image with respect to it, in one way back.

        Args:
            targets: One for each image.

        Raises:
            MapError: No gradient reaches the images.
        """
        self._need("input gradients")
        entered, _, logits = self._run(through_input=True)
        own = logits.gather(1, torch.tensor(list(targets), device=logits.device)[:, None])
        with self._rule.backward():
            gradient = _gradients(own, entered, [0], keep=False)[0]
        self._graph = None
        return gradient if self._boundaries is None else self._boundaries.down(self._from, gradient)

    def _need(self, what: str) -> None:
        if reason := self.model.lacks.get(what):
            raise MapError(reason)

    def _values(self) -> tuple[Tensor | None, Tensor]:
        if self._kept is None:
            self._run(through_input=False)
        assert self._kept is not None
        return self._kept

    def _run(self, *, through_input: bool) -> tuple[Tensor, Tensor | None, Tensor]:
        """The graph from the features, or from what enters the first block, to the logits."""
        # A graph that was cut at the features cannot lead to the images.
        if self._graph is None or (through_input and not self._graph[0].requires_grad):
            self._graph = self._made(through_input)
            _, features, logits = self._graph
            if self._kept is None:
                self._kept = (None if features is None else features.detach(), logits.detach())
            if self._same_values is not None and self._same_values._kept is None:
                self._same_values._kept = self._kept
        return self._graph

    def _made(self, through_input: bool) -> tuple[Tensor, Tensor | None, Tensor]:
        rule = self._rule
        looking = rule.forward(self.model)
        if isinstance(rule, Plain):
            looking = rule.forward(self.model, linked=through_input)
        with looking:
            if self._boundaries is None or not isinstance(self.model, Classifier):
                images = self.images.detach().requires_grad_(through_input)
                if "features" in self.model.lacks:
                    return images, None, self.model(images)
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


def _gradients(
    logits: Tensor, of: Tensor, targets: Sequence[int], *, keep: bool = True
) -> dict[int, Tensor]:
    """Gradients by target; images do not mix in evaluation mode, so their sum is differentiated."""
    try:
        with full_memory_as_such():
            return {
                # The graph is kept for the targets that follow.
                target: torch.autograd.grad(logits[:, target].sum(), of, retain_graph=keep)[0]
                for target in targets
            }
    except (torch.OutOfMemoryError, CheckpointError):
        raise  # others know what they mean
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        if "checkpoint" in reason:
            reason += " Switch off gradient checkpointing."
        raise MapError(f"torch cannot differentiate this network: {reason}") from error
