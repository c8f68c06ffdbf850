"""Every table there is."""

from heatproof.tables import every_table

TABLES = every_table()
