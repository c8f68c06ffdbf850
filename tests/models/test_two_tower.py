"""Similarities by hand, nonsense that is as long as the prompt, and towers of transformers."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import heatproof
from heatproof.errors import ModelError
from heatproof.models.two_tower import NONSENSE, TextSimilarity, nonsense
from heatproof.saliency import Maps, explain, methods
from tests.conftest import ROOT

PROMPTS = {"Nodule": "a small nodule", "Effusion": "fluid around the lung"}


class Towers(nn.Module):
    """A small image tower with a ReLU, and texts as counts of their letters."""

    def __init__(self, scale: float | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.body = nn.Sequential(nn.Conv2d(1, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 26, 1))
            self.letters = nn.Linear(26, 26)
        if scale is not None:
            self.logit_scale = nn.Parameter(torch.tensor(scale))

    def encode_image(self, images: Tensor) -> Tensor:
        return self.body(images).mean(dim=(2, 3))

    def encode_text(self, texts) -> Tensor:
        counts = [[text.count(chr(97 + letter)) for letter in range(26)] for text in texts]
        return self.letters(torch.tensor(counts, dtype=torch.float32))


def network(**towers) -> TextSimilarity:
    made = Towers(**towers)
    return TextSimilarity(made, PROMPTS, text=made.encode_text)


def test_it_is_the_cosine_times_the_scale_of_the_model() -> None:
    images = torch.rand(3, 1, 16, 16)
    for scale in (None, 2.0):
        built = network(scale=scale)
        found = built(images).detach().numpy()
        towers = built.towers
        vectors = towers.encode_image(images).detach().numpy()
        texts = towers.encode_text(list(PROMPTS.values())).detach().numpy()
        for n, vector in enumerate(vectors):
            for k, text in enumerate(texts):
                cosine = vector @ text / np.sqrt((vector @ vector) * (text @ text))
                expected = cosine * (1 if scale is None else np.exp(scale))
                assert found[n, k] == pytest.approx(expected, rel=1e-5)


def test_nonsense_has_the_words_lengths_and_no_word_of_the_prompt() -> None:
    made = nonsense("a small nodule", np.random.default_rng(0))
    assert [len(word) for word in made.split()] == [1, 5, 6]
    assert made != nonsense("a small nodule", np.random.default_rng(1))
    assert not {"small", "nodule"} & set(made.split())


def test_drawing_puts_nonsense_in_the_place_of_each_prompt() -> None:
    prompts = network().prompts
    before = prompts.embedded.clone()
    prompts.reset_parameters()
    for k in range(len(PROMPTS)):
        drawn = prompts.embedded[k]
        assert not torch.allclose(drawn, before[k], atol=1e-3)
        assert any(torch.equal(drawn, prompts.nonsense[k, m]) for m in range(NONSENSE))


def test_every_kind_of_method_explains_a_similarity() -> None:
    """Normalization of the embedding is seen through: LRP adds up, as gradients times pixels do."""
    built = network()
    model = heatproof.wrap(built, built.findings, size=16, channels=1, mean=0, std=1)
    image = torch.rand(1, 1, 16, 16)
    logits = built(image)
    for spec in ("gradient", "grad_cam", "occlusion(window=4, stride=4)", "attn_lrp", "lrp"):
        found = explained(model, image, spec)
        assert (found.values != 0).any(), spec
        assert not torch.allclose(found.values[:, 0], found.values[:, 1])
        if found.ledger:
            torch.testing.assert_close(found.ledger["output"], logits.detach())
            assert found.residual.abs().max() < 1e-3


def explained(model, image: Tensor, spec: str) -> Maps:
    return explain({"": methods.parse(spec)}, model, image, [0, 1]).maps[""]


def test_towers_of_transformers_fit() -> None:
    transformers = pytest.importorskip("transformers")
    text = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config=text
        | {"num_hidden_layers": 1, "vocab_size": 100, "max_position_embeddings": 16},
        vision_config=text | {"num_hidden_layers": 1, "image_size": 32, "patch_size": 8},
        projection_dim=8,
    )
    towers = transformers.CLIPModel(config).eval()

    def words(texts) -> Tensor:
        ids = [[ord(letter) % 100 for letter in one.ljust(12)[:12]] for one in texts]
        return features(towers.get_text_features(input_ids=torch.tensor(ids)))

    def features(returned) -> Tensor:
        return returned if isinstance(returned, Tensor) else returned.pooler_output

    def image(images: Tensor) -> Tensor:
        return features(towers.get_image_features(pixel_values=images))

    built = TextSimilarity(towers, PROMPTS, text=words, image=image)
    assert built.scale == pytest.approx(float(towers.logit_scale.detach().exp()))
    model = heatproof.wrap(built, built.findings, size=32, channels=3, mean=0.5, std=0.5)
    found = explained(model, torch.rand(1, 3, 32, 32), "attn_lrp")
    assert found.residual.abs().max() < 1e-3


def test_the_block_of_the_page_runs() -> None:
    page = (ROOT / "docs/how-to/bring-your-model.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    towers = Towers()
    towers.body[0] = nn.Conv2d(3, 8, 28, 28)
    films = heatproof.Phantom(images=4, size=48, prevalence=1.0)
    names = {"heatproof": heatproof, "towers": towers, "films": films, "tokenizer": list}
    exec(block, names)
    assert names["network"].findings == ("Nodule",)


@pytest.mark.parametrize(
    ("prompts", "text", "message"),
    [
        ({}, lambda texts: torch.zeros(len(texts), 4), "expected the text of one finding"),
        (PROMPTS, lambda texts: torch.zeros(len(texts), 2, 4), "one row for each text"),
        (PROMPTS, lambda _: torch.zeros(3, 4), "gave 3 rows for 22 texts"),
        (PROMPTS, lambda _: [0.0], "gave list"),
    ],
)
def test_what_is_no_embedding_is_refused(prompts, text, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        TextSimilarity(Towers(), prompts, text=text)


def test_towers_that_embed_no_images_are_refused() -> None:
    with pytest.raises(ModelError, match="Identity has neither encode_image"):
        TextSimilarity(nn.Identity(), PROMPTS, text=lambda texts: torch.zeros(len(texts), 4))
