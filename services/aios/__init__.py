"""aios: an AI layer where the shell used to be."""

__version__ = "0.1.0"
