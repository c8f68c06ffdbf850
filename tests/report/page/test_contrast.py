"""Text can be read: WCAG 2.2 level AA asks for a contrast of 4.5 (success criterion 1.4.3)."""

import re
from importlib.resources import files

import pytest

CSS = (files("heatproof.report.page") / "templates" / "report.css").read_text()
LIGHT, DARK, PRINT = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
TEXT = [(ink, "paper") for ink in ("ink", "soft", "accent", "prior", "alarm")]
TEXT += [("accent", "pass-paper"), ("alarm", "fail-paper"), ("soft", "open-paper")]
TEXT += [("ink", "sheet"), ("soft", "sheet"), ("ink", "alarm-paper"), ("alarm", "alarm-paper")]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
@pytest.mark.parametrize(("ink", "paper"), TEXT)
def test_text_stands_out(scheme: dict[str, str], ink: str, paper: str) -> None:
    assert contrast(scheme[ink], scheme[paper]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_stand_out_from_what_lies_behind(scheme: dict[str, str]) -> None:
    """Graphical objects need 3 (success criterion 1.4.11)."""
    for mark in ("accent", "prior"):
        assert contrast(scheme[mark], scheme["paper"]) >= 3
        assert contrast(scheme[mark], scheme["band"]) >= 3
