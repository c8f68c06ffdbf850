"""Films of noise, and what a network of the user's makes of them.

A film is shown alone, again, and beside another; what the logits may differ by is said in terms of
how much they differ between the two films, since logits of one network are of another size than
those of the next.
"""

from contextlib import suppress

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import HeatproofError, ModelError
from heatproof.models.devices import full_memory_as_such
from heatproof.models.layout import Layout, halves, measured
from heatproof.models.loading import place_of
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.readout import Readout
from heatproof.models.tapping import recorded

# Of the difference between two films, what the same film may differ by; and of its logit, at least
# (rounding) and at most.
SAME, ROUNDING, ROUGH = 0.05, 1e-5, 1e-2
_DARKER, _FAINTER = np.float32(0.1), np.float32(0.6)  # grey values from .1 to .7
_OF_SHAPE = (
    "shape",
    "size",
    "channel",
    "dimension",
    "mat1",
    "expected input",
    "broadcast",
    "index",
)
"""Words of errors that images of another shape may cure."""


def logits_of(
    network: nn.Module, readout: Readout, images: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n k"]:
    """The logits of one pass.

    Raises:
        ModelError: The network fails on the images, or returns something else than logits.
        torch.OutOfMemoryError: Images are too many.
    """
    who = type(network).__name__
    try:
        with full_memory_as_such():
            returned = network(images)
    except (HeatproofError, torch.OutOfMemoryError):
        raise  # a method that refuses this network knows better why
    except Exception as error:  # whatever the user's own code runs into
        raise ModelError(f"{who} fails on images of {failure(images, error)}") from error
    try:
        return readout(returned, len(images))
    except ModelError as error:
        raise ModelError(f"{who}: {error}") from error


def failure(images: Float[Tensor, "n c h w"], error: Exception) -> str:
    """What a network ran into: the shape of the images, the error, its likely cause, its place."""
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    about = isinstance(error, AssertionError) or any(one in told.lower() for one in _OF_SHAPE)
    hint = "; is its scaling (size, channels) right?" if about else ""
    return f"shape {tuple(images.shape)}: {told}{hint}{place_of(error)}"


def contiguous(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """The images, row by row and channel by channel in memory.

    Not so ``Tensor.contiguous``: images of one channel count as contiguous in either format, and
    convolutions tell these apart by the strides.
    """
    _, channels, height, width = images.shape
    strides = (channels * height * width, height * width, width, 1)
    if images.stride() == strides:
        return images
    return images.clone(memory_format=torch.contiguous_format)


def noise(preprocessing: AnyPreprocessing, seed: int = 0) -> Float[Tensor, "2 c h w"]:
    """Two films of noise, as a network gets them."""
    films = np.random.default_rng(seed).random((2, *preprocessing.size), np.float32)
    return torch.stack([preprocessing.tensor(film) for film in films])


def faint(preprocessing: AnyPreprocessing) -> Float[Tensor, "1 c h w"]:
    """A darker film of noise of less contrast.

    Beside a film of equal range, a network that scales a batch by its range would go unnoticed.
    """
    film = np.random.default_rng(2).random(preprocessing.size, np.float32)
    return preprocessing.tensor(_DARKER + _FAINTER * film)[None]


class Trial:
    """A network, held still, and two films of noise.

    Args:
        network: Held still.
        readout: Reads its logits.
        preprocessing: Says what its images are like.

    Attributes:
        films: The images, on the device and in the precision of the network.
        memory_format: In which the network runs.
        together: How many images fit into one pass: two, or one.
        alone: The logits of the first film, from a pass of its own.

    Raises:
        ModelError: The network does not run.
    """

    def __init__(
        self, network: nn.Module, readout: Readout, preprocessing: AnyPreprocessing
    ) -> None:
        self.network, self.readout, self.size = network, readout, preprocessing.size
        kinds = {weight.dtype for weight in network.parameters() if weight.is_floating_point()}
        films = noise(preprocessing)
        device = next((p.device for p in network.parameters()), films.device)
        # Beside quantized weights there may be none that tells the precision.
        self.films = films.to(device, kinds.pop() if len(kinds) == 1 else films.dtype)
        self.faint = faint(preprocessing).to(self.films)
        self.together = len(self.films)  # as many as fit
        self.memory_format, self.alone = self._first_pass()
        self.spread = self._spread()

    def logits(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The logits of one pass; raises as ``logits_of`` does."""
        return logits_of(self.network, self.readout, images.clone(memory_format=self.memory_format))

    @torch.no_grad()
    def _first_pass(self) -> tuple[torch.memory_format, Float[Tensor, "1 k"]]:
        """The memory format in which the network runs, and the logits of the first film."""
        self.memory_format = torch.channels_last
        try:
            # One film in one channel lies in memory as in the other format.
            with suppress(torch.OutOfMemoryError):
                self.logits(self.films)
            return self.memory_format, self.logits(self.films[:1])
        except ModelError:
            self.memory_format = torch.contiguous_format
            return self.memory_format, self.logits(self.films[:1])

    @torch.no_grad()
    def _spread(self) -> Float[Tensor, "1 k"]:
        """How far the logits of the two films lie apart."""
        return (self.logits(self.films[1:]) - self.alone).abs()

    @torch.no_grad()
    def check_repeats(self) -> None:
        """Raises ModelError for a network that makes something else of the same film."""
        again = self.logits(self.films[:1])
        if self._differ(again):
            raise ModelError(
                f"{type(self.network).__name__} is random: of the same film it made the logits"
                f" {_told(self.alone)} and then {_told(again)}. In evaluation mode nothing may be"
                f" drawn: F.dropout needs training=self.training{self._training()}"
            )

    @torch.no_grad()
    def check_company(self) -> None:
        """Raises ModelError for a network that judges a film by those beside it."""
        beside = torch.cat([self.films[:1], self.faint])
        try:
            both = [self.logits(pair)[:1] for pair in (self.films, beside)]
        except torch.OutOfMemoryError:
            self.together = 1
            return  # then it will see one film at a time
        except ModelError as error:
            raise ModelError(f"{error} (it takes one image, and not two)") from error
        for among in filter(self._differ, both):
            raise ModelError(
                f"{type(self.network).__name__} mixes the films of a batch: alone, a film has the"
                f" logits {_told(self.alone)}, beside another {_told(among)}. In evaluation mode"
                " nothing may be computed over the batch: batch norm needs running statistics,"
                " and quantization fixed ranges"
                f"{self._training()}"
            )

    def _differ(self, logits: Float[Tensor, "1 k"]) -> bool:
        scale = self.alone.abs().clamp_min(1)
        allowed = (SAME * self.spread).clamp(ROUNDING * scale, ROUGH * scale)
        both = logits.isfinite() & self.alone.isfinite()
        differs = (logits - self.alone).abs() > allowed.nan_to_num(torch.inf)
        return bool((differs & both).any() or (logits.isfinite() != self.alone.isfinite()).any())

    def _training(self) -> str:
        """Layers that may be the reason, as a parenthesis."""
        on = [name for name, module in self.network.named_modules() if name and module.training]
        if on:
            return f" ({', '.join(on[:3])}: still training after eval())"
        batch = [
            name
            for name, module in self.network.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None
        ]
        return f" ({', '.join(batch[:3])}: track_running_stats=False)" if batch else ""

    def layout_of(self, layer: str) -> tuple[Layout | None, str]:
        """The layout of a layer's output; or None, and as a clause why there is none."""
        films = self.films[: self.together]
        with torch.no_grad(), recorded(self.network.get_submodule(layer)) as seen:
            self.logits(films)
        if len(seen) != 1:
            return None, f"it ran {len(seen)} times in one pass over {len(films)}; expected once"
        if not isinstance(seen[0], Tensor):
            return None, f"it gives {type(seen[0]).__name__}; expected a tensor"
        if seen[0].shape[:1] != (len(films),):
            return None, (
                f"it gives {tuple(seen[0].shape)} for {len(films)} images, as attention in windows"
                " does; name a layer that has put them together again"
            )
        outputs = []
        # One by one: five at once may not fit.
        for film in torch.split(halves(self.films), 1):
            with torch.no_grad(), recorded(self.network.get_submodule(layer)) as seen:
                self.logits(film)
            outputs.append(seen[0])
        return measured(torch.cat(outputs), self.size)


def _told(logits: Float[Tensor, "1 k"]) -> str:
    return ", ".join(f"{value:.4g}" for value in logits[0, :3].tolist())
