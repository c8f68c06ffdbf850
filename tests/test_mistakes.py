"""What a newcomer types, and the words of the answer that name its cure: one line each."""

import subprocess
import sys
from pathlib import Path

import pytest

from heatproof import cli
from heatproof.errors import HeatproofError, Several
from heatproof.experiment.early import check_early
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.run.pipeline import check_experiment
from tests.squares import EXPERIMENT, NETWORK, write_films

TOML = EXPERIMENT.replace("GEOMETRY", "squash")
METHODS = 'methods = ["grad_cam", "occlusion(window=8, stride=8)"]'
LABELS = 'labels = ["Square"]'
MODULE = 'module = "network.py:build"'
TOP, END = 'name = "Squares"', "gallery = 1"

# What stands in a file that runs, what is written instead, and words of the answer.
OF_THE_FILE = [
    (TOP, 'name = "Squares', "is not TOML"),
    (TOP, f'{TOP}\nquesion = "Why?"', "unknown key; did you mean question?"),
    (TOP, f'{TOP}\nmissing = "skip"', "should be 'error' or 'set aside' (found 'skip')"),
    (TOP, f"{TOP}\npilot = 1", "greater than or equal to 2 (found 1)"),
    (END, f"{END}\nquestion = 1", "question stands at the top of the file"),
    (END, f"{END}\n[explian]", "unknown key; did you mean explain?"),
    ("resamples = 100", "resample = 100", "statistics.resample: unknown key; did you mean resampl"),
    ("resamples = 100", 'resamples = "100"', "valid integer (found '100')"),
    ("resamples = 100", "resamples = 10", "greater than or equal to 100 (found 10)"),
    ("min_positives", "min_positive", "did you mean min_positives?"),
    ('"manifest"', '"manifst"', "no data set is named 'manifst'; did you mean manifest?"),
    ('boxes = "boxes"', 'boxxes = "boxes"', "no option 'boxxes'; did you mean boxes"),
    ('csv = "films.csv"', 'csv = "film.csv"', "film.csv: there is no such table"),
    ('image = "file"', 'image = "path"', "image = 'path': "),
    ('patient = "patient"', 'patient = "pat"', "no column 'pat'; did you mean patient?"),
    (LABELS, 'labels = ["square"]', "no column 'square'; did you mean Square?"),
    (LABELS, 'labels.Square = "Class"', "labels.Square = 'Class': "),
    ('metadata = ["fold"]', 'metadata = ["fald"]', "metadata = 'fald': "),
    (
        LABELS,
        'labels.Square = { colum = "Square" }',
        "labels.Square has no key 'colum'; did you mean column?\nExpected is labels.Square = {",
    ),
    (LABELS, 'labels.Square = { positive = ["1"] }', "say its column, as in labels.Square = {"),
    (LABELS, f'{LABELS}\nboxes_frame = "1024"', "expected tuple[int, int] | None"),
    (LABELS, f'{LABELS}\nwhere = {{ fold = "9" }}', "no row where {'fold': '9'}"),
    (LABELS, f'{LABELS}\ncoco = "coco.json"', "coco.json: there is no such file"),
    (LABELS, f'{LABELS}\npart = "test"', "part and parts go together"),
    (LABELS, 'labels = ["fold"]', "model 'bright' tells Square, but 'films' labels fold"),
    (LABELS, 'labels = ["id"]', 'labels.id = { column = "id", positive = [...], negative = [...]'),
    (LABELS, 'labels = ["id"]', "(and 11 more such cells)"),
    ('findings = ["Square"]', 'findings = ["Sqare"]', "did you mean Square?"),
    ('findings = ["Square"]', "", "say its findings, scaling and id (without findings here)"),
    (METHODS, 'methods = ["gradcam"]', "did you mean grad_cam or"),
    (METHODS, 'methods = ["gradcam"]', "(heatproof methods lists them)"),
    (METHODS, 'methods = ["occlusion(windw=8)"]', "no option 'windw'; did you mean window?"),
    (
        METHODS,
        'methods = ["grad cam"]',
        "expected a call with named options like name(option=value",
    ),
    (METHODS, "methods = []", "add [explain] methods = [...], such as"),
    (END, f'{END}\n[score]\nmetrics = ["iuo"]', "did you mean iou"),
    (END, f'{END}\n[score]\ncontrols = ["center"]', "did you mean centre"),
    (END, f'{END}\n[score]\ntune = "film"', "no data is named 'film'; did you mean films?"),
    (END, f'{END}\n[trust]\ncriteria = ["randomisation"]', "did you mean randomization"),
    (END, f"{END}\n[trust]\ncriteria = []", "trust = false instead of [trust]"),
    (END, f'{END}\n[trust]\nsimilarities = ["sim"]', "did you mean ssim"),
    (MODULE, f'{MODULE}\ndata = ["film"]', "no data is named 'film'; did you mean films?"),
    (MODULE, 'module = "netwrk.py:build"', "did you mean network.py"),
    (
        MODULE,
        'module = "network.py:buld"',
        "network.py has no function 'buld'; did you mean build?",
    ),
    (MODULE, 'module = "network.py"', "expected file.py:function"),
    (MODULE, f'module = "{"n" * 300}.py:build"', "models.0.module: there is no "),
    (MODULE, f'{MODULE}\nexpect = "outputs.csv"', "models.0.expect: there is no "),
    (MODULE, f'{MODULE}\ncard = "model"', "needs one of card, module, "),
    (
        "squash(",
        "sqash(",
        "no geometry is named 'sqash'; did you mean squash? (heatproof geometries",
    ),
    ("height=64", "hight=64", "squash has no option 'hight'; did you mean height?"),
    ("mean = [0]", "mean = 0", "models.0.scaling.mean: Input should be a valid list (found 0)"),
    ("architecture = ", "arch = ", "unknown key; did you mean architecture?"),
]
OF_THE_TABLE = [
    ("film0.png", "film00.png", "film00.png: there is no such file"),
    ("f0,", "f1,", "two images are named 'f1'; an image must be listed once"),
    ("p0,0,0,", "p0,0,Normal,", 'labels.Square = { column = "Square", positive = [...], negative'),
    (",1,1,", ",1,1;", "more or fewer cells than the 6 columns; is there an unquoted comma?"),
    ("[[", "[[99999, 9], [", "expected JSON such as [[x, y, width, height], ...] in pixels"),
    ("32, 32]]", "900, 900]]", "Then say its height and width: boxes_frame = [1024, 1024]"),
    ("32, 32]]", "900, 900]]", "(and 5 more like it)"),
    ("[[", "[[0.1, 0.1, 0.2, 0.2], [", "divided by width and height? Expected pixels"),
    (",", ";", "are its columns separated by semicolons or tabs?  Expected commas"),
]
OF_THE_CODE = [
    ("import torch\n", "import troch\n", "network.py:2: import troch"),
    ("def build():", "def build(:", "network.py:14: invalid syntax: def build(:"),
    ("return Bright()", "return Brigt()", "network.py:15: return Brigt()"),
    ("return Bright()", "return None", "gives NoneType; expected a torch.nn.Module"),
    ("self.features(images)", "self.feature(images)", "network.py:12: return 100 * (self.feature("),
    ("AvgPool2d(8)", "Conv2d(3, 4, 8)", "is its scaling (size, channels) right?"),
    ("return 100 *", "return 5, 100 *", "Say which of its outputs has them: output = 1"),
]
OF_THE_MODEL = [
    (
        'features = "features"',
        'features = "feature"',
        "the best first: features (1 channels on 8 x",
    ),
    ('judges = { fold = "1" }', 'judges = { fald = "1" }', "has metadata 'fald'; there are: fold"),
    ('trained_on = { fold = "0" }', 'trained_on = { fold = "7" }', "no film of any data set has"),
    (METHODS, 'methods = ["class_map"]', "use grad_cam"),
    ("height=64", "height=0", "height = 0"),
    ('memory = "2GB"', 'memory = "2 giga"', "explain.memory: memory='2 giga'"),
    ('memory = "2GB"', 'device = "gpu"', "expected auto, cpu, or a"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("mistakes")
    write_films(place)
    return place


def written(folder: Path, file: str, old: str, new: str) -> Path:
    """The experiment with one mistake in one of its files."""
    texts = {
        "squares.toml": TOML,
        "films.csv": (folder / "films.csv").read_text(),
        "network.py": NETWORK,
    }
    assert old in texts[file]
    where = folder / "written"
    where.mkdir(exist_ok=True)
    texts[file] = texts[file].replace(old, new)
    for name, text in texts.items():
        (where / name).write_text(
            text.replace('csv = "film', 'images = ".."\ncsv = "film')
            if name.endswith("l")
            else text
        )
    return where / "squares.toml"


def answer(file: Path, *, early: bool = True) -> str:
    """What ``heatproof check`` says of a mistake."""
    try:
        opened = check_early(file)
    except HeatproofError as error:
        return str(error)
    assert not early, "this mistake should show before torch is imported"
    with pytest.raises(HeatproofError) as told:
        check_experiment(open_workspace(load(file), opened))
    return str(told.value)


@pytest.mark.parametrize(("old", "new", "words"), OF_THE_FILE)
def test_a_mistake_in_the_file_is_answered_with_its_line_and_its_cure(folder, old, new, words):
    said = answer(written(folder, "squares.toml", old, new))
    assert words in said
    assert "squares.toml" in said


@pytest.mark.parametrize(("old", "new", "words"), OF_THE_TABLE)
def test_a_mistake_in_the_table_is_answered_once_with_its_cure(folder, old, new, words):
    said = answer(written(folder, "films.csv", old, new))
    assert words in said
    assert said.count("\n") < 5  # however many rows have it


@pytest.mark.parametrize(("old", "new", "words"), OF_THE_CODE)
def test_a_fault_of_the_users_code_shows_its_line(folder, old, new, words):
    file = written(folder, "network.py", old, new)
    assert words in answer(file, early="(:" in new)


@pytest.mark.parametrize(("old", "new", "words"), OF_THE_MODEL)
def test_a_mistake_about_the_model_is_answered_with_its_cure(folder, old, new, words):
    assert words in answer(written(folder, "squares.toml", old, new), early=False)


def test_independent_mistakes_are_told_in_one_round_each_with_its_line(folder):
    text = TOML
    wrong = {
        "csv": ('patient = "patient"', 'patient = "pat"', "did you mean patient?"),
        "method": ('"grad_cam"', '"gradcam"', "did you mean grad_cam"),
        "function": ("network.py:build", "network.py:buld", "did you mean build?"),
        "geometry": ("height=64", "hight=64", "did you mean height?"),
        "key": ("resamples", "resample", "did you mean resamples?"),
        "column": (LABELS, 'labels = ["Sqare"]', "did you mean Square?"),
    }
    for old, new, _ in wrong.values():
        text = text.replace(old, new)
    file = folder / "many.toml"
    (folder / "network.py").write_text(NETWORK)
    file.write_text(text)
    with pytest.raises(Several) as told:
        check_early(file)
    assert len(told.value.errors) == len(wrong)
    for _, new, cure in wrong.values():
        (line,) = [str(error) for error in told.value.errors if cure in str(error)]
        if new.endswith('"gradcam"'):
            number = 1 + text[: text.index(new)].count("\n")
            assert f"many.toml:{number}: " in line


def test_two_faulty_models_are_told_in_one_round(folder):
    (folder / "network.py").write_text(NETWORK)
    model = TOML[TOML.index("[[models]]") : TOML.index("[explain]")]
    other = model.replace('"bright"', '"other"').replace('"features"', '"nowhere"')
    text = TOML.replace('features = "features"', 'features = "feature"')
    file = folder / "two.toml"
    file.write_text(text.replace("[explain]", f"{other}\n[explain]"))
    with pytest.raises(Several, match=r"(?s)no layer 'feature'.*no layer 'nowhere'"):
        check_experiment(open_workspace(load(file)))


def test_mistakes_are_told_line_by_line_and_counted(folder, monkeypatch, capsys):
    file = written(folder, "squares.toml", METHODS, 'methods = ["gradcam", "occlsion"]')
    monkeypatch.setattr(cli, "app", lambda: cli.check(file))
    with pytest.raises(SystemExit):
        cli.main()
    *told, last = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 2
    assert last == "2 mistakes. Mend them all, and give the command again."


def test_what_shows_early_needs_no_torch(folder):
    file = written(folder, "squares.toml", TOP, TOP)
    code = (
        "import sys, pathlib; from heatproof.experiment.early import check_early;"
        f" check_early(pathlib.Path({str(file)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_file_without_a_mistake_can_run(folder):
    file = written(folder, "squares.toml", TOP, TOP)
    check_experiment(open_workspace(load(file), check_early(file)))
