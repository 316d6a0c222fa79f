"""A tool server over stdin and stdout (Model Context Protocol): one tool, `remember`, which writes a line to a file.

Started as `python3 mcp_server.py FILE`; its answers carry what the variable NOTES_STAMP says.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

TOOL = {
    "name": "remember",
    "description": "Write a line into the book of notes.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


def main(book: Path) -> None:
    """Answer every request until the client goes."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer(message, book)}), flush=True)


def answer(message: dict[str, Any], book: Path) -> dict[str, Any]:
    """The result of one request."""
    match message["method"]:
        case "initialize":
            info = {"name": "notes", "version": "1.0.0"}
            version = message["params"]["protocolVersion"]
            return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
        case "tools/list":
            return {"result": {"tools": [TOOL]}}
        case "tools/call":
            text = str(message["params"]["arguments"]["text"])
            with book.open("a") as stream:
                stream.write(text + "\n")
            said = f"remembered by {os.environ.get('NOTES_STAMP', 'nobody')}"
            return {"result": {"content": [{"type": "text", "text": said}]}}
        case "ping":
            return {"result": {}}
        case other:
            return {"error": {"code": -32601, "message": f"no method {other}"}}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
