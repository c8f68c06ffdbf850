"""Temperature: a number per finding that makes probabilities mean what they say.

    p = sigmoid(z / T), with the T that has the least cross-entropy on validation

Guo et al., ICML 2017, https://arxiv.org/abs/1706.04599.  It moves no image past another, so AUROC
and maps stay as they are.  Undefined where validation lacks one of the labels, or where a threshold
separates them (the best T would be 0): there it is 1.
"""

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from torch import Tensor

LOWEST, HIGHEST = 0.05, 20.0


def temperatures(logits: Float[Tensor, "n k"], labels: Float[Tensor, "n k"]) -> tuple[float, ...]:
    """The temperature of each finding; labels other than 0 and 1 do not count."""
    return tuple(
        temperature(scores, truth)
        for scores, truth in zip(logits.T.double().numpy(), labels.T.double().numpy(), strict=True)
    )


def temperature(logits: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"]) -> float:
    """The temperature of one finding; labels other than 0 and 1 do not count."""
    is_known = (labels == 0) | (labels == 1)
    scores, truth = logits[is_known], labels[is_known]
    if len(np.unique(truth)) < 2:  # noqa: PLR2004
        return 1.0
    if scores[truth == 1].min() > scores[truth == 0].max():
        return 1.0

    def cross_entropy(log_temperature: float) -> float:
        z = scores / np.exp(log_temperature)
        # ``logaddexp`` does not overflow where ``exp`` does.
        return float(np.mean(np.logaddexp(0, z) - truth * z))

    # Convex in 1/T, so there is one minimum.
    minimum = minimize_scalar(cross_entropy, bounds=np.log([LOWEST, HIGHEST]), method="bounded")
    return float(np.exp(minimum.x))
