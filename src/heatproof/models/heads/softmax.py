"""Softmax head: the classes of each finding compete, trained with cross-entropy.

Any other head with 2 outputs per finding, negative and positive, or with 3, of which the last is
*uncertain* (the U-MultiClass policy of CheXpert, Irvin et al., AAAI 2019,
https://arxiv.org/abs/1901.07031).  The logit is the log-odds of positive against negative, z_1 -
z_0, so that its sigmoid is the softmax over the two; the uncertain class is dropped, as it is there
at test time.

The class map is that of the positive class, M_1, as in the published two-output networks; with
``contrast`` it is M_1 - M_0, which is what the logit of a linear head averages.
"""

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.models.heads import Head, HeadModule, heads
from heatproof.models.heads.linear import Linear

NEGATIVE, POSITIVE = 0, 1


class SoftmaxHead(HeadModule):
    """Competing classes for each finding, in the order of the findings."""

    def __init__(self, spec: "Softmax", channels: int, findings: int) -> None:
        super().__init__()
        self.spec, self.classes = spec, spec.classes
        self.base = spec.base(channels, findings * spec.classes)
        self.uniform = self.base.uniform
        # The mean of the positive class alone is only a part of the log-odds.
        self.complete = self.base.complete and spec.contrast

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """Log-odds of positive against negative."""
        return self.logits(self.outputs(features))

    def outputs(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k c"]:
        """The unnormalized log-probabilities of all classes."""
        return self._by_finding(self.base(features))

    def logits(self, outputs: Float[Tensor, "n k c"]) -> Float[Tensor, "n k"]:
        """Log-odds of positive against negative."""
        odds: Tensor = outputs[..., POSITIVE] - outputs[..., NEGATIVE]
        return odds

    def penalty(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, ""]:
        """That of the base."""
        return self.base.penalty(features)

    def constant(self) -> Float[Tensor, " k"] | float:
        """That of the base, as far as the class map is of it."""
        constant = self.base.constant()
        if isinstance(constant, float):
            return constant
        of_class = constant.view(-1, self.spec.classes)
        positive = of_class[:, POSITIVE]
        return positive - of_class[:, NEGATIVE] if self.spec.contrast else positive

    def cell_logits(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """Log-odds of positive against negative at each cell, whatever the class map shows."""
        cells = self._by_finding(self.base.cell_logits(features))
        odds: Tensor = cells[:, :, POSITIVE] - cells[:, :, NEGATIVE]
        return odds

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The map of the positive class, or that of its contrast with the others."""
        maps = self._by_finding(self.base.class_map(features))
        positive = maps[:, :, POSITIVE]
        return positive - maps[:, :, NEGATIVE] if self.spec.contrast else positive

    def _by_finding(self, outputs: Float[Tensor, "n kc ..."]) -> Float[Tensor, "n k c ..."]:
        return outputs.view(len(outputs), -1, self.spec.classes, *outputs.shape[2:])


@heads.register("softmax")
@dataclass(frozen=True)
class Softmax:
    """Two or three competing classes per finding.

    Attributes:
        base: The head that scores them.
        classes: 2 for negative and positive, 3 for uncertain as well.
        contrast: Whether the class map is positive minus negative.
    """

    base: Head = field(default=Linear(), metadata={"registry": heads})
    classes: int = 2
    contrast: bool = False

    def __post_init__(self) -> None:
        if self.classes not in {2, 3}:
            raise SpecError(
                f"classes={self.classes}: expected 2 (no, yes) or 3 (no, yes, uncertain)"
            )

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return SoftmaxHead(self, channels, findings)
