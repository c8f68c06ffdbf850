"""Every reader reads what the design says, in balance, in an order that the seed decides."""

from collections import Counter

import pytest

from heatproof.reading.schedule import schedule
from heatproof.reading.study import load
from tests.reading.conftest import STUDY

FILMS = {f"film{i}": i % 2 == 0 for i in range(12)}
TASK = """
[[tasks]]
name = "Decide"
kind = "decision"
finding = "Nodule"
shows = ["none", "edges-map", "another-map"]
"""


def drawn(tmp_path, more: str = "", seed: int = 3, readers: int = 6):
    path = tmp_path / "study.toml"
    text = STUDY.format(tasks=TASK + more, top="").replace("seed = 3", f"seed = {seed}")
    names = "".join(f'[[readers]]\nname = "R{i}"\n' for i in range(readers))
    path.write_text(text.replace('[[readers]]\nname = "Ada"\n', names, 1))
    study = load(path)
    return [
        each
        for each in schedule(study, {"Decide": FILMS}, "secret")
        if each.reader.startswith("R") or each.reader == "Ada"
    ]


def test_crossover_is_a_latin_square(tmp_path):
    every = drawn(tmp_path)
    maps = {"none", "edges-map", "another-map"}
    for reader in {each.reader for each in every}:
        mine = [each for each in every if each.reader == reader]
        for session in range(3):
            of_session = [each for each in mine if each.session == session]
            assert {each.image_id for each in of_session} == set(FILMS)
            # Positive and negative films alike, each third with each of the maps.
            for truth in (True, False):
                alike = [each.shows for each in of_session if FILMS[each.image_id] is truth]
                assert Counter(alike) == dict.fromkeys(maps, 2)
        assert Counter((each.image_id, each.shows) for each in mine) == Counter(
            (film, shows) for film in FILMS for shows in maps
        )
    first = [each for each in every if each.session == 0]
    for film in FILMS:
        # Of three readers in a row, each sees the film first with another of the maps.
        assert {each.shows for each in first if each.image_id == film} == maps


def test_of_two_readers_the_second_reads_the_other_way_round(tmp_path):
    every = drawn(tmp_path)
    orders = {
        reader: [e.image_id for e in every if e.reader == reader and e.session == 1]
        for reader in ("R0", "R1", "R2")
    }
    assert orders["R1"] == orders["R0"][::-1]
    assert orders["R2"] != orders["R0"]
    assert orders["R0"] != list(FILMS)


def test_sequential_shows_a_film_again_at_once(tmp_path):
    mine = [each for each in drawn(tmp_path, 'order = "sequential"\n') if each.reader == "R0"]
    assert len(mine) == 36
    for place in range(0, 36, 3):
        three = mine[place : place + 3]
        assert len({each.image_id for each in three}) == 1
        assert [each.shows for each in three] == ["none", "edges-map", "another-map"]
    assert {each.session for each in mine} == {0}


def test_training_comes_first_and_repeats_come_last_and_are_those_of_the_last_session(tmp_path):
    every = drawn(tmp_path, 'training = ["film0"]\nrepeats = 3\n')
    mine = [each for each in every if each.reader == "R0"]
    assert [each.part for each in mine[:2]] == ["training", "case"]
    again = mine[-3:]
    assert {each.part for each in again} == {"repeat"}
    cases = {(e.image_id, e.shows) for e in mine if e.part == "case" and e.session == 2}
    assert {(each.image_id, each.shows) for each in again} <= cases
    assert "film0" not in {each.image_id for each in mine if each.part != "training"}


@pytest.mark.parametrize("seed", [3, 4])
def test_the_seed_decides_the_order_and_the_secret_the_names(tmp_path, seed):
    same, again = drawn(tmp_path, seed=seed), drawn(tmp_path, seed=seed)
    assert same == again
    other = drawn(tmp_path, seed=seed + 10)
    assert [each.image_id for each in same] != [each.image_id for each in other]
    assert len({each.id for each in same}) == len(same)
    assert not any(film in each.id for each in same for film in FILMS)
