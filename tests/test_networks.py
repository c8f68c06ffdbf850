"""docs/reference/networks.md says what is so: every network of the zoo, tried anew."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.trial import noise
from heatproof.saliency import explain, methods
from heatproof.types import Validity
from tests.zoo import MODULES, NETWORKS, Network

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("networks_page", DOCS / "networks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_the_page_has_a_row_for_every_network(generator) -> None:
    text = generator.PAGE.read_text(encoding="utf-8")
    rows = generator.read(text)
    assert [*rows] == [str(network) for network in NETWORKS]
    assert len(rows) >= 40
    assert generator.page(rows) == text


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(network, marks=[] if network.quick else pytest.mark.slow, id=str(network))
        for network in NETWORKS
    ],
)
def test_a_row_is_what_the_network_does(network: Network, generator) -> None:
    pytest.importorskip(MODULES[network.package], reason=f"{network.package} is not installed")
    rows = generator.read(generator.PAGE.read_text(encoding="utf-8"))
    assert generator.row(network) == rows[str(network)]


# What the examples of the how-to load, with random weights and small.
RANDOM = {
    "transformers": (
        'AutoModelForImageClassification.from_pretrained("...")',
        "ViTForImageClassification(transformers.ViTConfig(num_labels=2, hidden_size=48,"
        " num_hidden_layers=2, num_attention_heads=2, intermediate_size=96))",
    ),
    "torchxrayvision": ('weights="densenet121-res224-all"', "weights=None"),
    "monai": (
        "num_classes=2",
        "num_classes=2, hidden_size=48, mlp_dim=96, num_layers=2, num_heads=2",
    ),
}


@pytest.mark.parametrize("package", RANDOM)
def test_the_example_of_the_how_to_explains_a_network_of_that_library(package: str) -> None:
    """As a user would bring it, in ten lines or fewer."""
    library = pytest.importorskip(package, reason=f"{package} is not installed")
    if package == "torchxrayvision":
        importlib.import_module("torchxrayvision.models")
    if package == "monai":
        importlib.import_module("monai.networks.nets")
    page = (DOCS / "how-to" / "bring-your-model.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (example,) = [part for part in block.split("\n\n") if f"{package}." in part]
    loads, random = RANDOM[package]
    assert loads in example
    names = {
        package: library,
        "Adapted": Adapted,
        "Preprocessing": Preprocessing,
        "Squash": Squash,
        "findings": ["Opacity", "Effusion"],
    }
    torch.manual_seed(0)
    exec(compile(example.replace(loads, random), "bring-your-model.md", "exec"), names)
    model = names["model"]
    films = noise(model.preprocessing)[:1]
    asked = {spec: methods.parse(spec) for spec in ("grad_cam", "gradient")}
    found = explain(asked, model, films, [0])
    assert found.validity == dict.fromkeys(asked, ((Validity.OK,),))
