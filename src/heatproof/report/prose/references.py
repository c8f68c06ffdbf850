"""The works behind what a report used, as BibTeX: the source that each part names in its file."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from heatproof.errors import SpecError
from heatproof.localize import metrics
from heatproof.report.content import Content
from heatproof.saliency import methods
from heatproof.trust.criteria import LOCALIZATION, criteria
from heatproof.trust.rules import rules

# Addresses are written without their scheme: a page names none that it might load.
_SOURCE = re.compile(r"(arxiv\.org/abs|doi\.org)/([^\s,;)]+[^\s,;).:])")


@dataclass(frozen=True)
class Work:
    """A publication."""

    authors: str
    title: str
    where: str
    year: int


WORKS: dict[str, Work] = {
    "1610.02391": Work("Selvaraju, Ramprasaath R. and others",
        "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
        "ICCV", 2017),
    "1710.11063": Work("Chattopadhay, Aditya and others",
        "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks", "WACV", 2018),
    "2103.15679": Work("Chefer, Hila and Gur, Shir and Wolf, Lior",
        "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder"
        " Transformers", "ICCV", 2021),
    "2011.08891": Work("Draelos, Rachel Lea and Carin, Lawrence",
        "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural"
        " networks", "arXiv", 2020),
    "2008.02312": Work("Fu, Ruigang and others",
        "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs", "BMVC",
        2020),
    "10.1109/TIP.2021.3089943": Work("Jiang, Peng-Tao and others",
        "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
        "IEEE Transactions on Image Processing", 2021),
    "1910.01279": Work("Wang, Haofan and others",
        "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
        "CVPR Workshops", 2020),
    "10.1109/WACV45572.2020.9093360": Work("Desai, Saurabh and Ramaswamy, Harish G.",
        "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free"
        " Localization", "WACV", 2020),
    "2008.00299": Work("Muhammad, Mohammed Bany and Yeasin, Mohammed",
        "Eigen-CAM: Class Activation Map using Principal Components", "IJCNN", 2020),
    "1512.04150": Work("Zhou, Bolei and others",
        "Learning Deep Features for Discriminative Localization", "CVPR", 2016),
    "1312.6034": Work("Simonyan, Karen and Vedaldi, Andrea and Zisserman, Andrew",
        "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency"
        " Maps", "ICLR Workshop", 2014),
    "1703.01365": Work("Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi",
        "Axiomatic Attribution for Deep Networks", "ICML", 2017),
    "1706.03825": Work("Smilkov, Daniel and others",
        "SmoothGrad: removing noise by adding noise", "arXiv", 2017),
    "1412.6806": Work("Springenberg, Jost Tobias and others",
        "Striving for Simplicity: The All Convolutional Net", "ICLR Workshop", 2015),
    "1311.2901": Work("Zeiler, Matthew D. and Fergus, Rob",
        "Visualizing and Understanding Convolutional Networks", "ECCV", 2014),
    "1806.07421": Work("Petsiuk, Vitali and Das, Abir and Saenko, Kate",
        "RISE: Randomized Input Sampling for Explanation of Black-box Models", "BMVC", 2018),
    "1704.02685": Work("Shrikumar, Avanti and Greenside, Peyton and Kundaje, Anshul",
        "Learning Important Features Through Propagating Activation Differences", "ICML", 2017),
    "1605.01713": Work("Shrikumar, Avanti and others",
        "Not Just a Black Box: Learning Important Features Through Propagating Activation"
        " Differences", "arXiv", 2016),
    "1705.07874": Work("Lundberg, Scott M. and Lee, Su-In",
        "A Unified Approach to Interpreting Model Predictions", "NeurIPS", 2017),
    "1906.02825": Work("Kapishnikov, Andrei and others",
        "XRAI: Better Attributions Through Regions", "ICCV", 2019),
    "2106.09788": Work("Kapishnikov, Andrei and others",
        "Guided Integrated Gradients: An Adaptive Path Method for Removing Noise", "CVPR", 2021),
    "2004.03383": Work("Xu, Shawn and Venugopalan, Subhashini and Sundararajan, Mukund",
        "Attribution in Scale and Space", "CVPR", 2020),
    "2005.00928": Work("Abnar, Samira and Zuidema, Willem",
        "Quantifying Attention Flow in Transformers", "ACL", 2020),
    "10.1371/journal.pone.0130140": Work("Bach, Sebastian and others",
        "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance"
        " Propagation", "PLOS ONE", 2015),
    "1810.03292": Work("Adebayo, Julius and others", "Sanity Checks for Saliency Maps", "NeurIPS",
        2018),
    "10.1148/ryai.2021200267": Work("Arun, Nishanth and others",
        "Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical"
        " Imaging", "Radiology: Artificial Intelligence", 2021),
    "10.1007/s10278-024-01136-4": Work("Venkatesh, Kesavan and others",
        "Gradient-Based Saliency Maps Are Not Trustworthy Visual Explanations of Automated AI"
        " Musculoskeletal Diagnoses", "Journal of Imaging Informatics in"
        " Medicine", 2024),
    "10.1038/s42256-022-00536-x": Work("Saporta, Adriel and others",
        "Benchmarking saliency methods for chest X-ray interpretation",
        "Nature Machine Intelligence", 2022),
    "1608.00507": Work("Zhang, Jianming and others",
        "Top-down Neural Attention by Excitation Backprop",
        "International Journal of Computer Vision", 2018),
    "2003.07258": Work("Arras, Leila and Osman, Ahmed and Samek, Wojciech",
        "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network"
        " explanations", "Information Fusion", 2022),
    "10.2307/1932409": Work("Dice, Lee R.",
        "Measures of the Amount of Ecologic Association Between Species", "Ecology", 1945),
    "1905.00780": Work("Srinivas, Suraj and Fleuret, François",
        "Full-Gradient Representation for Neural Network Visualization", "NeurIPS", 2019),
    "1705.02315": Work("Wang, Xiaosong and others",
        "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised"
        " Classification and Localization of Common Thorax Diseases", "CVPR", 2017),
    "1405.0312": Work("Lin, Tsung-Yi and others", "Microsoft COCO: Common Objects in Context",
        "ECCV", 2014),
    "2204.09817": Work("Boecking, Benedikt and others",
        "Making the Most of Text Semantics to Improve Biomedical Vision-Language Processing",
        "ECCV", 2022),
    "10.1007/s11263-012-0538-3": Work("Deselaers, Thomas and Alexe, Bogdan and Ferrari, Vittorio",
        "Weakly Supervised Localization and Learning with Generic Knowledge",
        "International Journal of Computer Vision", 2012),
    "2007.04178": Work("Choe, Junsuk and others",
        "Evaluation for Weakly Supervised Object Localization: Protocol, Metrics, and Datasets",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence", 2022),
    "2001.07437": Work("Choe, Junsuk and others",
        "Evaluating Weakly Supervised Object Localization Methods Right", "CVPR", 2020),
    "10.1109/TMI.2009.2013851": Work("Heimann, Tobias and others",
        "Comparison and Evaluation of Methods for Liver Segmentation From CT Datasets",
        "IEEE Transactions on Medical Imaging", 2009),
    "2401.06465": Work("Hedström, Anna and others",
        "Sanity Checks Revisited: An Exploration to Repair the Model Parameter Randomisation Test",
        "arXiv", 2024),
}  # fmt: skip
"""Publications by their identifier, an arXiv number or a DOI."""


def bibtex(content: Content) -> str:
    """Entries for heatproof and for every work that a part names as its source, each once."""
    return "\n\n".join((_heatproof(content), *(_entry(name) for name in sources(content))))


def sources(content: Content) -> tuple[str, ...]:
    """Identifiers of the works behind methods, metrics, criteria and rules, in this order."""
    asked = [criterion for criterion in content.asked.criteria if criterion != LOCALIZATION]
    used = (
        *_named(methods, [method.spec for method in content.methods]),
        *_named(metrics, [metric.spec for metric in content.metrics]),
        *_named(criteria, asked),
        *_named(rules, [rule.spec for rule in content.rules]),
    )
    return tuple(dict.fromkeys(used))


def _named(registry: Any, specs: list[str]) -> Iterator[str]:
    for spec in specs:
        try:
            part = registry.parse(spec)
        except SpecError:  # imported maps, or a part of a package that is not installed
            continue
        text = sys.modules[type(part).__module__].__doc__ or ""
        # The first source is that of the part; later ones are about its use.
        if found := _SOURCE.search(text):
            yield found[2]


def _heatproof(content: Content) -> str:
    version = dict(content.provenance.versions).get("heatproof", "unknown")
    return (
        "@software{heatproof,\n  title = {heatproof: can the saliency maps of a medical-image"
        f" classifier be trusted?}},\n  version = {{{version}}}\n}}"
    )


def _entry(identifier: str) -> str:
    work = WORKS.get(identifier)
    fields = {}
    if work:
        fields = {
            "author": work.authors,
            "title": f"{{{work.title}}}",
            "howpublished": work.where,
            "year": str(work.year),
        }
    fields |= (
        {"doi": identifier}
        if identifier.startswith("10.")
        else {"eprint": identifier, "archiveprefix": "arXiv"}
    )
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{_key(identifier, work)},\n{lines}\n}}"


def _key(identifier: str, work: Work | None) -> str:
    if work is None:
        return re.sub(r"\W", "-", identifier)
    name = re.sub(r"\W", "", work.authors.split(",")[0].lower())
    word = re.findall(r"\w+", work.title)[0].lower()
    return f"{name}{work.year}{word}"
