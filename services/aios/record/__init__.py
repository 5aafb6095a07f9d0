"""The audit as it stands in the journal: read, verified, exported. Standard library only."""
