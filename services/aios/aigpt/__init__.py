"""aigpt's MCP server: the memory as tools for an AI."""
