"""aios doctor: each module looks at one thing and changes nothing.

A check is a function of the host that gives a Report: what is wrong with a way to mend it, and what
could not be seen. They run side by side; most of their time other processes work.
"""
