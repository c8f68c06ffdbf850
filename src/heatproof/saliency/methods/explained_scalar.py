"""Explained scalar: another method, asked for the probability, or for what the model predicts.

    scalar="probability"  y' = sigmoid(s y / T)  instead of the logit  y' = s y
    target="predicted"    s = -1 where the model denies the finding (y < 0), and 1 elsewhere
    target="finding"      s = 1

with T the temperature of a calibrated model.  The gradient of a probability is p (1 - p) / T times
that of the logit: gradients and CAMs change by that factor alone, which is next to nothing where
the model is sure.  Paths and relevance change in other ways.

Methods here explain the logit of a finding.  Published work also explained the class that the model
predicts: its logit (Arun et al., Radiology: AI 2021, https://doi.org/10.1148/ryai.2021200267) or
its probability (Venkatesh et al. 2024, https://doi.org/10.1007/s10278-024-01136-4).  Two models, or
one before and after randomization, may then be explained for opposite classes, and their maps
differ for a reason that is none of the method's.  The values of the maps that the CheXpert
benchmark ships grow with p (1 - p), as those of probabilities do (Saporta et al. 2022).

What is predicted is decided on the image itself, and kept on paths and under noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.saliency import Kind, Maps, Method, Need, asks_finding, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.grad_cam import GradCAM


@methods.register("explained_scalar")
@dataclass(frozen=True)
class ExplainedScalar:
    """Of another method, at its resolution; residual, tolerance and ledger are those of the base.

    Attributes:
        base: The method.
        scalar: The ``probability``, or the ``logit``.
        target: The ``finding``, or what is ``predicted``: the finding or its absence.
    """

    base: Method = field(default=GradCAM(), metadata={"registry": methods})
    scalar: Literal["probability", "logit"] = "probability"
    target: Literal["finding", "predicted"] = "finding"
    title: ClassVar[str] = "Explained scalar"
    kind: ClassVar[Kind] = "refinement"

    def __post_init__(self) -> None:
        if self.base.needs == "class map":
            raise SpecError(
                f"{methods.spec(self.base)} reads a map of the logit out of the head, and there is"
                " none of another scalar; use grad_cam as the base"
            )

    @property
    def needs(self) -> Need:
        """What the base needs."""
        return self.base.needs

    @property
    def asks_finding(self) -> bool:
        """Whether the map of the base differs between findings."""
        return asks_finding(self.base)

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        denied = forward.logits[:, list(targets)] < 0
        if self.target == "finding" or not denied.any():
            return self._signed(forward, targets, 1)
        against = self._signed(forward, targets, -1)
        # Each of the two costs passes; often one is enough.
        if denied.all():
            return against
        return _either(denied, against, self._signed(forward, targets, 1))

    def _signed(self, forward: ForwardPass, targets: Sequence[int], sign: int) -> Maps:
        if sign == 1 and self.scalar == "logit":
            return self.base(forward, targets)
        model = _Rescaled(forward.model, sign, probability=self.scalar == "probability")
        return self.base(ForwardPass(model, forward.images, forward.memory), targets)


class _Rescaled(Model):
    """A model whose logits are something else that depends on them.

    Args:
        model: In evaluation mode.
        sign: What its logits are multiplied by.
        probability: Whether the sigmoid is taken, calibrated as the model's.
    """

    has_class_map = False

    def __init__(self, model: Model, sign: int, *, probability: bool) -> None:
        super().__init__()
        self.findings, self.preprocessing = model.findings, model.preprocessing
        self.uniform, self.lacks = model.uniform, model.lacks
        self.memory_format = model.memory_format
        self.whole = model
        # Grad-CAM looks for it, where it is asked for the features before the last ReLU.
        self.backbone = getattr(model, "backbone", None)
        self._sign, self._probability = sign, probability
        # A new module starts in training mode.
        self.train(model.training)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The scalars."""
        return self._scalars(self.whole(images))

    def features_and_logits(
        self, images: Float[Tensor, "n c h w"], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """Features and scalars; see ``Model``."""
        features, logits = self.whole.features_and_logits(images, cut=cut)
        return features, self._scalars(logits)

    def head_logits(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The scalars of given features."""
        return self._scalars(self.whole.head_logits(features))

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """There is none."""
        raise NotImplementedError

    def _scalars(self, logits: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        signed = self._sign * logits
        return self.whole.probabilities(signed).to(logits) if self._probability else signed


def _either(mask: Bool[Tensor, "n k"], first: Maps, second: Maps) -> Maps:
    """The maps of the first where it holds, and of the other elsewhere."""
    residual = None
    if first.residual is not None and second.residual is not None:
        residual = torch.where(mask, first.residual, second.residual)
    return Maps(
        torch.where(mask[..., None, None], first.values, second.values),
        residual,
        first.tolerance,
        {name: torch.where(mask, first.ledger[name], second.ledger[name]) for name in first.ledger},
    )
