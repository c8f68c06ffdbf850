"""docs/reference/networks.md says what is so: every network of the zoo, tried anew."""

import importlib.util
import sys
from pathlib import Path

import pytest

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
