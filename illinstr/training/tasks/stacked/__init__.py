"""The StackedDiffusion task: its config, its data, its loss, its export."""
