"""Where the pictures of a page are: in the page itself or, where they would make it slow to open
and heavy to send, in a folder beside it.

A picture is named by its content and not by its film, so that the name tells nothing of a patient,
and a film that several cases show is there once.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator

from heatproof.report.content import Content
from heatproof.report.gallery import Picture

FOLDER = "pictures"
IN_PAGE = 16_000_000
"""Letters that pictures may take of a page; a page of 25 MB leaves the rest to its tables."""


def data_uri(picture: Picture) -> str:
    """The picture as an address that holds the picture itself."""
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def picture_id(picture: Picture) -> str:
    """The name of a picture: equal pictures have equal names."""
    return f"p{hashlib.sha256(picture.data).hexdigest()[:20]}"


def films(content: Content) -> dict[str, Picture]:
    """Every film of the gallery once, by its name."""
    return {picture_id(case.film): case.film for case in content.gallery.cases}


def beside_the_page(content: Content) -> dict[str, bytes]:
    """Path to picture, of the pictures that stand beside the page; empty where it holds them."""
    once, layers = films(content), list(_layers(content))
    # Three bytes become four letters.
    if sum(4 * len(picture.data) // 3 for picture in (*once.values(), *layers)) <= IN_PAGE:
        return {}
    pictures = once | {picture_id(layer): layer for layer in layers}
    return {_path(picture): picture.data for picture in pictures.values()}


def addresses(content: Content) -> Callable[[Picture], str]:
    """The function that gives the address of a picture, as the page names it."""
    return _path if beside_the_page(content) else data_uri


def _path(picture: Picture) -> str:
    return f"{FOLDER}/{picture_id(picture)}.{picture.mime.removeprefix('image/')}"


def _layers(content: Content) -> Iterator[Picture]:
    for case in content.gallery.cases:
        yield from (made.layer for made in case.maps if made.layer)
