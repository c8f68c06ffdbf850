"""highdicom, which makes DICOM objects of other objects; or words where it is absent."""

from typing import Any

from heatproof.errors import ExperimentError


def highdicom() -> Any:
    """The library; raises ExperimentError where it is not installed."""
    try:
        import highdicom as library
        import highdicom.sr
    except ImportError as error:
        raise ExperimentError(
            "DICOM is written by highdicom, which is not installed: pip install 'heatproof[clinic]'"
        ) from error
    return library
