"""One self-contained page: no network, no external font, script or picture.

Every string of the content is escaped (names of images, findings and experiments are other
people's input); a Content-Security-Policy in the page itself forbids loading anything and running
any script but the page's own, which is named by its hash.  The same content gives the same bytes.
"""

import base64
import hashlib
from functools import cache
from types import ModuleType
from typing import Any

import jinja2

from heatproof import words
from heatproof.report import arrange
from heatproof.report.called import FEW, LEAST
from heatproof.report.content import Content
from heatproof.report.gallery import Picture
from heatproof.report.names import described_metrics, method_names
from heatproof.report.paper import beside
from heatproof.report.paper import files as paper
from heatproof.report.paper import table as tables
from heatproof.report.pictures import positions as figures
from heatproof.report.prose import answers, cautions, why
from heatproof.report.prose import trust_grid as trusted
from heatproof.types import Estimate, Validity

VALIDITY = {
    Validity.OK: "may be read as a map",
    Validity.ZERO: "zero everywhere: the method found nothing, or only negative evidence",
    Validity.CONSTANT: "one value everywhere: it points nowhere",
    Validity.NOT_FINITE: "holds values that are no numbers",
    Validity.INCOMPLETE: "does not add up to the model's output within the method's tolerance",
    Validity.TIED: "has its maximum in several places that do not touch, so it points at none",
}


def render(content: Content) -> str:
    """The page."""
    environment = shared_environment()
    script, _, _ = _loader().get_source(environment, "report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        content=content,
        script=script,
        script_hash=digest,
        names=method_names(content),
        metrics=described_metrics(content),
        level=arrange.level(content),
    )


def data_uri(picture: Picture) -> str:
    """The picture itself, as an address."""
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def undefined_reason(estimate: Estimate, positives: int, negatives: int, why: str = "") -> str:
    """Why a statistic over positives and negatives is not estimable, in words."""
    if not positives or not negatives:
        lacking = [w for w, n in (("positives", positives), ("negatives", negatives)) if not n]
        return f"no {words.listed(lacking)}"
    return why or words.count(estimate.cases, "case")


def _loader() -> jinja2.BaseLoader:
    return jinja2.PackageLoader("heatproof.report.page", "templates")


@cache  # templates take a fifth of a second to compile
def shared_environment() -> jinja2.Environment:
    """What templates of all pages use: how numbers are written, and the figures."""
    environment = jinja2.Environment(
        loader=_loader(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_said,
    )
    environment.filters |= {
        "number": words.number,
        "estimate": words.estimate,
        "interval": words.interval,
        "signed": words.signed,
        "count": words.count,
        "listed": words.listed,
        "duration": words.duration,
        "sentence": words.sentence,
        "uri": data_uri,
    }
    environment.tests["curved"] = arrange.has_curve
    parts: dict[str, ModuleType | Any] = {
        "answers": answers.answers,
        "cautions": cautions.cautions,
        "arrange": arrange,
        "beside": beside,
        "figures": figures,
        "why": why,
        "paper": paper,
        "sheets": tables,
        "trusted": trusted,
        "undefined_reason": undefined_reason,
        "validities": VALIDITY,
        "valid": Validity.OK,
        "few": FEW,
        "least": LEAST,
    }
    environment.globals |= parts
    return environment


def _said(value: object) -> object:
    """No raw nan and no None on the page: a number that reaches it unformatted is a mistake."""
    if value is None or value != value:  # noqa: PLR0124  only nan differs from itself
        raise ValueError(f"{value} would be printed; the template must say it in words")
    return value
