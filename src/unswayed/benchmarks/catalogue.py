"""All published benchmarks, collected from the modules that read them."""

from __future__ import annotations

from unswayed.benchmarks.catalogue_entry import CatalogueEntry, Collection
from unswayed.benchmarks.readers import (
    cvbench,
    geometry3k,
    mmbench,
    mme_realworld,
    nlvr,
    pixmo_count,
    sat,
    sat2,
    spatial_mm,
    threedsr,
    vstar,
    whatsup,
)

PUBLISHED: tuple[CatalogueEntry, ...] = (
    *mmbench.ENTRIES,
    *threedsr.ENTRIES,
    *cvbench.ENTRIES,
    *spatial_mm.ENTRIES,
    *whatsup.ENTRIES,
    *vstar.ENTRIES,
    *mme_realworld.ENTRIES,
    *sat.ENTRIES,
    *sat2.ENTRIES,
    *pixmo_count.ENTRIES,
    *geometry3k.ENTRIES,
    *nlvr.ENTRIES,
)
COLLECTIONS: tuple[Collection, ...] = (*spatial_mm.COLLECTIONS, *whatsup.COLLECTIONS)
