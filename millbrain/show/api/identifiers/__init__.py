"""Identifiers over the API: what the resolver knows, asked on behalf of the caller."""

from fastapi import APIRouter

from millbrain.show.api.identifiers import faces, nodes, records, resolve, templates, vehicles

router = APIRouter(prefix="/identifiers", tags=["identifiers"])
for module in (resolve, records, nodes, templates, vehicles, faces):
    router.include_router(module.router)
