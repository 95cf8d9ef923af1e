"""Identifiers over the API: what the resolver knows, asked on behalf of the caller."""

from fastapi import APIRouter

from millbrain.show.api.identifiers import (
    faces,
    nodes,
    records,
    resolve,
    statistics,
    templates,
    vehicles,
)

router = APIRouter(prefix="/identifiers", tags=["identifiers"])
for module in (resolve, records, nodes, templates, statistics, vehicles, faces):
    router.include_router(module.router)
