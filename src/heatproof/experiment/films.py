"""The films of an experiment: data sets opened, checked, and filtered for the model that judges."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from stat import S_ISREG

from heatproof.data.annotations import was_misread
from heatproof.data.check import Problem, check
from heatproof.data.datasets import datasets
from heatproof.data.pseudonymized import HIDDEN, Pseudonymized
from heatproof.data.pseudonyms import Pseudonyms, read_key
from heatproof.data.splits import Subset, split
from heatproof.data.tabular.spellings import plain
from heatproof.disk import is_file
from heatproof.errors import DataError, ExperimentError, Gathered, SpecError
from heatproof.experiment.file import Experiment
from heatproof.experiment.settings import Data
from heatproof.tables.units import digest
from heatproof.types import BENCHMARK, Annotation, Dataset, Sample
from heatproof.words import spelled

SHOWN = 20  # problems in one message; more are counted
_MISSING = (
    '\nMend them, or say missing = "set aside" at the top of the experiment to go on without'
    " missing files."
)


@dataclass(frozen=True)
class OpenedData:
    """One data set of an experiment, by the name it has there.

    Attributes:
        name: Name of the data in reports.
        dataset: The films.
        missing: Films without a file, where the experiment sets them aside: the reason by image_id.
        damaged: Films that cannot be read, as far as their headers tell; likewise.
        marks: Marks that cannot be used, as far as is known before masks are read: the film, or the
            place in a file, and the reason.
        benchmark: Reader whose annotations are no reference but are compared with it.
        hides: Whether films have pseudonyms, so that no words may name one otherwise.
    """

    name: str
    dataset: Dataset
    missing: Mapping[str, str]
    damaged: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[tuple[str, str], ...] = ()
    benchmark: str = BENCHMARK
    hides: bool = False
    _versions: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _drawn: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _in_files: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def version(self, sample: Sample) -> str:
        """``Pixels.version`` of one of the films, as it was when a run asked first.

        The file system is asked once, however many models and methods there are, and all units of a
        run speak of one film.  ``check_unchanged`` says whether it still is the same.
        """
        if sample.image_id not in self._versions:
            self._versions[sample.image_id] = sample.pixels.version()
        return self._versions[sample.image_id]

    def told(self, sample: Sample, reason: str) -> str:
        """Why a film or a mark of it is set aside, in words that tables and pages may hold."""
        return _without_names(sample, reason) if self.hides else reason

    def check_unchanged(self, sample: Sample) -> None:
        """Raises DataError where a film is another than at first, PixelError where it is gone."""
        if sample.pixels.version() != self.version(sample):
            raise DataError(
                f"data {self.name!r}: the file of {sample.image_id!r} was changed while the run"
                " read it; nothing was made of it. Give the same command again"
            )

    def check_marks_unchanged(self, sample: Sample) -> None:
        """As ``check_unchanged``, for the film and for the files of what is marked on it."""
        self.check_unchanged(sample)
        if annotations_digest(sample) != self.drawn(sample):
            raise DataError(
                f"data {self.name!r}: a file of what is marked on {sample.image_id!r} was changed"
                " or removed while the run went on. Give the same command again"
            )

    def check_files_of_marks(self, sample: Sample) -> None:
        """As ``check_marks_unchanged``; the file system is not asked where a table holds marks."""
        if sample.image_id not in self._in_files:
            drawn = [dataclasses.asdict(annotation) for annotation in sample.annotations]
            self._in_files[sample.image_id] = any(True for _ in _paths(drawn))
        if self._in_files[sample.image_id]:
            self.check_marks_unchanged(sample)

    def drawn(self, sample: Sample) -> str:
        """``annotations_digest`` of one of the films, as it was when a run asked first."""
        if sample.image_id not in self._drawn:
            self._drawn[sample.image_id] = annotations_digest(sample)
        return self._drawn[sample.image_id]

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that is labelled or annotated."""
        return tuple(self.dataset.findings)

    @cached_property
    def usable(self) -> Dataset:
        """The data set without the films that are not there, or cannot be read."""
        aside = {*self.missing, *self.damaged}
        if not aside:
            return self.dataset
        every = range(len(self.dataset))
        kept = [index for index in every if self.dataset[index].image_id not in aside]
        return Subset(self.dataset, tuple(kept))

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """Every film whose file is there, with its pixels unread.

        What the benchmark marked stands in ``Sample.benchmark``, apart from the references.
        """
        # Films with damaged headers stay: they are set aside with their reason when they are read.
        every = (self.dataset[index] for index in range(len(self.dataset)))
        present = (sample for sample in every if sample.image_id not in self.missing)
        return tuple(self._with_benchmark_apart(sample) for sample in present)

    def _with_benchmark_apart(self, sample: Sample) -> Sample:
        benchmark = tuple(a for a in sample.annotations if a.source == self.benchmark)
        if not benchmark:
            return sample
        # The benchmark is compared with the references, so it cannot be one of them.
        references = tuple(a for a in sample.annotations if a.source != self.benchmark)
        return dataclasses.replace(sample, annotations=references, benchmark=benchmark)

    @property
    def marked(self) -> tuple[str, ...]:
        """Findings that somebody marked on a film."""
        marked = (annotation.finding for s in self.samples for annotation in s.annotations)
        return tuple(dict.fromkeys(marked))

    @cached_property
    def digest(self) -> str:
        """Changes when any film, label or annotation does."""
        return digest([(s.image_id, self.fingerprint(s)) for s in self.samples])

    def fingerprint(self, sample: Sample) -> str:
        """Changes when one of the films, its labels or its annotations do."""
        return digest(
            self.version(sample),
            sorted((finding, str(label)) for finding, label in sample.labels.items()),
            self.drawn(sample),
            sample.cluster,
        )


