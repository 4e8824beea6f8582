"""Synthetic one-dimensional signals as a TFDS builder of our own, made without a network."""
