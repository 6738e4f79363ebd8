"""The baseline: a bare Starlette route that only parses."""

import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def parse(request: Request) -> JSONResponse:
    """Parse the body and drop it."""
    json.loads(await request.body())
    return JSONResponse({"success": True})


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/batch", parse, methods=["POST"]), Route("/v1/track", parse, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", loop="uvloop", http="httptools", access_log=False)
