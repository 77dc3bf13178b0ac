"""Interventions on the picture: which part of an answer comes from it? See docs/interventions.md."""
