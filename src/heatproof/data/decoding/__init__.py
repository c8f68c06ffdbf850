"""Files as decoders read them: what they raise becomes an error in words that names the file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, TiffTags, UnidentifiedImageError

from heatproof.errors import AnnotationError, PixelError

TIFF_TAGS = {tag.name: number for number, tag in TiffTags.TAGS_V2.items()}


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn what the decoders raise into a PixelError that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pydicom")
            warnings.filterwarnings("ignore", module="PIL")
            # The last filter is asked first, so this warning of Pillow is an error all the same.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except AnnotationError:
        raise  # of a mask, by whoever decodes it
    except PixelError as error:
        raise PixelError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise PixelError(f"{path}: there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PixelError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        raise PixelError(
            f"{path}: neither PNG, JPEG, TIFF nor DICOM, whatever its name says"
            " (a DICOM file without its 128-byte preamble?)"
        ) from error
    # No library documents what broken input raises, and any list of it was too short.
    except Exception as error:
        told = str(error) or type(error).__name__
        raise PixelError(f"{path}: cannot be decoded ({told}); truncated or damaged?") from error
