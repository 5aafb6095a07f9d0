"""MCP: aios's hands for other AIs, and other people's servers for aios."""
