"""What is measured: definitions, scores, statistics."""

from illinstr.evaluation.metrics.definitions import softmax_over_images_credit
from illinstr.evaluation.metrics.statistics import mean_interval

__all__ = ["mean_interval", "softmax_over_images_credit"]
