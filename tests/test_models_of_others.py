"""The page on models of others: each of its examples runs, and is short."""

import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/models-of-others.md").read_text(encoding="utf-8")
MODULES = {
    "torchxrayvision": "torchxrayvision",
    "timm": "timm",
    "MONAI": "monai",
    "Hugging Face": "transformers",
}
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the libraries
@pytest.mark.parametrize("library", EXAMPLES)
def test_an_example_ends_with_a_picture(library, tmp_path, monkeypatch):
    pytest.importorskip(MODULES[library], reason=f"{library} is not installed")
    code = [line for line in EXAMPLES[library].splitlines() if not re.match(r"\s*(#|$)", line)]
    assert len(code) <= 10
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(EXAMPLES[library], library, "exec"), names)
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]
    # Of random weights Grad-CAM may be zero everywhere: all evidence is negative.
    assert names["e"]["gradient"].is_ok()


def test_every_library_has_its_example():
    assert {*EXAMPLES} == {*MODULES}
