"""``[study]`` of an experiment file: the published study that it repeats, and what was chosen."""

from typing import Annotated

import pydantic

from heatproof.experiment.settings import Name, SettingsTable

Count = Annotated[int, pydantic.Field(ge=0)]
Text = Annotated[str, pydantic.Field(min_length=1)]


class Choice(SettingsTable):
    """What a paper leaves open, or contradicts, and what this experiment does.

    Attributes:
        gap: What the paper does not say, or says in two ways.
        choice: What is done here.
        why: The reason.
    """

    gap: Text
    choice: Text
    why: Text


class Counts(SettingsTable):
    """How many films a published data set has.

    Attributes:
        films: Films, with those that cannot be read.
        positive: Films with the finding, of a data set with one finding.
    """

    films: Count
    positive: Count | None = None


class Study(SettingsTable):
    """The published study that an experiment repeats; its numbers stand on the page.

    Attributes:
        of: Tags of the sources in ``heatproof.report.published``, such as ``"Aggarwal 2020"``.
        data: Name of each data set here, to its name in the published numbers.
        stand_ins: Architecture here, to the one whose published numbers stand beside it; an
            architecture that is not there stands for itself.
        counts: Published number of films of each data set here, which are checked before work.
        choices: What the study leaves open, and what was chosen.
        phantoms: Whether the films are phantoms, so that no number is a result.
    """

    of: Annotated[list[Name], pydantic.Field(min_length=1)]
    data: dict[str, Name]
    stand_ins: dict[str, Name] = {}
    counts: dict[str, Counts] = {}
    choices: list[Choice] = []
    phantoms: bool = False
