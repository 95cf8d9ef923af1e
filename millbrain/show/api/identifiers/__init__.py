"""Identifiers over the API: what the resolver knows, asked on behalf of the caller."""

from fastapi import APIRouter

from millbrain.show.api.identifiers import nodes, records, resolve

router = APIRouter(prefix="/identifiers", tags=["identifiers"])
for module in (resolve, records, nodes):
    router.include_router(module.router)
