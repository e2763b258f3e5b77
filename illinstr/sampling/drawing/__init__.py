"""Planned articles drawn by a loaded model, one or many, and drawn again after a change."""
