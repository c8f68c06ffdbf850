"""How is it said?  The results of an experiment in words, pictures and tables, and on one page.

``content`` holds the records of a report.  ``facts`` fills them, ``prose`` says in words what
follows from them, ``pictures`` draws them, ``paper`` writes tables and figures as files, and
``page`` makes the HTML page.  ``published`` holds what published studies report.
"""
