"""Annotations of some of the images as a loss on the class map."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.data.annotations import Boxes
from heatproof.errors import DataError, SpecError
from heatproof.models.targets import MaskTarget
from heatproof.train import fit
from heatproof.train.guidance import guidance_loss, shown
from heatproof.train.settings import Settings
from heatproof.types import Annotation
from tests.train.toys import QUICK, SIDE, Listed, blobs, model

HEAD = "wildcat(maps=2, highest=1, alpha=0.0)"


def annotated(count: int, seed: int) -> Listed:
    """A box around the brightest place of every image that shows a blob."""
    samples = blobs(count, seed).samples
    return Listed([boxed(one) if one.labels["blob"] else one for one in samples])


def boxed(sample):
    y, x = divmod(int(sample.pixels.read().argmax()), SIDE)
    box = (max(x - 4, 0), max(y - 4, 0), min(x + 5, SIDE), min(y + 5, SIDE))
    mark = Annotation("blob", "reference", Boxes((tuple(map(float, box)),)))
    return replace(sample, annotations=(mark,))


@given(st.integers(0, 2**16))
def test_the_loss_is_cross_entropy_with_the_covered_share_of_every_cell(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, 2, 2, 4, generator=generator)
    masks = torch.rand(3, 2, 8, 8, generator=generator) < 0.4
    known = torch.rand(3, 2, generator=generator) < 0.6
    terms = []
    for image, finding in known.nonzero().tolist():
        for row in range(2):
            for column in range(4):
                cell = masks[image, finding, 4 * row : 4 * row + 4, 2 * column : 2 * column + 2]
                share, p = (
                    cell.double().mean(),
                    maps[image, finding, row, column].double().sigmoid(),
                )
                terms.append(float(-share * p.log() - (1 - share) * (1 - p).log()))
    targets = tuple(MaskTarget(k, m) for k, m in zip(known, masks, strict=True))
    expected = sum(terms) / len(terms) if terms else 0.0
    assert float(guidance_loss(maps, targets)) == pytest.approx(expected, rel=1e-4)


def test_a_fraction_is_of_the_annotated_images_and_grows_by_adding() -> None:
    data, marked = annotated(41, 0), {f"0 {index}" for index in range(1, 41, 2)}
    smaller: frozenset[str] = frozenset()
    for fraction, count in ((0.0, 0), (0.1, 2), (0.5, 10), (1.0, 20)):
        chosen = shown(data, ("blob",), Settings(fraction=fraction))
        assert len(chosen) == count
        assert smaller <= chosen <= marked
        smaller = chosen
    half = Settings(fraction=0.5)
    assert shown(data, ("blob",), half) != shown(data, ("blob",), replace(half, seed=1))


def test_no_annotation_is_the_training_by_labels_alone() -> None:
    weights = []
    for options in ({}, {"guidance": 1.0, "fraction": 0.0}, {"guidance": 1.0, "fraction": 0.5}):
        network = model(HEAD)
        fitted = fit(network, annotated(32, 0), blobs(16, 1), replace(QUICK, **options))
        weights.append(network.head.transfer.weight)
        assert (fitted.regions is None) == (not options)
    assert fitted.regions.images == 8
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_guided_map_lies_on_the_blob() -> None:
    """Share of the positive class map inside the box, on other images."""
    inside = []
    data, checks = annotated(64, 0), annotated(24, 1)
    for guidance in (0.0, 5.0):
        network = model(HEAD)
        fit(network, data, checks, replace(QUICK, max_epochs=4, guidance=guidance))
        shares = []
        for sample in checks.samples[1::2]:
            image = network.preprocessing.tensor(sample.pixels.read())[None]
            with torch.no_grad():
                features = network.backbone(image)
                evidence = network.class_map(features).sigmoid()
            grown = torch.nn.functional.interpolate(evidence, (SIDE, SIDE))[0, 0]
            mask = torch.from_numpy(sample.annotations[0].mask(SIDE, SIDE))
            shares.append(float(grown[mask].mean() - grown[~mask].mean()))
        inside.append(sum(shares) / len(shares))
    assert inside[1] > inside[0]


def test_what_cannot_guide_is_refused() -> None:
    guided = replace(QUICK, guidance=1.0)
    with pytest.raises(DataError, match=r"no training image has a box.*by labels alone"):
        fit(model(HEAD), blobs(32, 0), blobs(16, 1), guided)
    for options in ({"guidance": -1.0}, {"fraction": 1.5}):
        with pytest.raises(SpecError, match="share between 0 and 1"):
            Settings(**options)
