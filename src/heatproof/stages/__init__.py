"""How is each table made?  Each stage writes the units that its table lacks."""
