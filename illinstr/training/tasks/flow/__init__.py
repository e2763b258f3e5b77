"""The flow-matching task: transformers that predict a velocity, whole or by adapters."""
