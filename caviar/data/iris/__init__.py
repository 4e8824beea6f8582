"""The iris data set as a TFDS builder of our own, made without a network."""
