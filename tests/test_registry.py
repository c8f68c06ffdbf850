"""Specs parse, print, and answer mistakes with what was probably meant."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import SpecError
from heatproof.registry import Registry, relative_to

# A package that registers neither, so that only the parts of this file are there.
colours: Registry[object] = Registry("colour", "heatproof.stats")
shapes: Registry[object] = Registry("shape", "heatproof.stats")


colours.names()  # what there is, is imported once: no example below should wait for it
shapes.names()


@colours.register("grey")
@dataclass(frozen=True)
class Grey:
    level: float = 0.5
    name: str = ""
    presets: ClassVar = {"dark": "level=0.1, name='night'"}


@shapes.register("dot")
@dataclass(frozen=True)
class Dot:
    radius: float
    name: str | None = None
    corners: tuple[int, ...] = ()
    fill: object = field(default=Grey(), metadata={"registry": colours})


@given(
    st.floats(0, 9),
    st.none() | st.text(max_size=5),
    st.lists(st.integers(0, 9), max_size=3),
    st.floats(0, 1),
)
def test_specs_round_trip(radius, name, corners, level):
    dot = Dot(radius, name, tuple(corners), Grey(level))
    assert shapes.parse(shapes.spec(dot)) == dot


def test_equal_parts_have_equal_specs():
    specs = ["dot(radius=1)", "dot(fill=grey(), radius=1.0)", "dot(radius=1, fill=grey(level=.5))"]
    assert list(shapes.parts(specs)) == ["dot(radius=1.0)"]


def test_a_table_builds_the_same_part_as_a_spec():
    table = {"radius": 2.0, "corners": [1, 2], "fill": "grey(level=0.25)"}
    assert shapes.build("dot", table) == shapes.parse(
        "dot(radius=2.0, corners=(1, 2), fill=grey(level=0.25))"
    )


def test_a_preset_is_short_for_its_options_and_no_identity_of_its_own():
    assert colours.parse("grey.dark") == Grey(0.1, "night")
    assert colours.parse("grey.dark(level=0.2)") == Grey(0.2, "night")
    assert colours.spec(colours.parse("grey.dark")) == "grey(level=0.1, name='night')"
    assert shapes.parse("dot(radius=1, fill=grey.dark)") == Dot(1, fill=Grey(0.1, "night"))
    assert colours.presets("grey") == {"dark": "level=0.1, name='night'"}
    assert shapes.presets("dot") == {}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dott(radius=1)", "no shape is named 'dott'; did you mean dot?"),
        ("dot(radius=1, fil=grey)", "dot has no option 'fil'; did you mean fill?"),
        ("dot(radius=1, fill=gray)", "no colour is named 'gray'; did you mean grey?"),
        ("dot(radius='1')", "expected float"),
        ("dot()", "lacks radius"),
        ("dot(1)", "named options"),
        ("dot(radius=1, fill=grey.darc)", "grey has no preset 'darc'; did you mean dark?"),
        ("dot.big(radius=1)", "dot has no preset 'big'; there are none"),
        ("dot(radius=1", "cannot read"),
        ("__import__('os')", "named options"),
        ("dot(radius=__import__('os'))", "no plain value"),
    ],
)
def test_mistakes_are_answered(spec, message):
    with pytest.raises(SpecError, match=message.replace("(", r"\(").replace("?", r"\?")):
        shapes.parse(spec)


@shapes.register("ring")
@dataclass(frozen=True)
class Ring:
    former: ClassVar = {"width": "rings are as wide as they are"}
    radius: float = 1.0


def test_options_that_a_part_no_longer_has_are_ignored_with_a_warning():
    for read in (
        lambda: shapes.parse("ring(width=2, radius=3)"),
        lambda: shapes.build("ring", {"width": 2, "radius": 3.0}),
    ):
        with pytest.warns(UserWarning, match="ring no longer has width: rings are as wide as they"):
            assert read() == Ring(3.0)
    with pytest.warns(UserWarning, match="no longer has width"):
        assert list(shapes.parts(["ring(width=2)"])) == ["ring"]
    assert shapes.spec(Ring()) == "ring"


def test_what_no_part_ever_had_is_no_former_option(recwarn):
    with pytest.raises(SpecError, match="ring has no option 'widht'"):
        shapes.parse("ring(widht=2)")
    with pytest.raises(SpecError, match="dot has no option 'width'"):
        shapes.parse("dot(radius=1, width=2)")
    shapes.parse("ring(radius=2)")
    assert not recwarn.list


def test_relative_paths_are_taken_from_a_folder():
    @shapes.register("drawn")
    @dataclass(frozen=True)
    class Drawn:
        file: Path
        fill: object = field(default=Grey(), metadata={"registry": colours})

    drawn = shapes.parse("drawn(file='a/b.csv')")
    assert shapes.spec(drawn) == "drawn(file='a/b.csv')"
    assert relative_to(drawn, Path("/there")) == Drawn(Path("/there/a/b.csv"))


def test_names_are_given_once():
    with pytest.raises(SpecError, match="two colours are named grey"):
        colours.register("grey")(Grey)


@dataclass(frozen=True)
class _Ranged:
    height: int
    count: int = 3
    seed: int = 0
    share: float = 0.5
    below: float = math.inf
    pair: tuple[float, float] = (0.0, 1.0)
    tolerance: float = 0.1
    ranges = {"tolerance": (0, 1)}  # noqa: RUF012  as every part


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("height=0", "at least 1"),
        ("height=2, count=-1", "at least 0"),
        ("height=2, count=1_000_000_000_001", "at most 1000000000"),
        ("height=2, seed=-1", "at least 0"),
        ("height=2, share=1e999", "at most 1000000000"),
        ("height=2, pair=(1e999, 0.0)", "at most 1000000000"),
        ("height=2, tolerance=-0.5", "at least 0 and at most 1"),
        ("height=2, tolerance=2.0", "at least 0 and at most 1"),
    ],
)
def test_numbers_that_no_option_can_mean_are_refused(options, message):
    ranged = Registry("thing", "heatproof.localize.controls", "")
    ranged.register("ranged")(_Ranged)
    ranged._found = True
    with pytest.raises(SpecError, match=message):
        ranged.parse(f"ranged({options})")


def test_numbers_that_an_option_can_mean_are_taken():
    ranged = Registry("thing", "heatproof.localize.controls", "")
    ranged.register("ranged")(_Ranged)
    ranged._found = True
    part = ranged.build("ranged", {"height": 1, "seed": 2**62, "below": math.inf, "share": -3.0})
    assert part == _Ranged(1, seed=2**62, share=-3.0)
    with pytest.raises(SpecError, match="expected a number"):
        ranged.build("ranged", {"height": 1, "share": math.nan})
