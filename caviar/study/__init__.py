"""What was asked and what is known: the study file, its records and the journal."""
