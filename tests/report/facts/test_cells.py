"""What is said of the places at which cells look."""

import pytest

from heatproof.models.receptive_field import Offset
from heatproof.report.facts.cells import cells


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (
            Offset(-15.4, -15.6, (32.0, 32.0)),
            "look 15 pixels above and 16 pixels to the left of the",
        ),
        (Offset(0.3, 1.2, (32.0, 32.0)), "look 1 pixel to the right of the middle"),
        (
            Offset(0.3, -0.2, (16.0, 12.0)),
            r"look there, too (measured on films of noise; a cell has a",
        ),
    ],
)
def test_the_offset_of_a_model_is_said_in_pixels(offset: Offset, said: str) -> None:
    (text,) = cells({"ours": offset})
    assert said in text


def test_what_was_not_measured_is_said() -> None:
    (text,) = cells({})
    assert "was not measured" in text
