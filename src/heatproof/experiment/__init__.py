"""What was asked?  The experiment file, its data sets, and which model judges which films.

settings     the tables of an experiment file, as frozen records
model        the table of a model, and its replicates
file         ``Experiment`` and ``load``: all tables of one file
films        ``OpenedData``: a data set, opened and checked
assignment   which model judges which films
guard        films that tune metrics are judged by nobody
workspace    ``Workspace``: an experiment, opened, with the tables that its stages write
"""
