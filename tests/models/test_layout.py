"""The layout of features, measured: no shape tells these apart."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heatproof.models.layout import Layout, halves, measured

FILMS = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
LAYOUTS = (
    Layout("channels first", 8, 8),
    Layout("channels last", 8, 8),
    Layout("tokens", 8, 8),
    Layout("tokens", 8, 8, before=1),
    Layout("tokens", 8, 8, before=5),
    Layout("tokens", 8, 8, after=1),
)


def grid(images: Tensor) -> Tensor:
    """Features with as many channels as rows, of random convolutions."""
    weights = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    return F.conv2d(images, weights, stride=4).relu()


def laid(layout: Layout, images: Tensor) -> Tensor:
    tokens = torch.zeros(len(images), 64 + layout.others, 8)
    return layout.output(grid(images), tokens)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_layout_is_found(layout: Layout) -> None:
    found, reason = measured(laid(layout, halves(FILMS)), (32, 32))
    assert found == layout, reason


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_an_output_goes_to_its_grid_and_back(layout: Layout) -> None:
    output = laid(layout, FILMS)
    assert torch.equal(layout.grid(output), grid(FILMS))
    assert torch.equal(layout.output(layout.grid(output), output), output)


def test_oblong_films_have_oblong_grids() -> None:
    films = torch.rand(2, 1, 48, 32, generator=torch.Generator().manual_seed(0))
    tokens = grid(halves(films)).flatten(2).mT
    found, _ = measured(tokens, (48, 32))
    assert found == Layout("tokens", 12, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda features: features.mT, "transpose"),
        (lambda features: features.flip(2), "flip or roll"),
        (
            lambda features: features.mean((2, 3), keepdim=True).expand_as(features),
            "whole film",
        ),
        (lambda features: features[..., :5], "not those of the film"),
        (lambda features: features[:, :4, :, :5], "4 x 8 x 5 for each image, which is no grid"),
        (lambda features: features.flatten(1), "512 for each image, which is no grid"),
    ],
)
def test_what_is_no_grid_over_the_film_says_why(change, message: str) -> None:
    found, reason = measured(change(grid(halves(FILMS))), (32, 32))
    assert found is None
    assert message in reason


def test_a_grid_of_one_cell_is_one() -> None:
    assert measured(torch.rand(5, 7, 1, 1), (32, 32))[0] == Layout("channels first", 1, 1)


def test_attention_among_random_tokens_still_leans() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with torch.no_grad():
        tokens = layer(laid(Layout("tokens", 8, 8, before=1), halves(FILMS)))
    assert measured(tokens, (32, 32))[0] == Layout("tokens", 8, 8, before=1)
