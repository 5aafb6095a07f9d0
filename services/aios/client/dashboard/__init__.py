"""aios status, for people who prefer looking.

Nothing here asks a service: units are systemd's to tell, commands and what waits the journal's, the
memory's size its file's. So a status that is watched all day keeps no service from leaving.
"""
