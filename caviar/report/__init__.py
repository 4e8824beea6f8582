"""What a study came to, told from its journal alone."""
