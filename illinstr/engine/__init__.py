"""Where work runs: devices, launching, process groups, and executors."""
