"""StackedDiffusion itself: stacking, text conditioning, noise schedule, pipeline, model folder."""
