"""The metrics themselves: plain functions of feature arrays, each with its definition and where it comes from.

Names follow StackedDiffusion (arXiv 2312.04552, section 4 and its released scripts). ``docs/evaluation.md`` says
where we define a metric more strictly than those scripts do, and why.

Shapes: m pictures, k candidate texts, d feature dimensions. Features arrive unnormalised, as the encoder gives them;
all arithmetic is in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Features = NDArray[Any]

TIE_TOLERANCE = 1e-9
LOGIT_SCALE = 100.0
DIVERSITY_FLOOR = 0.02


def cosine_similarity(images: Features, texts: Features) -> Floats:
    """Cosine of every picture with every text: (m, d) and (k, d) to (m, k). A zero vector has cosine 0."""
    return _unit(images) @ _unit(texts).T


def choice_credit(similarities: Floats, own: int = 0) -> float:
    """Multiple choice: 1 when the picture's own text has the highest similarity, 0 when another has.

    Where several texts share the highest value the credit is divided among them, which is what guessing among them
    earns on average; chance level stays exactly 1/k.

    Args:
        similarities: (k,), one picture against its k candidates.
        own: where the picture's own text stands.
    """
    best = similarities >= similarities.max() - TIE_TOLERANCE
    return float(best[own]) / int(best.sum())


def softmax_over_pictures_credit(images: Features, texts: Features) -> Floats:
    """The multiple choice of the released scripts, for comparison only (``--protocol reproduction``).

    In a group of g pictures and their g texts the logits (100 x cosine) go through a softmax over *pictures*, then each
    picture takes the text of highest probability. That is neither "which text for this picture" nor "which picture for
    this text", and it reads higher than either.

    Args:
        images: (g, d).
        texts: (g, d); text i belongs to picture i.

    Returns:
        (g,), credit of each picture.
    """
    logits = LOGIT_SCALE * cosine_similarity(images, texts)
    exponentials = np.exp(logits - logits.max(axis=0, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=0, keepdims=True)
    return np.array([choice_credit(row, own) for own, row in enumerate(probabilities)])


def mean_pairwise_distance(features: Features) -> float:
    """Cross-image consistency: mean L2 distance over all pairs of one article's m >= 2 unnormalised features.

    Lower means more alike, but lower is not simply better: identical panels score 0 and real articles do not. Read it
    beside the truth's value (``consistency_gap``) and the diversity floor.

    Raises:
        ValueError: fewer than two pictures.
    """
    if len(features) < 2:
        raise ValueError("a pairwise distance needs two pictures")
    from scipy.spatial.distance import pdist

    return float(pdist(features.astype(np.float64)).mean())


def relative_spread(features: Features) -> float:
    """Mean pairwise distance over mean feature length: the same number without the encoder's scale. 0 when all agree.

    An article under ``DIVERSITY_FLOOR`` shows one picture over and over: at 0.02 two features stand about 1 degree
    apart.
    """
    length = float(np.linalg.norm(features.astype(np.float64), axis=1).mean())
    return mean_pairwise_distance(features) / length if length > 0 else 0.0


def clip_score(image: Features, text: Features) -> float:
    """CLIPScore of a picture and its step: 100 x max(cosine, 0) (Hessel et al. 2021, with the common scale of 100)."""
    return 100.0 * max(float(cosine_similarity(image[None], text[None])[0, 0]), 0.0)


def kid(real: Features, generated: Features) -> float:
    """Kernel inception distance: unbiased squared MMD under (x.y/d + 1)^3 (Binkowski et al. 2018). May be negative.

    Args:
        real: (m, d), m >= 2.
        generated: (n, d), n >= 2.

    Raises:
        ValueError: fewer than two pictures on a side.
    """
    real_part, generated_part = kid_contributions(real, generated)
    return float(real_part.mean() + generated_part.mean())


def kid_contributions(real: Features, generated: Features) -> tuple[Floats, Floats]:
    """What each picture adds to the KID: its mean kernel with its own side less that with the other side.

    The KID is the mean of the first array (m,) plus the mean of the second (n,).
    """
    if len(real) < 2 or len(generated) < 2:
        raise ValueError("KID needs two pictures on each side")
    x, y = real.astype(np.float64), generated.astype(np.float64)
    across = _cubic_kernel(x, y)

    def within(kernel: Floats) -> Floats:
        return np.asarray((kernel.sum(axis=1) - np.diag(kernel)) / (len(kernel) - 1))

    return within(_cubic_kernel(x, x)) - across.mean(axis=1), within(_cubic_kernel(y, y)) - across.mean(axis=0)


def fid(real: Features, generated: Features) -> float:
    """Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017).

    |mu_r - mu_g|^2 + tr(C_r + C_g - 2 (C_r C_g)^(1/2)). Biased upwards at small n, by an amount that depends on the
    model (Chong and Forsyth 2020): never compare values of different n.

    Args:
        real: (m, d), m >= 2.
        generated: (n, d), n >= 2.

    Raises:
        ValueError: fewer than two pictures on a side.
    """
    if len(real) < 2 or len(generated) < 2:
        raise ValueError("FID needs two pictures on each side")
    x, y = real.astype(np.float64), generated.astype(np.float64)
    # tr((C_r C_g)^(1/2)) is the sum of singular values of X Y^T for centred, scaled data: stable when n < d, where the
    # matrix square root of a singular product is not.
    x_centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    y_centred = (y - y.mean(axis=0)) / np.sqrt(len(y) - 1)
    cross = np.linalg.svd(_reduce(x_centred) @ _reduce(y_centred).T, compute_uv=False).sum()
    offset = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    return float(max(offset + (x_centred**2).sum() + (y_centred**2).sum() - 2 * cross, 0.0))


def _reduce(centred: Floats) -> Floats:
    """A matrix R of at most d rows with R^T R equal to that of ``centred``, so that many pictures cost no more."""
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else centred


def _cubic_kernel(x: Floats, y: Floats) -> Floats:
    return np.asarray((x @ y.T / x.shape[1] + 1.0) ** 3)


def _unit(features: Features) -> Floats:
    wide = features.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0))
