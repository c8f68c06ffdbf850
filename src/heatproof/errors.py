"""Every error that heatproof raises on purpose.

HeatproofError
├── Several            several of these at once
├── SpecError          a spec names a part or an option that does not exist
├── ExperimentError    an experiment file asks for something impossible
├── DataError          a data set is not what its description says
│   ├── PixelError     one radiograph cannot be read; a run sets it aside and goes on
│   └── AnnotationError  an annotation does not fit its radiograph
│       └── DamagedMaskError  the file of one mask cannot be read; likewise set aside
├── ModelError         a model, its card or its weights do not fit together
│   ├── UnreachableError  weights cannot be downloaded from here
│   └── TrainingError  a training ends by its own settings: no finite loss, too little memory
├── MapError           maps are missing, malformed, or not of the images they claim
│   └── UnsafePickleError  a pickle asks for more than tensors
└── DamagedError       a file of the run's own is not as it was written; it is made again
    ├── DamagedMapError  likewise a map, which counts as missing from then on
    └── AbsentMapError   a map is not there; a run that asks for it makes it again

A message says what was found, where, what was expected, and the likely mistake.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class HeatproofError(Exception):
    """The root: catching it catches everything that is the input's fault."""


class Several(HeatproofError):  # noqa: N818  # it is many
    """Several things are wrong, each by itself.

    Attributes:
        errors: What is wrong, in the order in which it was found.
    """

    def __init__(self, errors: Iterable[HeatproofError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


class Gathered:
    """Errors of things that do not depend on each other, so that one round tells them all.

    Attributes:
        errors: Those that were met, each message once.
    """

    def __init__(self) -> None:
        self.errors: list[HeatproofError] = []

    @contextmanager
    def each(self) -> Iterator[None]:
        """Keep an error of this block, and go on behind it."""
        try:
            yield
        except Several as error:
            self.errors += [one for one in error.errors if str(one) not in map(str, self.errors)]
        except HeatproofError as error:
            self.errors += [error] if str(error) not in map(str, self.errors) else []

    def tell(self) -> None:
        """Raise what was met: the error itself where there is one, ``Several`` of more."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Several(self.errors)


@contextmanager
def read_by_a_library(error: type[HeatproofError], words: str) -> Iterator[None]:
    """Answer in words whatever a library runs into while it decodes a file of others.

    Libraries tell of a damaged file by errors of every kind (``TokenError``, ``zlib.error``,
    ``AssertionError``, ``RecursionError``, ...), so that any list of kinds is too short.

    Args:
        error: What is raised instead; errors of heatproof itself pass as they are.
        words: What is wrong with which file, to which the library's own words are added.
    """
    try:
        yield
    except HeatproofError:
        raise
    except Exception as cause:
        raise error(f"{words}: {str(cause) or type(cause).__name__}") from cause


class SpecError(HeatproofError, ValueError):
    """A spec names a part or an option that does not exist."""


class ExperimentError(HeatproofError, ValueError):
    """An experiment file asks for something impossible."""


class DataError(HeatproofError, ValueError):
    """A data set is not what its description says."""


class PixelError(DataError):
    """One radiograph cannot be read; a run sets it aside and goes on."""


class AnnotationError(DataError):
    """An annotation does not fit its radiograph."""


class DamagedMaskError(AnnotationError):
    """The file of one mask cannot be read; a run sets the annotation aside and goes on."""


class ModelError(HeatproofError, ValueError):
    """A model, its card or its weights do not fit together."""


class UnreachableError(ModelError):
    """Weights cannot be downloaded from here."""


class TrainingError(ModelError):
    """A training ends by its own settings: its loss is no longer finite, or memory is too small."""


class MapError(HeatproofError, ValueError):
    """Maps are missing, malformed, or not of the images they claim."""


class UnsafePickleError(MapError):
    """A pickle asks for more than tensors."""


class DamagedError(HeatproofError):
    """A file of the run's own is not as it was written; a run makes it again."""


class DamagedMapError(MapError, DamagedError):
    """A map is not as it was put, and counts as missing from now on."""


class AbsentMapError(MapError, DamagedError):
    """A map is not in a store.

    Of a run it was there: another thread that found it damaged may have taken it out.
    """


class DamagedFile(UserWarning):
    """A file of the run's own is not as it was written, and is made again."""


class FullMemory(UserWarning):
    """Memory was full, and work goes on with less at once."""


class FormerOption(UserWarning):
    """An option that a part no longer has was given, and is ignored."""


_LISTED = 40  # names that a message lists: all methods, and not all films


def near_misses(name: str, candidates: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was probably meant, or what there is."""
    names = sorted(candidates)
    # A name of one or two letters is part of too many others to say anything.
    part = [other for other in names if len(name) > 2 and (name in other or other in name)]  # noqa: PLR2004
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6) or part[:3]
    if close:
        return f"did you mean {' or '.join(close)}?"
    if len(names) > _LISTED + 1:  # never "and 1 more"
        names = [*names[:_LISTED], f"and {len(names) - _LISTED} more"]
    return f"there are: {', '.join(names)}" if names else "there are none"
