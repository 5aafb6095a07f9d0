"""The prompt on a host's terminal: its editor, which needs packages that machines do not have. All
else of it is aios.client's."""
