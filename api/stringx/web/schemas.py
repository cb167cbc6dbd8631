"""`/schemas/…`: the JSON Schemas of gate files, triggers and acknowledgements, for editors and consumers; without a token."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from stringx import schemas
from stringx.errors import NotFound

blueprint = APIBlueprint("schemas", __name__, tag="Schemas")

#: What is answered without a token: an editor has none, and the package has the same files.
ENDPOINTS = ("schemas.getSchema",)

_FILES = {f"{name}.json": schemas.path(name) for name in schemas.NAMES}


@blueprint.get("/schemas/<file>", endpoint="getSchema")
@blueprint.doc(operation_id="getSchema", responses={200: "The schema, JSON Schema 2020-12."})
def get_schema(file: str) -> Response:
    """A JSON Schema of this version: of gate files, triggers or acknowledgements"""
    if file not in _FILES:
        raise NotFound(f"there is no schema {file!r}: there are {', '.join(sorted(_FILES))}")
    return Response(_FILES[file].read_bytes(), content_type="application/schema+json", headers={"Cache-Control": "max-age=300"})
