"""A map that answers the text degrades when the text is nonsense; one that ignores it does not."""

import pytest
import torch
from torch import Tensor, nn

import heatproof
from heatproof.errors import ModelError
from heatproof.models.two_tower import TextSimilarity

FILMS = 40  # of more than 20 patients, without whom nothing is called


class Bright(nn.Module):
    """Embeds a film by what its rows hold; with ``deaf`` towers every text means the same."""

    def __init__(self, deaf: bool) -> None:
        super().__init__()
        self.deaf = deaf
        self.body = nn.Conv2d(1, 6, 8, 8)

    def encode_image(self, images: Tensor) -> Tensor:
        return self.body(images).amax(dim=(2, 3))

    def encode_text(self, texts) -> Tensor:
        if self.deaf:
            return torch.ones(len(texts), 6)
        generators = [torch.Generator().manual_seed(sum(map(ord, text))) for text in texts]
        return torch.stack([torch.randn(6, generator=generator) for generator in generators])


def asked(*, deaf: bool):
    torch.manual_seed(0)
    towers = Bright(deaf)
    network = TextSimilarity(towers, {"Nodule": "a small nodule"}, text=towers.encode_text)
    model = heatproof.wrap(network, network.findings, size=48, channels=1, mean=0.5, std=0.25)
    films = heatproof.Phantom(images=FILMS, seed=4, size=48, prevalence=1.0)
    return heatproof.ask("prompt_randomization", model, films, "input_x_gradient", draws=2)


@pytest.mark.slow
def test_a_tower_that_hears_no_text_fails_and_one_that_does_has_other_maps() -> None:
    deaf = asked(deaf=True)
    pairs = deaf.pairs.filter(deaf.pairs["population"] == "same film")
    assert pairs["step"].unique().to_list() == ["prompts"]
    assert len(pairs.filter(pairs["similarity"] == "pearson")) == 2 * FILMS
    assert (pairs.filter(pairs["similarity"] == "pearson")["value"] > 0.9999).all()
    assert deaf.verdicts["verdict"].to_list() == ["fail"]

    hearing = asked(deaf=False)
    pairs = hearing.pairs.filter(hearing.pairs["population"] == "same film")
    assert pairs.filter(pairs["similarity"] == "pearson")["value"].mean() < 0.9


def test_a_model_that_is_asked_no_text_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 8, 8), nn.Flatten(), nn.Linear(144, 1))
    model = heatproof.wrap(network, ["Nodule"], size=48, mean=0.5, std=0.25)
    with pytest.raises(ModelError, match="this model is asked no text"):
        heatproof.ask("prompt_randomization", model, heatproof.Phantom(images=4), "gradient")
