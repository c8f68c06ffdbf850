"""What the columns of the tables under ``tables/`` say: units, and when a cell is empty."""

from typing import Any

from heatproof.report.paper.table import PaperTable

COMMON = {
    "Data set": "name of the data set",
    "Model": "name of the model",
    "Method": "name of the saliency method",
    "Metric": "name of the metric",
    "Finding": "name of the finding",
    "Feature": "a feature of the shape of what was marked",
    "Spearman": "rank correlation, from -1 to 1",
    "Cases": "defined values behind the numbers of the row",
    "Least squares": "slope, films taken as independent",
    "By patient": "the same slope, with errors by patient",
    "Mixed model": "slope, with an intercept of each patient",
    "Log odds ratio": "slope of a logistic regression, where scores are 0 or 1",
}
"""Meaning of headings that say the same in every table."""

MEANINGS: dict[str, dict[str, str]] = {
    "cohort": {
        "Films": "films of the data set that were judged",
        "Patients": "patients of these films; empty where they are unknown",
        "Median age": "in years; empty where it is unknown",
        "Sexes": "each sex, with its number of films",
        "Views": "each view, with its number of films",
        "Present": "films that are labelled as with the finding",
        "Absent": "films that are labelled as without it",
        "Uncertain": "films that are labelled as neither",
        "Unknown": "films without a label",
        "Marked": "films on which a reader marked the finding",
    },
    "localization": {
        "Method": "name of the saliency method, or of the prior",
        "Value": "mean of the metric over films, or its value for all films together",
        "Undefined": "maps without a value",
        "Better than the prior by": "paired difference, above 0 where the method is better; empty"
        " for the prior",
    },
    "classification": {
        "Present": "films that are labelled as with the finding",
        "Absent": "films that are labelled as without it",
        "AUROC": "area under the ROC curve",
        "Sensitivity": "share of films with the finding that are called positive; empty, as the"
        " next three, without an operating point",
        "Specificity": "share of films without the finding that are called negative",
        "PPV": "share of positive calls that are right",
        "NPV": "share of negative calls that are right",
        "Brier": "mean squared distance of probability and label; 0 is best",
    },
    "reading": {
        "Films": "films that are stored, and so read, in the same way",
        "Format": "such as DICOM",
        "Bits": "bits of a stored value",
        "Values": "what stored values mean, such as MONOCHROME1",
        "Black to white": "which stored values become black and white",
        "Windows": "centre and width of the windows, or their ranges; empty without windows",
        "Height × width": "in pixels, or their ranges",
    },
    "validity": {
        "Native size": "height × width of a map before it is enlarged to the film",
        "Maps": "maps that were made",
        "Valid": "maps that may be read as maps",
        "Not valid: zero": "maps that are zero everywhere",
        "Not valid: constant": "maps with one value everywhere",
        "Not valid: not finite": "maps with values that are no numbers",
        "Not valid: incomplete": "maps that do not add up to the model's output",
        "Not valid: tied": "maps with their maximum in several places that do not touch",
    },
    "trust": {
        "Method": "name of the saliency method, or of what is there for comparison",
        "Rule": "name of the rule that made the verdict",
        "Criterion": "what was asked; `All four` for the four criteria together",
        "Verdict": "pass, fail, inconclusive or not tested",
        "Measured": "name of the metric or similarity",
        "Value": "what was measured",
        "Must be": "the side of the threshold on which it passes",
        "Threshold": "what a map reaches without doing what is asked; empty where there is none",
        "Minus threshold": "distance of the value from the threshold",
        "p": "of the threshold not being passed, uncorrected; empty without a test",
        "Would settle it": "patients and models that would decide an inconclusive verdict",
    },
    "roc": {
        "1 − specificity": "share of films without the finding that are called positive",
        "Sensitivity": "share of films with the finding that are called positive",
    },
    "calibration": {
        "Predicted": "mean probability of the films of a bin",
        "Observed": "share of them that has the finding",
    },
    "curves": {
        "Curve": "title of the plot",
        "Of": "name of the method, the prior or the readers",
        "Across": "what the horizontal axis is",
        "At": "where on that axis",
        "Up": "what the vertical axis is",
        "Value": "the value there",
    },
    "claim": {
        "Item": "number of the item in the checklist",
        "Topic": "what the item is about, in our words",
        "Filled": "done, partly, not done, or for the authors",
        "From the run": "what the run says to it",
    },
    "tripod": {
        "Item": "number of the item in the checklist",
        "Topic": "what the item is about, in our words",
        "Filled": "done, partly, not done, or for the authors",
        "From the run": "what the run says to it",
    },
    "publishedtrust": {
        "Study": "name of the study",
        "Criterion": "what was asked; `All four` is computed from the others",
        "Verdict": "what the study prints",
    },
    "comparisons": {
        "Against": "the human benchmark, or the name of the other model",
        "Finding": "name of the finding, or `macro average`",
        "Mean": "mean score of the method",
        "Theirs": "mean score of the readers or of the other model",
        "Difference": "paired difference, above 0 where the method is better",
        "Decrease, of theirs": "share of their mean that the method lacks; empty against a model",
        "Decrease, published arithmetic": "the same as the CheXlocalize study computed it",
        "p": "of the paired difference, two-sided, uncorrected",
        "p, Holm": "corrected by Holm over the family that the experiment declares",
        "p, Bonferroni": "corrected by Bonferroni over the same family",
        "By the margin": "what is shown of the largest loss that would not matter, corrected",
        "Cases needed": "cases that it takes to show non-inferiority where both are equal; empty"
        " where it cannot be computed",
    },
    "tuned": {
        "Tuned on": "name of the data set of the tuning films",
        "Value": "the value that was chosen",
        "Score there": "mean score on the tuning films at that value",
        "Cases there": "tuning films behind that mean",
    },
    "shape": {
        "p by patient, corrected": "of the slope by patient, corrected over the features",
    },
    "confidence": {
        "Among": "all films, or those with the finding",
        "Probability": "as the model gives it, or calibrated",
    },
    "subgroups": {
        "Group": "the attribute and the value that the films of the group share",
        "Mean": "mean score of the group",
        "Minus the others": "difference to all other films; empty where either are too few",
        "p, corrected": "of that difference, corrected over the groups",
    },
    "usual": {
        "Slope on the prior's score, by patient": "slope of the score, with errors by patient",
        "Share of films on which it beats the prior": "from 0 to 1",
        "Mean at unusual places": "mean score on the half of the films on which the prior is worse",
        "Mean at usual places": "mean score on the other half",
    },
    "common": {
        "Of the finding": "what mean scores are correlated with: prevalence, mean size, or the"
        " score of the prior",
        "Findings": "number of findings behind the correlation",
    },
    "spread": {
        "Least": "minimum",
        "Lower quartile": "first quartile",
        "Median": "median",
        "Upper quartile": "third quartile",
        "Most": "maximum",
    },
    "failures": {
        "Failure": "a false positive, or a true positive with a missed region",
        "Method": "the method whose map misses it; empty for a false positive",
        "Film": "`image_id` of the film",
        "Probability": "the probability that the model gives the finding",
        "Positive from": "the threshold of that probability",
    },
    "structures": {
        "Structure": "what lies on the films, such as a tube",
        "Share of relevance there": "share of the positive relevance, mean over films",
        "Films whose peak is there": "share of films, from 0 to 1",
        "Share of the film": "share of the area of the film, mean over films",
        "Films": "films with the structure",
    },
    "fidelity": {
        "Metric": "spec of the metric of fidelity",
        "Value": "mean over films, in the unit of the metric",
        "Truer is": "whether a truer map has a higher or a lower value",
        "Truer than chance by": "mean difference, film by film, to the same maps with their cells"
        " shuffled, above 0 where the method is truer; empty for a metric without chance",
        "Films on which truer than chance": "share of films, from 0 to 1; empty likewise",
        "AUROC of the metric": "how often the metric tells which of two maps is truer, where that"
        " is known, with its interval; 0.5 is a coin",
        "Films": "films with a defined value",
    },
    "published": {
        "Quantity": "what was measured, as the study calls it",
        "Finding": "name of the finding, or `all findings`",
        "Published": "the number of the study; its interval is empty where it gives none",
        "Here": "the same quantity in this report",
        "Measured on": "data set and model of the number of this report",
        "Source": "the study, and the place in it",
    },
    "study": {
        "Place": "the study, and the place in it",
        "Quantity": "what was measured, as the study calls it",
        "Data": "the data set, as the study calls it",
        "Finding": "name of the finding; empty where there is one, or the number is of all",
        "Method": "the saliency method or control, without its options; empty for a classifier",
        "Model": "the architecture; empty where the study gives the number for none",
        "Published": "the number of the study; its interval is empty where it gives none",
        "Here": "the same quantity in this report; empty where it was not measured",
        "Published value in the interval here": "`yes`, `no`, `no interval` or `not measured here`",
        "Measured on": "data set, model and metric of the number of this report",
        "Note": "what is special about the published number",
    },
    "study_verdicts": {
        "Source": "the study",
        "Data": "the data set, as the study calls it",
        "Criterion": "the criterion of trust",
        "Published": "whether the method passed in the study",
        "Here": "the verdict of this report",
        "Alike": "whether both are the same",
        "Rule here": "spec of the rule that made the verdict of this report",
    },
}
"""The meaning of each column, by table and heading."""


def meanings(table: PaperTable[Any]) -> dict[str, str]:
    """Heading of each column to its meaning.

    Raises:
        KeyError: A column is not explained.
    """
    by_heading = COMMON | MEANINGS[table.name]
    return {column.name: by_heading[column.name] for column in table.columns}
