"""The register of defects in the code and texts of published studies, each as it was read there.

A defect is no accusation: it is what a number depends on, so that whoever repeats it knows.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        where: The repository or study, and the place in it.
        what: What is wrong, or undecided.
        cure: What heatproof does instead.
    """

    where: str
    what: str
    cure: str


DEFECTS: dict[str, Defect] = {
    "D01": Defect(
        "rajpurkarlab/cheXlocalize heatmap_to_segmentation.py:59-63",
        "JET + RGB/BGR grey, non-monotonic smoothing",
        "box filter on float magnitude",
    ),
    "D02": Defect(
        "rajpurkarlab/cheXlocalize heatmap_to_segmentation.py:86",
        "smoothing ignored with fixed threshold",
        "smooth in both",
    ),
    "D03": Defect(
        "rajpurkarlab/cheXlocalize heatmap_to_segmentation.py:68-84",
        "contour redraw fills holes, drops 1-px comps",
        "plain threshold",
    ),
    "D04": Defect(
        "rajpurkarlab/cheXlocalize heatmap_to_segmentation.py:50-53",
        "constant map -> NaN cast",
        "explicit empty",
    ),
    "D05": Defect(
        "rajpurkarlab/cheXlocalize, tune_probability_threshold.py:42, "
        "heatmap_to_segmentation.py:124",
        "> vs >=",
        ">= in both",
    ),
    "D06": Defect(
        "rajpurkarlab/cheXlocalize, tune_probability_threshold.py:61",
        "mIoU rounded before argmax; Lung Lesion exception hard-coded",
        "unrounded; configurable exclusions",
    ),
    "D07": Defect(
        "rajpurkarlab/cheXlocalize, eval.py:133-140",
        "NaN replicates break CI; positions 24/974",
        "NaN-aware percentiles",
    ),
    "D08": Defect(
        "rajpurkarlab/cheXlocalize, eval.py:133-149",
        "mean of bootstrap means",
        "sample mean",
    ),
    "D09": Defect(
        "rajpurkarlab/cheXlocalize, eval.py:202-203",
        "first of tied maxima",
        "plateau centroid",
    ),
    "D10": Defect(
        "rajpurkarlab/cheXlocalize, eval.py:183-186; heatmap_to_segmentation.py:177-179",
        "duplicates silently truncate",
        "error",
    ),
    "D11": Defect(
        "rajpurkarlab/cheXlocalize, eval.py:281; regression_*.py",
        "positional joins",
        "id joins",
    ),
    "D12": Defect(
        "rajpurkarlab/cheXlocalize, eval.py true_pos_only",
        "TP slice = GT positives (Otsu never empty)",
        "choose slice, print n",
    ),
    "D13": Defect(
        "rajpurkarlab/cheXlocalize, clean_annotations (history)",
        "EC contains Cardiomegaly",
        "flag, optional un-merge",
    ),
    "D14": Defect(
        "rajpurkarlab/cheXlocalize, notebook + utils history",
        "Spearman CI with n = 1534",
        "n of pair",
    ),
    "D15": Defect(
        "paper vs code",
        "z-score/min-max; prob min-max claimed, absent",
        "min-max features, raw prob",
    ),
    "D16": Defect(
        "rajpurkarlab/cheXlocalize, calculate_percentage_decrease.py",
        "rounding before ratio",
        "full precision",
    ),
    "D17": Defect(
        "rajpurkarlab/cheXlocalize, compute_pathology_features.py:36-44",
        "most points != perimeter; division by 0",
        "arc length; inf guarded",
    ),
    "D18": Defect(
        "durandtibo/wildcat.pytorch pooling.py:41",
        "float alpha 0 halves",
        "documented constant",
    ),
    "D19": Defect(
        "durandtibo/wildcat.pytorch and QTIM-Lab/RSNA-Pneumonia-Challenge-Models "
        "pooling.py backward",
        "gradient x m",
        "autograd mean",
    ),
    "D20": Defect(
        "durandtibo/wildcat.pytorch pooling.py:14-22",
        "k = 1 ambiguity; k*n rounding to 0",
        "typed k: int count or fraction; min 1",
    ),
    "D21": Defect(
        "QTIM-Lab/RSNA-Pneumonia-Challenge-Models class_grad.py:214",
        "int() on fractional k",
        "store config with model",
    ),
    "D22": Defect(
        "QTIM-Lab/RSNA-Pneumonia-Challenge-Models engine.py:28-70",
        "balanced sampler never shuffles",
        "shuffled",
    ),
    "D23": Defect(
        "Aggarwal 2020, Table 1",
        "GBP inert on ResNet/DenseNet",
        "tested override",
    ),
    "D24": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps and kvenkatesh5/saliency-trustworthiness SSIM",
        "data range 2",
        "1",
    ),
    "D25": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps and kvenkatesh5/saliency-trustworthiness AUPRC",
        "trapezoid; constant map (1+pi)/2",
        "step AP",
    ),
    "D26": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps and kvenkatesh5/saliency-trustworthiness",
        "target follows model",
        "fixed target",
    ),
    "D27": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps and kvenkatesh5/saliency-trustworthiness",
        "SmoothGrad squared",
        "declared variant",
    ),
    "D28": Defect(
        "PAIR-code/saliency IG",
        "both end points, 1/m",
        "midpoint",
    ),
    "D29": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps XRAI view",
        "3-channel view of 2-D map (crash)",
        "min-max",
    ),
    "D30": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps GGCAM",
        "product of clipped views",
        "raw product",
    ),
    "D31": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps randomization baseline",
        "~5,000 unseeded pairs, last image never drawn",
        "seeded 50 disjoint pairs",
    ),
    "D32": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps randomization_plot:13-14",
        "truncation misaligns",
        "error",
    ),
    "D33": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps utility_fig_rsna.py",
        "undefined names, 1024-frame boxes",
        "rewritten",
    ),
    "D34": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps box scaling",
        "/1023, inclusive edges",
        "320/1024 half-open",
    ),
    "D35": Defect(
        "kvenkatesh5/saliency-trustworthiness heatmaps.py:82",
        "Inception input transform lost",
        "part of model",
    ),
    "D36": Defect(
        "kvenkatesh5/saliency-trustworthiness heatmaps.py:70-72",
        "DenseNet121 built as Inception",
        "error",
    ),
    "D37": Defect(
        "kvenkatesh5/saliency-trustworthiness pipeline/train_*.sh",
        "selection on test",
        "separate val",
    ),
    "D38": Defect(
        "kvenkatesh5/saliency-trustworthiness mura_modules vs image_utils",
        "crop vs squash",
        "one geometry",
    ),
    "D39": Defect(
        "kvenkatesh5/saliency-trustworthiness get_gt_blinded.py:139",
        "convex fill of concave polygons (23/63)",
        "general fill",
    ),
    "D40": Defect(
        "kvenkatesh5/saliency-trustworthiness localize_stats:194-217, 390-416",
        "verdict column overwritten",
        "per-row",
    ),
    "D41": Defect(
        "kvenkatesh5/saliency-trustworthiness similarity_blinded.py:96",
        "resizes the wrong map",
        "fix",
    ),
    "D42": Defect(
        "kvenkatesh5/saliency-trustworthiness cascade.py",
        "BN stats reset, no seed",
        "seeded, BN policy explicit",
    ),
    "D43": Defect(
        "kvenkatesh5/saliency-trustworthiness similarity, raw mode",
        "non-zero binarization",
        "only for masks",
    ),
    "D44": Defect(
        "kvenkatesh5/saliency-trustworthiness image_utils.py:153-160",
        "opening erases boxes < 41 px",
        "keep, report share erased",
    ),
    "D45": Defect(
        "kvenkatesh5/saliency-trustworthiness eval.py:193-197",
        "NaN grand means",
        "nan-aware per class",
    ),
    "D46": Defect(
        "kvenkatesh5/saliency-trustworthiness mura training",
        "dropout inert on DenseNet",
        "real dropout or none",
    ),
    "D47": Defect(
        "pickle inputs",
        "arbitrary code",
        "allow-list, npz",
    ),
    "D48": Defect(
        "rajpurkarlab/cheXlocalize README vs argparse",
        "flags differ (e.g. regression scripts)",
        "own CLI",
    ),
    "D49": Defect(
        "QTIM-Lab/Assessing-Saliency-Maps repeatability_scores_siim.py vs "
        "randomization_plot_siim.py",
        "same map directory plays two roles",
        "provenance stored in every map artefact",
    ),
    "D50": Defect(
        "Aggarwal 2020, Venkatesh 2022",
        "no image-independent prior among the baselines",
        "static prior always reported",
    ),
}
