"""Films fetched from a PACS by DICOMweb (PS3.18: QIDO-RS and WADO-RS), and kept in a folder.

An instance is fetched once: it lies in the folder under the digest of server, study, series and
instance, with the SHA-256 of its bytes beside it, and is fetched again where it is not as it was
written.  Connections go to the address that was given, and nowhere else.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from heatproof.disk import write_whole
from heatproof.errors import DataError

_TIMEOUT = 30  # seconds without an answer
_IMAGES = {"CR", "DX", "MG", "RF", "XA", "OT", "IO", "PX"}  # modalities of single projections
_SERIES, _INSTANCE = "0020000E", "00080018"
_MODALITY = "00080060"
TOKEN = "HEATPROOF_DICOMWEB_TOKEN"
"""Variable of the environment with a bearer token, which therefore stands in no file."""


@dataclass(frozen=True)
class Instance:
    """One film of a PACS.

    Attributes:
        study: Study Instance UID.
        series: Series Instance UID.
        instance: SOP Instance UID.
    """

    study: str
    series: str
    instance: str


@dataclass(frozen=True)
class Pacs:
    """A PACS that speaks DICOMweb.

    Attributes:
        url: The root of its DICOMweb service, such as ``"http://localhost:8042/dicom-web"``.
        folder: Where instances are kept.
    """

    url: str
    folder: Path

    def __post_init__(self) -> None:
        """Raises DataError for what is no address."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise DataError(
                f"url = {self.url!r} is no address, expected such as"
                " http://localhost:8042/dicom-web, the root of DICOMweb"
            )
        if parts.username or parts.password:
            raise DataError(
                f"url of {parts.hostname}: a password in an experiment file is read by everybody"
                f" who reads the file; give a token by the environment: {TOKEN}"
            )

    def instances(self, study: str) -> list[Instance]:
        """The films of a study, sorted by their identifiers.

        Raises:
            DataError: The server does not answer, or does not have the study, or no film of it.
        """
        with self._talking(f"study {study}"):
            found = self._client.search_for_instances(study_instance_uid=study, get_remaining=True)
        if not found:
            raise DataError(f"{self.url} has no study {study}; is it a Study Instance UID?")
        films = [
            Instance(study, _value(each, _SERIES), _value(each, _INSTANCE))
            for each in found
            if _value(each, _MODALITY) in _IMAGES
        ]
        if not films:
            kinds = ", ".join(sorted({_value(each, _MODALITY) for each in found}))
            raise DataError(
                f"{self.url}: study {study} has no film, only {kinds}; expected a radiograph (CR,"
                " DX, ...)"
            )
        return sorted(films, key=lambda film: (film.series, film.instance))

    def file(self, film: Instance) -> Path:
        """Where a film lies or will lie; no connection is made."""
        place = "\0".join((self.url.rstrip("/"), film.study, film.series, film.instance))
        return self.folder / f"{hashlib.sha256(place.encode()).hexdigest()[:32]}.dcm"

    def fetched(self, film: Instance) -> Path:
        """The file of a film, which is fetched unless it is there.

        Raises:
            DataError: The server does not answer, or does not have the film, or it is no image.
        """
        file = self.file(film)
        if _is_whole(file):
            return file
        with self._talking(f"instance {film.instance}"):
            dataset = self._client.retrieve_instance(film.study, film.series, film.instance)
        if "Rows" not in dataset or "PixelData" not in dataset:
            raise DataError(
                f"{self.url}: instance {film.instance} is {dataset.SOPClassUID.name}, which is no"
                " image"
            )
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        content = buffer.getvalue()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
        write_whole(_seal(file), hashlib.sha256(content).hexdigest())
        return file

    @cached_property
    def _client(self) -> Any:
        try:
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise DataError(
                "a PACS is asked by dicomweb-client, which is not installed: pip install"
                " 'heatproof[clinic]'"
            ) from error
        token = os.environ.get(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else None
        client = DICOMwebClient(self.url, headers=headers, timeout=_TIMEOUT)
        # A busy server is asked three times in two seconds; one that is not there is told as soon.
        client.set_http_retry_params(max_attempts=3, wait_exponential_multiplier=250)
        return client

    @contextmanager
    def _talking(self, what: str) -> Iterator[None]:
        """Turn what goes wrong on the way into words."""
        import requests  # which dicomweb-client brings

        try:
            yield
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "?"
            hints: Mapping[Any, str] = {
                401: f"it wants to know who asks: set {TOKEN}",
                403: f"whoever asks may not: is {TOKEN} right?",
                404: "it has none; is the url the root of DICOMweb, and is it stored there?",
            }
            hint = hints.get(status, "see the log of the server")
            raise DataError(f"{self.url}, {what}: status {status}; {hint}") from error
        except requests.RequestException as error:
            raise DataError(
                f"{self.url} does not answer ({type(error).__name__}) for {what}; is the server"
                " running, and may this machine reach it?"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self.url} answers {what} with something that is no DICOMweb ({error}); is the"
                " url its root, such as .../dicom-web?"
            ) from error


def _value(each: Mapping[str, Any], tag: str) -> str:
    values = each.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _seal(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _is_whole(file: Path) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == _seal(file).read_text()
    except (OSError, ValueError):
        return False
