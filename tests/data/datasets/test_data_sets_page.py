"""docs/reference/data-sets.md names every data set, and its examples have options that exist."""

import dataclasses
import re
import tomllib

from heatproof.data.datasets import datasets
from heatproof.registry import docstring_summary
from tests.conftest import ROOT

PAGE = (ROOT / "docs/reference/data-sets.md").read_text(encoding="utf-8")
OF_THE_FIELD = {*datasets.names()} - {
    "manifest",
    "pooled",
    "phantom",
    "phantom_lesions",
    "dicomweb",
}


def test_every_data_set_is_on_the_page():
    assert all(f"`{name}`" in PAGE for name in datasets.names())


def test_examples_open_what_they_name():
    examples = [
        entry
        for example in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
        for entry in tomllib.loads(example)["data"]
    ]
    assert {entry["dataset"] for entry in examples} == OF_THE_FIELD
    for entry in examples:
        del entry["name"]
        cls = datasets.part_class(entry.pop("dataset"))
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key, value in entry.items():
            # Without the folder it cannot be opened; whether options are of the right type, can be
            # told.
            datasets._converted(cls, fields[key], value)


def test_every_data_set_says_where_it_is_downloaded_and_under_which_licence():
    import sys

    for name in OF_THE_FIELD:
        text = sys.modules[datasets.part_class(name).__module__].__doc__
        assert docstring_summary(text)
        for word in ("Download: https://", "Licence: ", "Source", "Traps."):
            assert word in text, (name, word)
