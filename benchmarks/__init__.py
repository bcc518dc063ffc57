"""Measurements: one command each, ratios against something measured in the same run."""
