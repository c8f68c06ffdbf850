"""What was asked?  The experiment file, its data sets, and which model judges which films."""
