"""What do the tables say?  Functions of tables, each beside the record that it returns.

An analysis takes tables, metrics and ``Intervals``.  It opens no experiment, model or film, so that
it can be called and tested alone (``docs/how-to/ask-the-tables.md``).
"""
