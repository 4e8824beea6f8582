"""Training: optimisers, the compiled epoch, checkpoints."""
