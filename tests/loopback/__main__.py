import argparse
import json
from pathlib import Path

from .server import Loopback


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted model server on the loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--key", default="sk-loopback")
    parser.add_argument("--model", default="claude-sonnet-5-5")
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    script = json.loads(given.script.read_text())
    options = {"port": given.port, "key": given.key, "model": given.model, "log": given.log}
    with Loopback(script, **options) as server:
        print(server.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
