"""Interventions on a model's own thoughts and on its pictures: does its answer depend on them? See
docs/interventions.md."""

from unswayed.interventions.catalogue import INTERVENTIONS, Intervention, select
from unswayed.interventions.pictures.catalogue import PICTURES, PictureIntervention
from unswayed.interventions.probe import (
    FOLDER,
    is_probed,
    measure,
    measure_pictures,
    probe,
    probed_trials,
)

__all__ = [
    "FOLDER",
    "INTERVENTIONS",
    "PICTURES",
    "Intervention",
    "PictureIntervention",
    "is_probed",
    "measure",
    "measure_pictures",
    "probe",
    "probed_trials",
    "select",
]
