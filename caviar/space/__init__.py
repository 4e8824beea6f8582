"""What can be tuned: scales, domains and the search space. NumPy only."""
