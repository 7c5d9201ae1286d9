"""Arithmetic over features, run in the child of a `run.calculation.Calculation`."""
