"""The verbs, once each: what the command line, the Python API and ``serve`` all call."""
