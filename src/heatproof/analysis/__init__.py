"""What do the tables say?  Functions of tables, each beside the record that it returns.

An analysis reads tables, metrics and one record of how intervals are made.  It opens no experiment,
no model and no film, so it can be called, and tested, alone.
"""
