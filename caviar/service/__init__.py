"""caviar as a service: submitted to a Ray cluster as a job, and asked through its dashboard."""
