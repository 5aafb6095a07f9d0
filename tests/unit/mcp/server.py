"""An MCP server of ten lines that does what its arguments say. Standard library only, as it runs in
machines too."""

import json
import os
import sys
from pathlib import Path


def tell(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def main(faults):
    print("hello, I am a server that greets on stdout", flush=True)
    print("starting up", file=sys.stderr, flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            if "dies" in faults:
                sys.exit("no such licence")
            if "silent" in faults:
                continue
            version = "1999-01-01" if "old" in faults else message["params"]["protocolVersion"]
            tell(
                id=number,
                result={
                    "protocolVersion": version,
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "t", "version": "1"},
                },
            )
            tell(id=77, method="sampling/createMessage", params={})
            tell(id=78, method="ping")
        elif method == "tools/list":
            page = message["params"].get("cursor", "")
            schema = {"type": "object", "properties": {"text": {"type": "string"}}}
            first = [
                {"name": "echo", "description": "Says it\nagain\x1b", "inputSchema": schema},
                {"name": "not plain", "inputSchema": schema},
                {"name": "crash", "inputSchema": {"type": "object"}},
                5,
                {"x": 1},
                {"name": "half", "inputSchema": {"type": "object", "title": "\ud800"}},
            ]
            second = [{"name": "where", "inputSchema": {"type": "object"}}]
            result = {"tools": second} if page else {"tools": first, "nextCursor": "2"}
            tell(id=number, result=result)
        elif method == "tools/call":
            name, given = message["params"]["name"], message["params"]["arguments"]
            if name == "crash":
                print("crashing now", file=sys.stderr, flush=True)
                sys.exit(3)
            if name == "hang":
                continue
            if name == "where":
                text = f"{Path.cwd()} {os.environ.get('COLOUR')} {os.getpid()} \ud800"
            elif name == "echo":
                text = given.get("text", "") * given.get("times", 1)
            else:
                tell(id=number, error={"code": -32602, "message": f"no tool {name}"})
                continue
            tell(
                id=number,
                result={
                    "content": [
                        {"type": "text", "text": text},
                        {"type": "image", "data": "", "mimeType": "image/png"},
                    ],
                    "isError": bool(given.get("fails")),
                },
            )
        elif method == "notifications/cancelled":
            print("cancelled", message["params"]["requestId"], file=sys.stderr, flush=True)
        elif number in (77, 78):
            print("answered", number, "error" in message, file=sys.stderr, flush=True)


main(sys.argv[1:])
