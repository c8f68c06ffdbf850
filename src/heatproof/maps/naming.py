"""Which film and which finding a map is of, told from its name by a pattern.

A pattern such as ``{image_id}_{finding}.npy`` is compared with the end of a path, from the
beginning of a folder's or a file's name on; ``*`` stands for any text without a slash.  Names of
films and findings hold underscores, too, so a pattern alone cannot divide them: of all divisions,
the one counts that names a film and a finding of the data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePosixPath

from heatproof.errors import MapError, SpecError

_FIELDS = re.compile(r"(\{[^}]*\}|\*)")
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom", ".bmp"}
_SHOWN = 6  # findings in a message


@dataclass(frozen=True)
class KnownFilms:
    """The films and findings that maps may be of.

    Attributes:
        data: Name of their data set, for messages.
        image_ids: Identifiers of its films.
        findings: Its findings.
    """

    data: str
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]

    def film(self, name: str) -> str | None:
        """The identifier of a film, named with or without the ending of its picture."""
        # A film of that very name goes before one that differs in the ending.
        return self._films.get(name) or self._films.get(_without_ending(name))

    @cached_property
    def _films(self) -> dict[str, str]:
        stems: dict[str, list[str]] = {}
        for image_id in self.image_ids:
            stems.setdefault(_without_ending(image_id), []).append(image_id)
        alone = {stem: of_stem[0] for stem, of_stem in stems.items() if len(of_stem) == 1}
        return alone | {image_id: image_id for image_id in self.image_ids}

    def described(self) -> str:
        """The end of a message: how films and findings are named."""
        more = ", ..." if len(self.findings) > _SHOWN else ""
        findings = ", ".join(map(repr, self.findings[:_SHOWN])) + more
        return f"its films are named like {self.image_ids[0]!r}, its findings are {findings}"


def check_pattern(pattern: str, findings: tuple[str, ...] = ()) -> None:
    """Look at a pattern before any file is.

    Args:
        pattern: The pattern.
        findings: Of the layers of an array; then no name of a file says the finding.

    Raises:
        SpecError: It has unknown fields, lacks the film, or names the finding in two ways.
    """
    fields = [field for field in _FIELDS.findall(pattern) if field != "*"]
    unknown = sorted(set(fields) - {"{image_id}", "{finding}"})
    if unknown or fields.count("{image_id}") != 1 or fields.count("{finding}") > 1:
        raise SpecError(
            f"pattern={pattern!r}: expected {{image_id}} once, {{finding}} once or never, and * for"
            f" any other text{f'; found {unknown[0]}' if unknown else ''}"
        )
    if findings and "{finding}" in fields:
        raise SpecError(
            f"pattern={pattern!r} names the finding, and so does findings={findings!r} for the"
            " layers of each array; leave one of them out"
        )


def place_of(name: str, pattern: str, known: KnownFilms) -> tuple[str, str]:
    """Film and finding of a map.

    Args:
        name: Path of the map below the folder of maps, with slashes.
        pattern: How maps are named.
        known: The films and findings that it may be of.

    Raises:
        MapError: The name fits no film and finding of the data, or several.
    """
    if "{finding}" not in pattern and len(known.findings) > 1:
        raise MapError(
            f"{name}: {pattern!r} does not say the finding, and {known.data!r} has several; put"
            " {finding} into pattern=..., or name those of the layers of each array with"
            " findings=..."
        )
    places = list(dict.fromkeys(_places(name, pattern, known)))
    if not places:
        raise MapError(
            f"{name} fits {pattern!r} with no film and finding of {known.data!r}:"
            f" {known.described()}; say how the maps are named with pattern=... of the importer"
        )
    if len(places) > 1:
        either = " or ".join(f"{finding!r} of film {film!r}" for film, finding in places[:2])
        raise MapError(f"{name} may be {either}; rename it, or put a folder between the two names")
    return places[0]


def film_of(name: str, pattern: str, known: KnownFilms) -> str:
    """Film of an array that holds several findings, whose name says none; raises MapError."""
    alone = KnownFilms(known.data, known.image_ids, ("",))
    return place_of(name, pattern, alone)[0]


def _places(name: str, pattern: str, known: KnownFilms) -> Iterator[tuple[str, str]]:
    folders = [0, *(match.end() for match in re.finditer("/", name))]
    for finding in known.findings:
        for expression in _expressions(pattern, finding):
            for start in folders:
                match = expression.fullmatch(name, start)
                film = known.film(match[1]) if match else None
                if film is not None:
                    yield film, finding


@cache
def _expressions(pattern: str, finding: str) -> tuple[re.Pattern[str], ...]:
    """Regular expressions of a pattern for one finding, with the film as their group."""
    # Files often have underscores where findings have spaces.
    spelled = "[ _]".join(map(re.escape, re.split("[ _]", finding)))
    parts = {"{finding}": f"(?i:{spelled})", "*": "[^/]*?"}
    # A star may take as little as it can, or as much; what is left is the film.
    return tuple(
        re.compile(
            "".join(
                {**parts, "{image_id}": film}.get(text, re.escape(text))
                for text in _FIELDS.split(pattern)
            )
        )
        for film in (("(.+)", "(.+?)") if "*" in pattern else ("(.+)",))
    )


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in _PICTURES else name
