"""Articles longer than the model was trained on: windows of the trained size that share panels.

The first window is drawn as any article is. Every later one holds finished panels and draws the next ones around them:
the article's first panel and others spread over the first window, which carry the scene, and the panel just before the
new ones, which carries the state of things. Within a window steps are numbered from 1, as in training.

Other schemes were measured on articles of Gaussians whose perfect denoiser is known (``tests/support/oracle.py``): 24
panels, windows of 8, correlation 0.9 between any two panels, 20 sampling steps. The mean correlation drawn, and the
lowest:

    windows at once, predictions averaged (MultiDiffusion, arXiv 2302.08113)   0.63  0.34   and blurred
    first panel and the last three held                                        0.80  0.69
    three of the first window and the last one held, as here                   0.83  0.75
    the same with a deterministic sampler (dpm++2m) in place of its SDE form   0.70  0.54
"""

from __future__ import annotations


def long_windows(n: int, size: int) -> tuple[tuple[int, ...], ...]:
    """Windows of ``size`` panels, as indices from 0, that cover ``n`` panels; one of all when they fit.

    Half of a later window is held; the last one begins early enough to be full.

    >>> long_windows(14, 8)
    ((0, 1, 2, 3, 4, 5, 6, 7), (0, 2, 5, 7, 8, 9, 10, 11), (0, 2, 5, 9, 10, 11, 12, 13))
    """
    if n <= size:
        return (tuple(range(n)),)
    held = min(max(size // 2, 2), size - 1)
    scene = [place * size // (held - 1) for place in range(held - 1)]
    windows = [tuple(range(size))]
    while windows[-1][-1] < n - 1:
        start = min(windows[-1][-1] + 1, n - (size - held))
        kept = [panel for panel in scene if panel < start - 1]
        recent = [panel for panel in reversed(range(start)) if panel not in kept][: held - len(kept)]
        windows.append((*sorted([*kept, *recent]), *range(start, start + size - held)))
    return tuple(windows)


def number_when_alone(n: int, size: int) -> tuple[int, ...]:
    """The number, from 1, that each of ``n`` steps goes by when drawn alone: its first place in a window."""
    number: dict[int, int] = {}
    for window in long_windows(n, size):
        for place, panel in enumerate(window, start=1):
            number.setdefault(panel, place)
    return tuple(number[panel] for panel in range(n))
