"""Interventions on a model's own thoughts: does its answer depend on them? See docs/interventions.md."""

from unswayed.interventions.catalogue import INTERVENTIONS, Intervention, select
from unswayed.interventions.probe import FOLDER, is_probed, measure, probe

__all__ = ["FOLDER", "INTERVENTIONS", "Intervention", "is_probed", "measure", "probe", "select"]
