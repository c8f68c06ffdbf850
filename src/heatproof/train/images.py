"""Preprocessed radiographs and what they teach, in batches: from memory, or else by workers.

Which image comes when is decided by the seed and by how many came before, and by nothing else: a
run that is resumed sees what it would have seen.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torchvision.transforms import v2

from heatproof.errors import DataError
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.prepared import NOTHING_KEPT, PreparedFilms
from heatproof.train.augmentations import augmented
from heatproof.train.regions import Region, as_regions, from_regions
from heatproof.types import Dataset, Sample


class Batch(NamedTuple):
    """Some images, with their labels and targets.

    Attributes:
        images: As the network sees them.
        labels: See ``heatproof.train.labels``.
        indices: Indices of the images in their data set.
        targets: Where the findings are, of each image; empty where only labels teach.
    """

    images: Float[Tensor, "n c h w"]
    labels: Float[Tensor, "n k"]
    indices: Tensor
    targets: tuple[Region, ...] = ()


class ImageDraw(NamedTuple):
    """The index of an image, and how many were drawn before it; None where images come in order."""

    image: int
    before: int | None


class ImageOrder(Sampler[ImageDraw]):
    """Passes over the images, each in a new order, cut into rounds of so many steps.

    Args:
        images: Indices of a pass, each as often as it comes.
        batch: Images in each step, of all processes together.
        steps: Steps of a round; None for as many as a pass has.
        seed: Seed of the orders.
        rank: Which process this is.
        world: Number of processes.
    """

    def __init__(
        self,
        images: Tensor,
        batch: int,
        steps: int | None,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._images, self._seed = images, seed
        self.batch = min(batch, len(images))
        # Images that fill no batch of their pass come first in the next round.
        self.steps = steps or len(images) // self.batch
        self._rank, self._world = rank, world
        self._round = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the round that comes next; Lightning calls this."""
        self._round = epoch

    def __len__(self) -> int:
        return self.steps * self.batch // self._world

    def __iter__(self) -> Iterator[ImageDraw]:
        count = self.steps * self.batch
        passed, order = -1, self._images
        # Processes take turns in one order, so that their batches together are the batch of one.
        for before in range(
            self._round * count + self._rank, (self._round + 1) * count, self._world
        ):
            this, place = divmod(before, len(self._images))
            if this != passed:
                # With a factor of 1, pass 1 of a seed would have the order of pass 0 of the next
                # seed.
                generator = torch.Generator().manual_seed(self._seed + 1_000_003 * this)
                order = self._images[torch.randperm(len(self._images), generator=generator)]
                passed = this
            yield ImageDraw(int(order[place]), before)


class InTurn(Sampler[ImageDraw]):
    """Each image once, shared among processes."""

    def __init__(self, images: int, rank: int = 0, world: int = 1) -> None:
        self._range = range(rank, images, world)

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[ImageDraw]:
        return (ImageDraw(index, None) for index in self._range)


class Images(torch.utils.data.Dataset[Batch]):
    """The films of a data set as the network sees them.

    Args:
        dataset: The films.
        preprocessing: Preprocessing of the network.
        labels: See ``heatproof.train.labels``.
        prepared: Inputs of films that were read before.
        kept: The images, where they are in memory; None where they are decoded when drawn.
        target: What a sample and its labels say of where the findings are, where that is learned.
        transforms: Augmentations of images that are drawn, and of their targets.
        seed: Seed of the transforms.
    """

    def __init__(
        self,
        dataset: Dataset,
        preprocessing: AnyPreprocessing,
        labels: Float[Tensor, "n k"],
        *,
        prepared: PreparedFilms = NOTHING_KEPT,
        kept: Float[Tensor, "n c h w"] | None = None,
        target: Callable[[Sample, Tensor], Region] | None = None,
        transforms: Sequence[v2.Transform] = (),
        seed: int = 0,
    ) -> None:
        self.dataset, self.preprocessing, self.labels = dataset, preprocessing, labels
        self._target, self._transforms, self._seed = target, transforms, seed
        self._kept, self._prepared = kept, prepared
        self._kept_targets: tuple[Region, ...] | None = None
        if kept is not None:
            self._kept_targets = tuple(self.targets())

    @property
    def cached(self) -> bool:
        """Whether the images are in memory."""
        return self._kept is not None

    def targets(self) -> Iterator[Region]:
        """The targets of all images, in their order; empty where labels alone teach."""
        if self._kept_targets is not None:
            yield from self._kept_targets
        elif self._target is not None:
            for index in range(len(self.dataset)):
                yield self._target(self.dataset[index], self.labels[index])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, draws: list[ImageDraw]) -> Batch:
        """A whole batch at once, which takes one copy where images are in memory."""
        indices = torch.tensor([draw.image for draw in draws])
        if self._kept is not None:
            # Indexing copies, so that augmentation leaves the kept images as they are.
            images = self._kept[indices]
        else:
            images = torch.stack([self._decoded(draw.image) for draw in draws])
        targets = [self._target_of(draw.image) for draw in draws] if self._target else []
        if self._transforms:
            for place, draw in enumerate(draws):
                if draw.before is not None:
                    regions = (
                        as_regions(targets[place], self.preprocessing.size) if targets else None
                    )
                    changed, regions = augmented(
                        images[place], regions, self._transforms, self._seed, draw.before
                    )
                    images[place].copy_(changed)
                    if targets:
                        targets[place] = from_regions(regions, targets[place])
        return Batch(images, self.labels[indices], indices, tuple(targets))

    def _target_of(self, index: int) -> Region:
        if self._kept_targets is not None:
            return self._kept_targets[index]
        assert self._target is not None
        return self._target(self.dataset[index], self.labels[index])

    def _decoded(self, index: int) -> Tensor:
        return self._prepared.tensor(self.preprocessing, self.dataset[index].pixels)


def loader(
    images: Images, order: ImageOrder | InTurn, batch: int, workers: int
) -> "DataLoader[Batch]":
    """Batches of images, decoded by worker processes unless they are in memory."""
    workers = 0 if images.cached else workers
    return DataLoader(
        images,
        batch,
        sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,  # type: ignore[arg-type]
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else the loader draws a seed from the global one
    )


def _as_it_is(batch: Batch) -> Batch:
    # ``__getitems__`` returns a whole batch, which leaves nothing to collate.
    return batch


def balanced(labels: Float[Tensor, "n k"]) -> Tensor:
    """The indices of a pass in which both labels of the only finding are equally frequent.

    Images of the rarer label come several times; those without a label not at all.

    Raises:
        DataError: There are several findings, for which there is no such pass, or one of the labels
            does not occur.
    """
    if labels.shape[1] != 1:
        raise DataError(
            f"balance='sample' is defined for one finding, and there are {labels.shape[1]};"
            " balance='loss' weighs the labels of each"
        )
    sides = [torch.nonzero(labels[:, 0] == value)[:, 0] for value in (0, 1)]
    if not all(map(len, sides)):
        raise DataError(
            f"balance='sample': {len(sides[1])} training images are positive and {len(sides[0])}"
            " negative; both labels have to occur"
        )
    count = max(map(len, sides))
    return torch.cat([side.repeat(-(-count // len(side)))[:count] for side in sides])
