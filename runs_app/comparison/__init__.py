"""Runs side by side: curves, differing settings, scores with the best one marked."""
