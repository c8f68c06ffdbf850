"""What every data set promises."""

import numpy as np
import pytest

from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.errors import SpecError
from heatproof.types import Dataset, Pixels, Sample

FEW = {"phantom": "phantom(images=12)"}  # fewer films than by default


def films(name: str) -> Dataset:
    try:
        return datasets.parse(FEW.get(name, name))
    except SpecError:
        pytest.skip("made of files: its own tests write them")


@pytest.mark.parametrize("name", datasets.names())
def test_films_are_as_described(name: str) -> None:
    data = films(name)
    assert isinstance(data, Dataset)
    assert datasets.parse(datasets.spec(data)) == data
    assert check(data) == ()
    samples = list(data)
    assert len(samples) == len(data) > 0
    assert len({sample.image_id for sample in samples}) == len(data)
    assert len(set(data.findings)) == len(data.findings) > 0
    for sample in samples:
        assert isinstance(sample, Sample)
        assert set(sample.labels) <= set(data.findings)
        assert set(sample.labels.values()) <= {True, False, None}
        assert any(sample.annotations) <= any(sample.labels.values())


@pytest.mark.parametrize("name", datasets.names())
def test_pixels_are_read_as_they_are_described(name: str) -> None:
    first, again = films(name), films(name)
    for index in range(min(len(first), 4)):
        pixels, same = first[index].pixels, again[index].pixels
        assert isinstance(pixels, Pixels)
        image = pixels.read()
        assert image.shape == pixels.size()
        assert image.dtype == np.float32
        assert 0 <= image.min() < image.max() <= 1
        np.testing.assert_array_equal(image, same.read())
        assert (pixels.version(), pixels.digest()) == (same.version(), same.digest())
        for mark in first[index].annotations:
            assert mark.mask(*pixels.size()).shape == image.shape
