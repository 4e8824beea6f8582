"""The breast_cancer data set as a TFDS builder of our own, made without a network."""
