import pytest

from heatproof.errors import near_misses
from heatproof.saliency import methods


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("gradcam", "did you mean grad_cam or"),
        ("hit", "did you mean hit_rate?"),
        ("hit_rates", "did you mean hit_rate?"),
        ("lime", "there are: "),  # which is no misspelt ``rise``
        ("ig", "there are: "),
    ],
)
def test_names_are_suggested_where_they_are_near_and_else_all_are_told(name, answer):
    assert near_misses(name, (*methods.names(), "hit_rate")).startswith(answer)


def test_nothing_can_be_suggested_of_nothing():
    assert near_misses("grad_cam", ()) == "there are none"
    many = [f"film{number:04d}" for number in range(2000)]
    assert near_misses("zzz", many).endswith("film0038, film0039, and 1960 more")
