"""aios-machine.service: makes, starts, moves and removes machines."""
