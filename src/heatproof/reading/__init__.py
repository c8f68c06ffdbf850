"""The reading room: reader studies in the browser.

``study`` says what is asked of whom, ``schedule`` who reads what and when, ``cases`` what is shown;
``ledger`` keeps every stroke and never changes one; ``answers`` are what follows from it.  ``app``
serves it to browsers behind ``guard``; ``serving`` starts it; ``export`` and ``page`` bring it out.
The page that readers see is built from ``viewer`` into ``bundle``.
"""
