"""MURA: radiographs of the upper extremity, with the marks of three radiologists on some.

Point at the folder of MURA-v1.1, or at one of renamed films::

    [data]
    dataset = "mura"
    root = "MURA-v1.1"
    annotations = "saliency-trustworthiness/sample_annotations"
    films = "saliency-trustworthiness/datafiles/saliency_test_set.txt"

======================  ===========================================================================
layout                  films, and whether their study is abnormal
======================  ===========================================================================
as downloaded           ``{train,valid}/XR_ELBOW/patient11264/study1_positive/image1.png``
renamed, by studies of  ``valid_ELBOW_p11264_s1_image1.png`` in one folder (and folders in it), and
saliency maps           ``labels.csv`` with the columns Image and Positive (1 or 0)
======================  ===========================================================================

In both, a film is ``valid_ELBOW_p11264_s1_image1``.  ``annotations`` is a folder with a table
``{reader}_annotations.csv`` (VGG Image Annotator) for each reader and, if it is there,
``subgroups.csv``.  Each reader is a source; what they agree on is the reference.  Films on which no
pixel is agreed are *inconclusive*: they keep their label, and have no reference.  Metadata are
``region``, ``consensus`` (agreed or inconclusive) and ``subgroup``.

Traps.  A label is that of the study: films of an abnormal study need not show why.  Films are of
many sizes and shapes, and marks are in pixels of the stored film: published code squashes masks to
320 x 320 but shows the network a centre crop.  macOS has left ``._image1.png`` among the films.

Published lists (``films = ...``): one film a line, such as ``test_100.txt`` (1,311 films),
``test_100_pos.txt`` (638), and ``saliency_test_set.txt`` (588, those with a consensus).

Download: https://stanfordmlgroup.github.io/competitions/mura/ (a form).  Licence: Stanford's
research use agreement; no film may be passed on.  Sources: Rajpurkar et al., MIDL 2018,
https://arxiv.org/abs/1712.06957; marks, lists and subgroups: Venkatesh et al., J Imaging Inform Med
2024, https://doi.org/10.1007/s10278-024-01136-4, https://github.com/kvenkatesh5/saliency-trustworthiness.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from heatproof.data.annotations.consensus import Rule, consensus
from heatproof.data.annotations.formats.via import Region, drawn, read_via
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.splits.published import names_in
from heatproof.data.tabular import find_table, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.disk import is_file
from heatproof.errors import DataError, near_misses
from heatproof.types import REFERENCE, Annotation, Sample

FINDING = "Abnormality"
_TREE = re.compile(r"XR_(?P<region>[A-Z]+)/patient(?P<patient>\d+)/study(?P<study>\d+)_"
                   r"(?P<label>positive|negative)/image(?P<image>\d+)\.png")  # fmt: skip
_RENAMED = re.compile(
    r"(?P<part>train|valid)_(?P<region>[A-Z]+)_p(?P<patient>\d+)_s(?P<study>\d+)_image(?P<image>\d+)"
)
_READER = "_annotations.csv"


class _Film(NamedTuple):
    """A film, its label, and what its name says."""

    name: str
    path: Path
    label: bool

    @property
    def said(self) -> Mapping[str, str]:
        found = _RENAMED.fullmatch(self.name)
        return found.groupdict() if found else {}


@datasets.register("mura")
@dataclass(frozen=True)
class MURA(Listed):
    """MURA v1.1: abnormality of bones and joints, marks of three readers.

    Attributes:
        root: The folder of MURA-v1.1, or of renamed films with their ``labels.csv``.
        split: ``"all"`` films, or the official ``"train"`` or ``"valid"``.
        films: A list of the films to keep, one a line; what follows a comma is not read.
        regions: Parts of the body to keep, such as ``["ELBOW", "WRIST"]``; all unless told.
        annotations: Folder of the readers' tables; the root, or its folder ``annotations``, unless
            told.
        consensus: Which pixels are the reference: those that the ``"majority"`` of the readers of a
            film marked, the ``"union"`` or ``"intersection"``; ``"none"`` makes no reference.
        readers: Whether the marks of each reader are kept, too, as further sources.
    """

    root: Path | str
    split: Literal["all", "train", "valid"] = "all"
    films: Path | str | None = None
    regions: tuple[str, ...] = ()
    annotations: Path | str | None = None
    consensus: Literal["majority", "union", "intersection", "none"] = "majority"
    readers: bool = True

    @property
    def findings(self) -> tuple[str, ...]:
        """Abnormality alone."""
        return (FINDING,)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        films = self._wanted(self._renamed() if self._is_renamed else self._in_tree())
        marks, subgroups = self._marks(), self._subgroups()
        problems = Problems()
        samples = []
        for film in films:
            with problems.noted():
                samples.append(self._sample(film, marks, subgroups))
        problems.refuse(self.root)
        return tuple(samples)

    def _sample(
        self,
        film: _Film,
        marks: Mapping[str, Mapping[str, tuple[Region, ...]]],
        subgroups: Mapping[str, str],
    ) -> Sample:
        said = film.said
        read_by = {reader: regions[film.name] for reader, regions in marks.items()
                   if film.name in regions}  # fmt: skip
        shapes = {reader: shape for reader, regions in read_by.items()
                  if (shape := drawn(regions)) is not None}  # fmt: skip
        annotations = [
            Annotation(FINDING, reader, shape) for reader, shape in shapes.items() if self.readers
        ]
        metadata: dict[str, str | float] = {"region": said["region"]}
        if read_by and self.consensus != "none":
            rule: Rule = self.consensus
            agreed = consensus(list(shapes.values()), len(read_by), rule)
            metadata["consensus"] = "agreed" if agreed else "inconclusive"
            annotations[:0] = [Annotation(FINDING, REFERENCE, agreed)] if agreed else []
        if film.name in subgroups:
            metadata["subgroup"] = subgroups[film.name]
        return Sample(
            image_id=film.name,
            pixels=ImageFile(film.path),
            patient_id=f"p{said['patient']}",
            labels={FINDING: film.label},
            annotations=tuple(annotations),
            study_id=film.name.rpartition("_image")[0],
            metadata=metadata,
        )

    @property
    def _is_renamed(self) -> bool:
        return is_file(Path(self.root) / "labels.csv")

    def _in_tree(self) -> Iterator[_Film]:
        """Films of the folder as it is downloaded, sorted by part, region, patient and study."""
        root = Path(self.root)
        for part in ("train", "valid"):
            for path in sorted((root / part).glob("XR_*/patient*/study*/image*.png")):
                found = _TREE.fullmatch(path.relative_to(root / part).as_posix())
                if found is None:
                    raise DataError(
                        f"{path}: expected XR_REGION/patient00000/study1_positive/image1.png, or"
                        " study1_negative"
                    )
                name = "{region}_p{patient}_s{study}_image{image}".format(**found.groupdict())
                yield _Film(f"{part}_{name}", path, found["label"] == "positive")

    def _renamed(self) -> Iterator[_Film]:
        """Films of a folder of renamed films, in the order of its table."""
        root = Path(self.root)
        problems = Problems()
        labels: dict[str, bool] = {}
        for row in read_rows(root / "labels.csv"):
            with problems.noted():
                name, label = Path(row["Image"]).name.removesuffix(".png"), row["Positive"]
                if not _RENAMED.fullmatch(name):
                    raise row.wrong("Image", "a name such as valid_ELBOW_p11264_s1_image1.png")
                if name in labels:
                    raise row.wrong("Image", "each film once, but it came before")
                if label not in ("0", "1", "0.0", "1.0"):
                    raise row.wrong("Positive", "1 (abnormal) or 0")
                labels[name] = label[0] == "1"
        problems.refuse(root)
        paths = find_films(root, labels, ".png")
        yield from (_Film(name, paths[name], label) for name, label in labels.items())

    def _wanted(self, films: Iterator[_Film]) -> list[_Film]:
        """The films of the split, the regions and the list, in the order of the list."""
        every = list(films)
        if not every:
            raise DataError(
                f"{self.root} has neither labels.csv nor films such as"
                " valid/XR_ELBOW/patient11264/study1_positive/image1.png; expected root = the"
                " folder MURA-v1.1"
            )
        self._check_regions({film.said["region"] for film in every})
        kept = {
            film.name: film
            for film in every
            if self.split in ("all", film.said["part"])
            and (not self.regions or film.said["region"] in self.regions)
        }
        if self.films is None:
            return list(kept.values())
        path = Path(self.films)
        names = [name.removesuffix(".png") for name in names_in(path)]
        known = {film.name for film in every}
        if strangers := [name for name in names if name not in known]:
            raise DataError(
                f"{path}: {len(strangers)} of {len(names)} films are not in {self.root}, such as"
                f" {strangers[0]!r}; is films = ... the list of another data set?"
            )
        return [kept[name] for name in names if name in kept]

    def _check_regions(self, known: set[str]) -> None:
        for region in self.regions:
            if region not in known:
                raise DataError(
                    f"{self.root} has no region {region!r}; {near_misses(region, known)}"
                )

    @property
    def _folders(self) -> list[Path]:
        root = Path(self.root)
        return [Path(self.annotations)] if self.annotations else [root, root / "annotations"]

    def _marks(self) -> dict[str, dict[str, tuple[Region, ...]]]:
        """The regions of each film, by reader."""
        paths = [path for folder in self._folders for path in sorted(folder.glob(f"*{_READER}"))]
        if self.annotations and not paths:
            raise DataError(f"{self.annotations} has no table such as rad1{_READER}")
        problems = Problems()
        marks: dict[str, dict[str, tuple[Region, ...]]] = {}
        for path in paths:
            with problems.noted():
                read = {name.removesuffix(".png"): regions
                        for name, regions in read_via(path).items()}  # fmt: skip
                marks[path.name.removesuffix(_READER)] = read
        problems.refuse(self.annotations or self.root)
        return marks

    def _subgroups(self) -> dict[str, str]:
        """The subgroup of each film that has one."""
        path = find_table(self._folders, ["subgroups.csv"])
        rows = () if path is None else read_rows(path)
        return {row["Image"].removesuffix(".png"): row["lumped_subgroup"] for row in rows}
