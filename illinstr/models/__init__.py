"""Backbones: the protocol that the method needs of a model, the registry, and one folder a family."""
