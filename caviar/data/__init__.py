"""Data sets, cut into train, dev and test."""
