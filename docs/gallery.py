"""Draws the gallery: one phantom under every method.

    heatproof train src/heatproof/run/demo.toml -o runs/demo
    python docs/gallery.py runs/demo/models

Writes docs/gallery.md and docs/images/gallery/.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from heatproof.data.datasets.phantom import Phantom
from heatproof.errors import MapError
from heatproof.maps import render
from heatproof.models import card
from heatproof.saliency import definition, explain, methods
from heatproof.types import Validity

HERE = Path(__file__).parent
SIDE = 288
# Windows and samples for a film of 96 x 96 px; the rest as it comes.
OPTIONS = {
    "occlusion": "occlusion(window=16, stride=8)",
    "gradient": "gradient(channels='sum')",
    "guided_backprop": "guided_backprop(channels='sum')",
    "deconvnet": "deconvnet(channels='sum')",
}
# What the numbers under a picture count; "pixel" is one unit of the preprocessed film.
UNITS = {
    "logit": (
        *("blur_integrated_gradients", "class_map", "deep_lift", "grad_cam", "grad_cam_plus_plus"),
        *("gradient_shap", "guided_integrated_gradients", "hires_cam", "input_x_gradient"),
        *(
            "integrated_gradients",
            "layer_cam",
            "lrp",
            "attn_lrp",
            "occlusion",
            "rise",
            "x_grad_cam",
            "xrai",
        ),
        "smooth_grad(base=integrated_gradients(steps=10))",
    ),
    "logit / pixel": ("deconvnet", "gradient", "guided_backprop", "smooth_grad"),
    "(logit / pixel) squared": (
        "smooth_grad(magnitude='square')",
        "smooth_grad(magnitude='variance')",
    ),
    "logit squared / pixel": ("guided_grad_cam",),
    "feature": ("ablation_cam", "eigen_cam", "score_cam"),
    "probability": ("explained_scalar",),
    "pixel": ("edges",),
    "share": ("attention_rollout",),
    "no unit": ("full_grad", "gradient_attention", "percentile_view", "random"),
}
MORE = (
    "smooth_grad(magnitude='square')",
    "smooth_grad(magnitude='variance')",
    "smooth_grad(base=integrated_gradients(steps=10))",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="where `heatproof train` put them")
    folder = parser.parse_args().models
    model = next(
        model
        for model, its_card in (card.load(path) for path in sorted(folder.iterdir()))
        if its_card.id.head == "linear"
    )
    films = Phantom(images=40, seed=300, size=192, contrast=0.25)
    chosen = [sample for sample in films if sample.labels["Nodule"]]
    pixels = torch.stack([model.preprocessing.tensor(s.pixels.read()) for s in chosen])
    with torch.no_grad():
        best = int(model(pixels)[:, 0].argmax())
    sample, image = chosen[best], pixels[best : best + 1]
    film = sample.pixels.read()
    mask = sample.annotations[0].mask(*film.shape)
    pictures = HERE / "images" / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    _save(pictures / "film.webp", render.overlay(film, np.zeros_like(film), [mask]))
    rows, refused = [], []
    for spec in (*(OPTIONS.get(name, name) for name in methods.names()), *MORE):
        method = methods.parse(spec)
        try:
            explanation = explain({spec: method}, model, image, [0])
        except MapError as error:
            refused.append(f"- `{spec}`: {error}")
            continue
        saliency = model.preprocessing.geometry.back(
            explanation.maps[spec].values[0, 0].float().numpy(), film.shape
        )
        picture = _with_bar(render.overlay(film, saliency, [mask]), saliency, _unit(spec))
        name = "".join(letter if letter.isalnum() else "-" for letter in spec).strip("-")
        _save(pictures / f"{name}.webp", picture)
        (validity,) = explanation.validity[spec][0]
        rows.append((spec, type(method).title, f"images/gallery/{name}.webp", validity, method))
    (HERE / "gallery.md").write_text(_page(rows, refused), encoding="utf-8")


def _unit(spec: str) -> str:
    name = spec if spec in MORE else spec.partition("(")[0]
    return next(unit for unit, names in UNITS.items() if name in names)


def _with_bar(picture: np.ndarray, saliency: np.ndarray, unit: str) -> np.ndarray:
    """The picture above its colour scale, with the values at its ends and their unit."""
    low, high = float(saliency.min()), float(saliency.max())
    signed = low < 0
    large = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", (SIDE, SIDE + 40), "white")
    sheet.paste(large, (0, 0))
    sheet.paste(Image.fromarray(render.scale(130, 10, signed=signed)), (79, SIDE + 8))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    reach = max(-low, high)
    first, last = (-reach, reach) if signed else (low, high)
    draw.text((4, SIDE + 5), f"{first:.2g}", "black", font)
    draw.text((SIDE - 4, SIDE + 5), f"{last:.2g}", "black", font, anchor="ra")
    draw.text((SIDE / 2, SIDE + 21), unit, "black", font, anchor="ma")
    return np.asarray(sheet)


def _save(path: Path, picture: np.ndarray) -> None:
    path.write_bytes(render.encode(picture))


def _page(rows: list[tuple[str, str, str, Validity, object]], refused: list[str]) -> str:
    lines = [
        "# Gallery: one phantom under every method",
        "",
        "Drawn by `docs/gallery.py` on a phantom radiograph (it shows no one) and the demo's small classifier"
        " with a linear head, which is sure of the nodule in the cyan outline. " + render.LEGEND,
        "Under each picture stand the values at the ends of its colours, and their unit: a *pixel* is one"
        " unit of the preprocessed film, a *feature* one of the last features.",
        "",
        "A convincing picture proves nothing: `edges` has not seen the model, and `random` has seen nothing.",
        "",
        "![The film, with the nodule outlined](images/gallery/film.webp)",
        "",
    ]
    for start in range(0, len(rows), 3):
        cells = rows[start : start + 3]
        lines += [
            "| " + " | ".join(f"**{title}**<br>`{spec}`" for spec, title, *_ in cells) + " |",
            "|" + "---|" * len(cells),
            "| " + " | ".join(f"![{title}]({path})" for _, title, path, *_ in cells) + " |",
            "| "
            + " | ".join(
                definition(type(method))
                + ("" if validity is Validity.OK else f" *Not valid here: {validity}.*")
                for *_, validity, method in cells
            )
            + " |",
            "",
        ]
    if refused:
        lines += ["Not defined for this classifier, and refused:", "", *refused, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
