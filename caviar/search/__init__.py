"""What to try next: searchers and strategies. NumPy and SciPy only."""
