"""What a report draws: positions, plots and figures, as SVG and PDF."""
