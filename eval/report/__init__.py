"""Evaluations and comparisons as one self-contained HTML page each."""
