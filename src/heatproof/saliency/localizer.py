"""What a localizer says of images: its own maps and probabilities."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float

from heatproof.models.localizers import Localizer
from heatproof.saliency import Explanation, Maps, judge


def localize(
    model: Localizer[Any], images: Float[torch.Tensor, "n c h w"], targets: Sequence[int]
) -> Explanation:
    """What a localizer in evaluation mode says of images, by its own method.

    Where it finds nothing the map is zero, and validity says so.  Logits are those of its
    probabilities, and finite: of 0 and 1 those of the nearest numbers between.
    """
    device = next(model.parameters()).device
    with torch.no_grad():
        # One at a time: what it says of a film is then the same, to the last digit, in any company.
        results = [model(image) for image in torch.split(images.to(device), 1)]
    probabilities = torch.cat([result.probabilities for result in results]).double()
    maps = Maps(torch.cat([result.maps[:, list(targets)] for result in results]))
    method = model.spec.method
    return Explanation(
        probabilities.logit(eps=torch.finfo(torch.float64).eps),
        probabilities,
        {method: maps},
        {method: judge(maps, probabilities[:, list(targets)].isfinite())},
    )
