"""Runs as things: a folder that a run wrote, opened, listed, compared, exported, cleared.

folder       one run: its tables, maps, verdicts, and what is known of it
listing      the runs below a folder
comparison   two runs, paired by film
export       tables and maps in formats of other programs
clearing     what may be removed because it can be made again
"""
