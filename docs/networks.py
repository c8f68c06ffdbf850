"""Writes docs/reference/networks.md: which methods explain which networks, tried with random weights.

python docs/networks.py [some of the names]

With names, the rows of other networks stay as they are.  The networks are those of ``tests/zoo.py``;
torchxrayvision, transformers and MONAI have to be installed for theirs.
"""

import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from heatproof.errors import HeatproofError
from heatproof.models.trial import noise
from heatproof.saliency import explain, methods
from heatproof.types import Validity
from tests.zoo import NETWORKS, Network

PAGE = Path(__file__).parent / "reference" / "networks.md"
# One of each kind; what holds for it holds for others that need the same of a network.
METHODS = {
    "occlusion": "occlusion(window=0.5, stride=0.5)",
    "gradient": "gradient",
    "grad_cam": "grad_cam",
    "eigen_cam": "eigen_cam",
    "full_grad": "full_grad",
    "guided_backprop": "guided_backprop",
    "deep_lift": "deep_lift",
    "lrp": "lrp",
    "attention_rollout": "attention_rollout",
    "attn_lrp": "attn_lrp",
}
WORKS = "works"
HEAD = """# Which networks are explained by which methods

Classifiers of others as they are, brought by `Adapted(network, "auto", ...)` with random weights ([how](../how-to/bring-your-model.md); each is
a few lines of [tests/zoo.py](../../tests/zoo.py)). *Features* is the layer that `auto` found and its grid at the size of the images tried here. The page
is written by `docs/networks.py`, and tests compare it.

`occlusion` stands for all that needs logits alone (`rise`); `gradient` for gradients of the image (`input_x_gradient`,
`integrated_gradients`, `smooth_grad`, `gradient_shap`, `blur_integrated_gradients`, `guided_integrated_gradients`, `xrai`); `grad_cam` for
gradients of features (`grad_cam_plus_plus`, `hires_cam`, `layer_cam`, `x_grad_cam`); `eigen_cam` for features alone (`score_cam`);
`guided_backprop` for rules of ReLU (`deconvnet`, `guided_grad_cam`); `attention_rollout` for attention (`gradient_attention`). `ablation_cam` and `class_map` need a head of heatproof:
[give it one](../how-to/bring-your-model.md).

A letter is a refusal, in words below. What is refused as undefined is no fault of the network: a rule of ReLU says nothing of a network without.
"""


def row(network: Network) -> list[str]:
    """Package, name, size, features, and of each method ``works`` or why it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = network.adapted()
        image = noise(model.preprocessing)[:1]
        told = []
        for spec in METHODS.values():
            try:
                found = explain({spec: methods.parse(spec)}, model, image, [0])
            except HeatproofError as error:
                told.append(_reason(str(error), model.features))
            else:
                (validity,) = found.validity[spec][0]
                finite = validity is not Validity.NOT_FINITE
                told.append(WORKS if finite else "its map is not finite")
    features = f"`{model.features}`, {model.layout}" if model.features else "none"
    return [network.package, network.name, str(network.side), features, *told]


def _reason(text: str, features: str | None) -> str:
    """A refusal without what is particular to one network."""
    text = text.replace(f"'{features}'", "the layer").split("; these give grids")[0]
    # Names of layers, sizes and counts.
    text = re.sub(r"\(\d+(, \d+)*,?\)|\b\d+(\.\d+)*\b", "…", text)
    return text.replace("\n", " ").replace("|", "/").strip()


def page(rows: Mapping[str, list[str]]) -> str:
    """The page with these rows, by network."""
    reasons = list(
        dict.fromkeys(cell for one in rows.values() for cell in one[4:] if cell != WORKS)
    )
    letters = {reason: _letter(index) for index, reason in enumerate(reasons)}
    columns = ["package", "network", "pixels", "features", *(f"`{name}`" for name in METHODS)]
    lines = [HEAD, "| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for one in rows.values():
        cells = [*one[:4], *("✓" if cell == WORKS else letters[cell] for cell in one[4:])]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- **{letter}**: {reason}" for reason, letter in letters.items()), ""]
    return "\n".join(lines)


def read(text: str) -> dict[str, list[str]]:
    """The rows of a page, by network."""
    reasons = dict(re.findall(r"^- \*\*(\w+)\*\*: (.+)$", text, re.MULTILINE)) | {"✓": WORKS}
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == len(METHODS) + 4 and cells[2].isdigit():
            rows[f"{cells[0]} {cells[1]}"] = [*cells[:4], *(reasons[cell] for cell in cells[4:])]
    return rows


def _letter(index: int) -> str:
    return chr(ord("a") + index) if index < 26 else _letter(index // 26 - 1) + _letter(index % 26)


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = read(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    for network in NETWORKS:
        if not sys.argv[1:] or str(network) in sys.argv[1:]:
            print(network, flush=True)
            rows[str(network)] = row(network)
            known = {str(one): rows[str(one)] for one in NETWORKS if str(one) in rows}
            PAGE.write_text(page(known), encoding="utf-8")
