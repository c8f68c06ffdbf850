"""What a report shows on one page."""
