"""A user's own network, explained without being changed.

Its outputs are read as logits (``readout``).  A network that is no backbone and head is split at a
named layer: the layer's output, laid out on its grid, are the features.  They are read, and where
asked replaced by a leaf, by one forward hook that lives as long as one pass.  Gradients with
respect to the features are taken through whatever follows the layer.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models import Model
from heatproof.models.devices import within_memory
from heatproof.models.field_of_view import unseen
from heatproof.models.loading import check_precision
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.probe import probe
from heatproof.models.readout import Readout
from heatproof.models.tapping import on_grid
from heatproof.models.trial import contiguous, logits_of
from heatproof.types import Outputs

_TOO_LARGE = "One film is too large for it; run the network on the CPU, or free the device"


class Adapted(Model):
    """A user's network behind the interface of a ``Classifier``.

    It is tried on films of noise when it is made; see ``probe``.

    Args:
        network: Maps images to logits, one per finding, in float32; without what wraps it for
            several devices or compiles it.
        features: Dotted name of the layer whose output are the features, such as ``"layer4"``;
            ``"auto"`` for the last layer that gives a grid; None where only methods explain it that
            need no features.
        findings: Names of the logits; ``""`` for those that nobody asks about.
        preprocessing: What the images have gone through.
        outputs: ``"probabilities"`` for a network that ends in a sigmoid or a softmax: its logits
            are then those of its probabilities.  ``"softmax"`` for logits of classes that exclude
            each other: explained are the odds of each class against all others.
        output: Index, key or attribute of the logits, where the network returns several tensors.

    Attributes:
        features: The layer that was found; None where there is none, and ``lacks`` says why.

    Raises:
        ModelError: The network has no layer of that name, or is none that can be explained.
    """

    uniform = False  # unknown, so not assumed
    has_class_map = False

    def __init__(
        self,
        network: nn.Module,
        features: str | None,
        findings: Sequence[str],
        preprocessing: AnyPreprocessing,
        outputs: Outputs = "logits",
        output: int | str | None = None,
    ) -> None:
        super().__init__()
        self.network = _unwrapped(network)
        check_precision(self.network, torch.float32, torch.float64)
        self.readout = Readout(tuple(findings), outputs, output)
        self.findings = self.readout.findings
        self.preprocessing = preprocessing
        with within_memory(_TOO_LARGE):
            found = probe(self.network, self.readout, preprocessing, features)
            self.memory_format, self.lacks = found.memory_format, found.lacks
            self.features, self.layout = found.features, found.layout
            self._check_frame()

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The logits of the network."""
        if self.memory_format is torch.contiguous_format:
            images = contiguous(images)
        return logits_of(self.network, self.readout, images)

    def _check_frame(self) -> None:
        """Without features is a network that sees another frame than maps are drawn in."""
        if self.layout is None:
            return
        if reason := unseen(self, (self.layout.rows, self.layout.columns)):
            self.features = self.layout = None
            self.lacks = {**self.lacks, "features": reason, "feature gradients": reason}

    def features_and_logits(
        self, images: Float[Tensor, "n c h w"], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """The features of the named layer and the logits, from one pass; see ``Model``."""
        if self.features is None or self.layout is None:
            raise ModelError(f"the network has no features: {self.lacks['features']}")
        layer = self.network.get_submodule(self.features)
        with on_grid(layer, self.layout, cut=cut) as seen:
            logits = self(images)
        if len(seen) != 1 or len(seen[0]) != len(images):
            raise ModelError(
                f"layer {self.features!r} ran {len(seen)} times in one pass over {len(images)}"
                " images; expected once, over all of them"
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


def _unwrapped(network: nn.Module) -> nn.Module:
    """The network itself, whose layers can be seen and hooked."""
    if isinstance(network, torch.jit.ScriptModule):
        raise ModelError(
            "a scripted network (TorchScript) lets nobody see its layers; bring the module that it"
            " was made of"
        )
    if isinstance(network, torch._dynamo.OptimizedModule):
        return _unwrapped(network._orig_mod)
    if isinstance(network, nn.DataParallel):
        return _unwrapped(network.module)
    return network
