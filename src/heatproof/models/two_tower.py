"""The similarity of an image and a text, as a logit that can be explained.

A two-tower model (CLIP: Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020; BioViL and
CheXzero for radiographs) embeds images v(x) and texts t in one space.  What is explained is

    similarity(text) = s * <v(x), t> / (|v(x)| |t|),

with s the model's own scale, 1 where it has none.  Each prompt is a finding, and each film has one
such number for it.  It is no logit of a probability: its sign says nothing, and nothing is
calibrated.  Texts are embedded once, when the network is made.

A map that answers the text must change when the text says nothing.  So each prompt has nonsense
beside it, words of random letters as long as its own, which ``prompt_randomization`` puts in its
place.
"""

import math
import string
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.errors import ModelError

EMBEDDINGS = 2  # axes: texts, and the space
NONSENSE = 10  # texts beside each prompt
ImageTower = Callable[[Tensor], Tensor]
TextTower = Callable[[Sequence[str]], Tensor]


class Prompts(nn.Module):
    """The embeddings of prompts, and of nonsense that may stand in for each.

    Args:
        embedded: k d, of unit length.
        nonsense: k m d, of unit length.
    """

    embedded: Tensor
    nonsense: Tensor

    def __init__(self, embedded: Float[Tensor, "k d"], nonsense: Float[Tensor, "k m d"]) -> None:
        super().__init__()
        self.register_buffer("embedded", embedded)
        self.register_buffer("nonsense", nonsense)

    def forward(self) -> Float[Tensor, "k d"]:
        """What images are compared with."""
        return self.embedded

    def reset_parameters(self) -> None:
        """Nonsense in the place of each prompt, drawn from torch's generator."""
        count, each, _ = self.nonsense.shape
        drawn = torch.randint(each, (count,)).to(self.nonsense.device)
        self.embedded.copy_(self.nonsense[torch.arange(count, device=drawn.device), drawn])


class TextSimilarity(nn.Module):
    """A network from images to their similarities with texts, to be wrapped as any other.

    Args:
        towers: The module; its weights are the network's.
        prompts: The text of each finding, by its name.
        image: Embeds images n c h w; by default the method ``encode_image`` (OpenCLIP) or
            ``get_image_features`` (transformers) of the towers.
        text: Embeds a list of texts.  Tokenizers differ too much for a default.
        seed: Seed of the nonsense.

    Raises:
        ModelError: There are no prompts, the towers have no such method, or the embeddings are no
            vectors of one space.

    Example:
        >>> import torch
        >>> class Towers(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.body = torch.nn.Conv2d(1, 8, 4, 4)
        ...     def encode_image(self, images):
        ...         return self.body(images).mean(dim=(2, 3))
        >>> words = lambda texts: torch.stack([torch.arange(8.0) + len(text) for text in texts])
        >>> network = TextSimilarity(Towers(), {"Nodule": "a nodule"}, text=words)
        >>> network(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        towers: nn.Module,
        prompts: Mapping[str, str],
        *,
        text: TextTower,
        image: ImageTower | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not prompts:
            raise ModelError("prompts: expected the text of one finding at least, by its name")
        self.towers = towers
        self._image = _encoder(towers) if image is None else image
        self.findings = tuple(prompts)
        texts = list(prompts.values())
        generator = np.random.default_rng(seed)
        empty = [[nonsense(one, generator) for _ in range(NONSENSE)] for one in texts]
        embedded = _embedded(text, [*texts, *(one for each in empty for one in each)])
        kept, others = embedded[: len(texts)], embedded[len(texts) :]
        self.prompts = Prompts(kept.clone(), others.view(len(texts), NONSENSE, -1).clone())
        scale = getattr(towers, "logit_scale", None)  # OpenCLIP and transformers keep its logarithm
        self.scale = math.exp(float(scale.detach())) if isinstance(scale, Tensor) else 1.0

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The similarity of each image with each prompt."""
        embedded = F.normalize(self._image(images), dim=-1)
        return self.scale * F.linear(embedded, self.prompts().to(embedded))


def nonsense(text: str, generator: np.random.Generator) -> str:
    """As many words, as long as those of the text, of random letters."""
    letters = list(string.ascii_lowercase)
    return " ".join("".join(generator.choice(letters, len(word))) for word in text.split())


def _encoder(towers: nn.Module) -> ImageTower:
    for name in ("encode_image", "get_image_features"):
        encode = getattr(towers, name, None)
        if callable(encode):
            return encode  # type: ignore[no-any-return]
    raise ModelError(
        f"{type(towers).__name__} has neither encode_image nor get_image_features; say which"
        " function of it embeds images: image=..."
    )


def _embedded(text: TextTower, texts: Sequence[str]) -> Float[Tensor, "k d"]:
    with torch.no_grad():
        embedded = text(texts)
    if not isinstance(embedded, Tensor) or embedded.ndim != EMBEDDINGS:
        given = tuple(embedded.shape) if isinstance(embedded, Tensor) else type(embedded).__name__
        raise ModelError(f"text=... gave {given}; expected a tensor with one row for each text")
    if len(embedded) != len(texts):
        raise ModelError(f"text=... gave {len(embedded)} rows for {len(texts)} texts")
    return F.normalize(embedded.detach().float(), dim=-1)
