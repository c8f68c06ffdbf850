"""Tables and figures of an earlier report go; files that somebody else laid beside them stay."""

from heatproof.report.writing import _remove_others


def test_only_what_an_earlier_report_wrote_is_removed(tmp_path):
    for name in ("tables/shape.csv", "figures/old.svg", "figures/mine.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    _remove_others(tmp_path, ["tables/shape.csv", "figures/old.svg"])
    _remove_others(tmp_path, ["tables/shape.csv"])
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.[cs]*")}
    assert left == {"tables/shape.csv", "figures/mine.svg"}
