"""What a report puts on paper: tables as CSV and LaTeX, figures as files."""
