"""Under pseudonyms films, patients and studies go together as before, and nothing names them."""

from pathlib import Path

from heatproof.data.annotations import MaskFile
from heatproof.data.datasets.phantom import Phantom
from heatproof.data.pixels import ImageFile
from heatproof.data.pseudonymized import Pseudonymized
from heatproof.data.pseudonyms import Pseudonyms
from heatproof.experiment.films import OpenedData
from heatproof.models.card import Cohort
from heatproof.types import REFERENCE, Annotation, Sample

KEY = Pseudonyms(b"0123456789abcdef")
FILMS = Phantom(images=12)
HIDDEN = Pseudonymized(FILMS, KEY)


def test_films_keep_all_but_their_names() -> None:
    assert HIDDEN.findings == FILMS.findings
    assert len(HIDDEN) == len(FILMS)
    for film, hidden in zip(FILMS, HIDDEN, strict=True):
        assert (hidden.labels, hidden.view, hidden.metadata) == (
            film.labels, film.view, film.metadata,
        )  # fmt: skip
        assert hidden.image_id == KEY.of("film", film.image_id) != film.image_id
        assert hidden.patient_id == KEY.of("patient", film.patient_id)
        assert hidden.study_id == KEY.of("study", film.study_id)
        assert hidden.cluster == KEY.cluster(film.cluster)
        assert film.image_id not in repr(hidden).replace(repr(hidden.pixels), "")
        assert film.patient_id not in repr(hidden).replace(repr(hidden.pixels), "")


def test_films_of_one_patient_stay_together() -> None:
    groups = [
        [[other.cluster == film.cluster for other in films] for film in films]
        for films in (FILMS, HIDDEN)
    ]
    assert groups[0] == groups[1]


def test_a_card_knows_the_patients_that_a_model_has_seen_either_way() -> None:
    assert Cohort.of("a", [*HIDDEN]) == Cohort.of("a", [*FILMS])
    assert Cohort.of("a", [*FILMS]).shared([*HIDDEN]) == len({film.cluster for film in FILMS})


def test_a_reason_names_neither_film_nor_mask() -> None:
    film = Sample(
        "film-1",
        ImageFile(Path("/data/MRN7/one.png")),
        annotations=(Annotation("a", REFERENCE, MaskFile(Path("/masks/MRN7.png"))),),
    )
    reason = "/data/MRN7/one.png: odd; one.png and /masks/MRN7.png: gone"
    shown, hidden = (OpenedData("data", FILMS, {}, hides=hides) for hides in (False, True))
    assert shown.told(film, reason) == reason
    assert hidden.told(film, reason) == "film-1: odd; film-1 and film-1: gone"
