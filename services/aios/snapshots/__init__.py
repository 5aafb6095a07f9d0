"""Generations of a machine's tree: plain Python, which knows no D-Bus and no systemd.

A generation is a directory of the store, named by its id and complete when it has that name:

    STORE/MACHINE/ID/generation.json   what it is
                     tree/             the machine's files, owners as they were
                     manifest.gz       what is in it, to compare with
                     nspawn            the machine's settings
    STORE/MACHINE/.ID.new              being made
                  .ID.restoring        the tree that comes, then, exchanged, the one that went
                  .ID.gone             being removed

What stands under a name with a dot was cut short; recovery.py finishes it or takes it away.
"""
