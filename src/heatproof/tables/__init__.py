"""What rests between the stages: tables, their columns, and the units in which they are written."""
