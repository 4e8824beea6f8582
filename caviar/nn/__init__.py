"""Networks in TensorFlow; every parameter leads with the stack axis."""
