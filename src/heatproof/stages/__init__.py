"""How is each table made?  Each stage writes the units that its table lacks.

A stage (what it writes)

    explanation      maps and probabilities of every film (map store, ``made``, ``predictions``)
    imported_maps    the same from files of another tool
    tuning           scores of the tuning films by every candidate value (``scores``)
    scoring          every map against every mask (``scores``)
    control_maps     the controls, handed to ``scoring``
    structures       how much of a map lies on a tag or a tube (``structures``)
    shapes           the shape of every mask (``shapes``)
    trust            maps of models, copies and films, compared in pairs (``trust``)
    contents         a digest of every film (``contents``)

What stages share

    loop             ``Unit``, and the loop that makes what is missing
    blocks           ``Block`` and ``Judged``: films of one model, and the names of their units
    read_ahead       images of films, read while the model is at work
    framing          maps brought to the common frame of their films
    subject          of ``trust``: one model and data set, and the maps that criteria ask for
    pairs            of ``trust``: two maps compared, and the row of that
    reader_agreement of ``trust``: the same for the masks of two readers
    written          all tables of an experiment, read back for the analysis
"""
