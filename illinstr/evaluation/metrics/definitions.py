"""The metrics themselves: plain functions of feature arrays, each with its definition and where it comes from.

Names follow StackedDiffusion (arXiv 2312.04552, section 4 and its released scripts). ``docs/evaluation.md`` says
where we define a metric more strictly than those scripts do, and why.

Shapes: m images, k candidate texts, d feature dimensions. Features arrive unnormalised, as the encoder gives them;
all arithmetic is in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Features = NDArray[Any]

TIE_TOLERANCE = 1e-9
DIVERSITY_FLOOR = 0.02


def cosine_similarity(images: Features, texts: Features) -> Floats:
    """Cosine of every image with every text: (m, d) and (k, d) to (m, k). A zero vector has cosine 0."""
    return _unit(images) @ _unit(texts).T


def choice_credit(similarities: Floats, own: int = 0, *, tolerance: float = TIE_TOLERANCE) -> float:
    """Multiple choice: 1 when the image's own text has the highest similarity, 0 when another has.

    Where several texts share the highest value the credit is divided among them, which is what guessing among them
    earns on average; chance level stays exactly 1/k.

    Args:
        similarities: (k,), one image against its k candidates.
        own: where the image's own text stands.
        tolerance: values this near to the highest are tied with it.
    """
    best = similarities >= similarities.max() - tolerance
    return float(best[own]) / int(best.sum())


def softmax_over_images_credit(images: Features, texts: Features) -> Floats:
    """The multiple choice of the released scripts, for comparison only (``--protocol reproduction``).

    In a group of g images and their g texts the raw cosines (not 100 x cosine) go through a softmax over *images*, then
    each image takes the text of highest probability, the first where several share it. That is neither "which text for
    this image" nor "which image for this text", and it reads higher than either.

    Args:
        images: (g, d).
        texts: (g, d); text i belongs to image i.

    Returns:
        (g,), 1 where an image takes its own text, else 0.
    """
    from scipy.special import softmax

    chosen = softmax(cosine_similarity(images, texts), axis=0).argmax(axis=1)
    return np.asarray(chosen == np.arange(len(images)), dtype=np.float64)


def mean_pairwise_distance(features: Features) -> float:
    """Cross-image consistency: mean L2 distance over all pairs of one article's m >= 2 unnormalised features.

    Lower means more alike, but lower is not simply better: identical panels score 0 and real articles do not. Read it
    beside the truth's value (``consistency_gap``) and the diversity floor.

    Raises:
        ValueError: fewer than two images.
    """
    if len(features) < 2:
        raise ValueError("a pairwise distance needs two images")
    from scipy.spatial.distance import pdist

    return float(pdist(features.astype(np.float64)).mean())


def relative_spread(features: Features) -> float:
    """Mean pairwise distance over mean feature length: the same number without the encoder's scale. 0 when all agree.

    An article under ``DIVERSITY_FLOOR`` shows one image over and over: at 0.02 two features stand about 1 degree
    apart.
    """
    length = float(np.linalg.norm(features.astype(np.float64), axis=1).mean())
    return mean_pairwise_distance(features) / length if length > 0 else 0.0


def clip_score(image: Features, text: Features) -> float:
    """CLIPScore of an image and its step: 100 x max(cosine, 0) (Hessel et al. 2021, with the common scale of 100)."""
    return 100.0 * max(float(cosine_similarity(image[None], text[None])[0, 0]), 0.0)


def _unit(features: Features) -> Floats:
    wide = features.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))
