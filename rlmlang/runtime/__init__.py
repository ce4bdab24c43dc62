"""Run a checked program: values, evaluation, and the estimate of what a run costs."""