def open_data(experiment: Experiment) -> dict[str, OpenedData]:
    """Every data set, opened and checked by its headers.

    Raises:
        DataError: A data set is not what its description says; every problem is listed.
        ExperimentError: The description itself is wrong.
    """
    opened: dict[str, OpenedData] = {}
    gathered = Gathered()
    for entry in experiment.data:
        with gathered.each():
            opened[entry.name] = open_one(
                entry,
                experiment.folder,
                refuse_missing=experiment.missing == "error",
                benchmark=experiment.score.benchmark,
            )
    gathered.tell()
    check_patients(opened)
    return opened


def pseudonymous(
    experiment: Experiment, opened: Mapping[str, OpenedData]
) -> Mapping[str, OpenedData]:
    """The same data sets under pseudonyms, where an experiment asks for them.

    Raises:
        DataError: The key cannot be read.
    """
    if experiment.pseudonyms is None:
        return opened
    pseudonyms = read_key(experiment.folder / experiment.pseudonyms)
    return {name: _hidden(data, pseudonyms) for name, data in opened.items()}


def _hidden(data: OpenedData, pseudonyms: Pseudonyms) -> OpenedData:
    dataset = Pseudonymized(data.dataset, pseudonyms)
    films = {
        data.dataset[index].image_id: dataset[index]
        for index in range(len(dataset))
        if data.dataset[index].image_id in {*data.missing, *data.damaged}
    }

    def hidden(reasons: Mapping[str, str]) -> dict[str, str]:
        return {
            films[name].image_id: _without_names(films[name], reason)
            for name, reason in reasons.items()
        }

    return OpenedData(
        data.name,
        dataset,
        hidden(data.missing),
        hidden(data.damaged),
        tuple((pseudonyms.of("film", place), HIDDEN) for place, _ in data.marks),
        data.benchmark,
        hides=True,
    )


def _without_names(sample: Sample, reason: str) -> str:
    """The reason with the pseudonym of the film in place of its files and whatever names it."""
    film = getattr(sample.pixels, "path", None)
    drawn = [dataclasses.asdict(annotation) for annotation in sample.annotations]
    for path in _paths([film, drawn]):
        # The longest first, since each holds the next; whole words, since a stem may be short.
        for name in (str(path), path.name, path.stem):
            whole = rf"(?<!\w){re.escape(name)}(?!\w)"
            reason = re.sub(whole, lambda _: sample.image_id, reason)
    return reason


def open_one(
    entry: Data, folder: Path, *, refuse_missing: bool, benchmark: str = BENCHMARK
) -> OpenedData:
    """One data set, opened and checked by its headers.

    Args:
        entry: Its table.
        folder: Where relative paths start.
        refuse_missing: Whether a film without a file is an error, or set aside.
        benchmark: Reader whose annotations are no reference.

    Raises:
        DataError: It is not what its description says; every problem is listed.
        ExperimentError: The description itself is wrong.
    """
    return _checked(entry.name, _open(entry, folder), refuse_missing, benchmark)


def check_patients(opened: Mapping[str, OpenedData]) -> None:
    """Raises DataError where two data sets spell one patient in two ways, and so as two."""
    seen: dict[str, tuple[str, str]] = {}
    for name, films in opened.items():
        for patient in dict.fromkeys(s.patient_id for s in films.samples if s.patient_id):
            other, spelled = seen.setdefault(plain(patient), (name, patient))
            if spelled != patient:
                raise DataError(
                    f"patient {spelled!r} of {other!r} and patient {patient!r} of {name!r}: one"
                    " patient, who would count as two, under two spellings? Write both alike (data"
                    " frames write 48 as 48.0 where a cell of its column is empty)"
                )


