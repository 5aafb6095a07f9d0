"""`aios policy …` without the service: the same library, on files."""