def _checked(name: str, dataset: Dataset, refuse_missing: bool, benchmark: str) -> OpenedData:
    """One data set, checked by its headers; raises DataError."""
    if not len(dataset):
        raise DataError(f"data {name!r}: there is no image; is its table or its part empty?")
    problems = check(dataset)
    gone = {p.image_id: p.reason for p in problems if p.missing and p.whole}
    wrong = [p for p in problems if p.fatal and (refuse_missing or not p.missing)]
    if wrong:
        hint = _MISSING if any(p.missing for p in wrong) else ""
        raise DataError(
            _listed(name, f"{len(wrong)} film(s) cannot be judged as described", wrong, hint)
        )
    damaged = {p.image_id: p.reason for p in problems if not p.fatal and p.whole}
    marks = tuple((p.image_id, p.reason) for p in problems if not p.whole)
    if len(gone | damaged) == len(dataset):
        raise DataError(_listed(name, f"none of {len(dataset)} films can be read", problems))
    return OpenedData(name, dataset, gone, damaged, marks, benchmark)


def matching(
    films: OpenedData, values: Mapping[str, str | list[str]], where: str
) -> tuple[Sample, ...]:
    """Films whose metadata have these values; raises ExperimentError for an unknown key."""
    keys = {key for sample in films.samples for key in sample.metadata}
    for key in values:
        if key not in keys:
            raise ExperimentError(
                f"{where}: no film of {films.name!r} has metadata {key!r}; there are: "
                f"{', '.join(sorted(keys)) or 'none (does the data set read that column?)'}"
            )
    # A number is written without decimals, however an option spells it.
    wanted = {
        key: {text for option in ([value] if isinstance(value, str) else value)
              for text in (option, plain(option))}
        for key, value in values.items()
    }  # fmt: skip
    return tuple(
        sample
        for sample in films.samples
        if all(spelled(sample.metadata.get(key)) in options for key, options in wanted.items())
    )


def annotations_digest(sample: Sample) -> str:
    """Changes when an annotation of the film does, or the file that holds it."""
    return drawn_digest(sample.annotations)


def drawn_digest(annotations: Sequence[Annotation]) -> str:
    """Changes when one of these annotations does, or the file that holds it."""
    drawn = [dataclasses.asdict(annotation) for annotation in annotations]
    # ``asdict`` forgets the class of a shape, so that two classes with equal fields would agree.
    kinds = [type(annotation.shape).__name__ for annotation in annotations]
    files = [(file.stat().st_size, file.stat().st_mtime_ns) for file in _files(drawn)]
    # Scores against a mask that was read wrongly once are made anew, and no others.
    anew = ["read anew"] if any(was_misread(a.shape) for a in annotations) else []
    return digest(drawn, kinds, files, *anew)


def last_change(sample: Sample) -> int | None:
    """When the files of a film and of its annotations last changed, in nanoseconds.

    Unlike the time by which ``version`` tells films apart, no program can set it: it also changes
    where a file is replaced by one of equal size and time.  None where there are no files.
    """
    drawn = [dataclasses.asdict(annotation) for annotation in sample.annotations]
    film = getattr(sample.pixels, "path", None)
    return max(_changes([film, drawn]), default=None)


def _changes(value: object) -> Iterator[int]:
    """When the files that plain values name, and that are there, last changed."""
    for path in _paths(value):
        with suppress(OSError, ValueError):  # gone, or a name that no file can have
            status = path.stat()
            if S_ISREG(status.st_mode):
                yield status.st_ctime_ns


def _files(value: object) -> Iterator[Path]:
    """Every file that plain values name and that is there, however deep."""
    return filter(is_file, _paths(value))


def _paths(value: object) -> Iterator[Path]:
    """Every path that plain values name, however deep."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        yield from _paths(list(value.values()))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner)


def _open(entry: Data, folder: Path) -> Dataset:
    if isinstance(entry.dataset, str):
        try:
            dataset = datasets.build(entry.dataset, entry.options, folder)
        except SpecError as error:
            raise ExperimentError(f"data {entry.name!r}: {error}") from error
    else:
        dataset = entry.dataset
    if entry.parts is None and entry.part is None:
        return dataset
    if entry.parts is None or entry.part not in entry.parts:
        raise ExperimentError(
            f"data {entry.name!r}: part and parts go together, and part names a share of parts;"
            f" found part = {entry.part!r}, parts = {entry.parts!r}"
        )
    samples = [dataset[index] for index in range(len(dataset))]
    return Subset(dataset, split(samples, entry.parts, entry.parts_seed)[entry.part])


def _listed(name: str, wrong: str, problems: Sequence[Problem], hint: str = "") -> str:
    """The problems, each kind once, with how many films have it."""
    alike: dict[str, list[Problem]] = {}
    for problem in problems:
        alike.setdefault(_kind(problem), []).append(problem)
    lines = []
    for of_kind in [*alike.values()][:SHOWN]:
        first, others = of_kind[0], len({problem.image_id for problem in of_kind}) - 1
        more = f" (and {others} more like it)" if others else ""
        lines.append(f"\n  {first.image_id}: {first.reason}{more}")
    more = f"\n  ... and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
    return f"data {name!r}: {wrong}:{''.join(lines)}{more}{hint}"


def _kind(problem: Problem) -> str:
    """What problems that differ in their numbers and their file alone have in common."""
    without_paths = re.sub(r"\S*[/\\]\S*(?=: )", "", problem.reason)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "0", without_paths)
