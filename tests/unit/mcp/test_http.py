"""`aios mcp --http`: its token, made once and no other's, and when it can be reached."""

import socket
from pathlib import Path

import pytest
import uvicorn
from mcp.server.lowlevel import Server

from aios.errors import ConfigError
from aios.mcp.http import serve, token


def test_made_once(tmp_path: Path) -> None:
    file = tmp_path / "aios" / "mcp-token"
    made, new = token(file)
    assert new and len(made) > 40
    assert token(file) == (made, False)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_token(tmp_path: Path) -> None:
    file = tmp_path / "mcp-token"
    file.write_text("x" * 40)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="not yours alone"):
        token(file)
    file.chmod(0o600)
    assert token(file) == ("x" * 40, False)
    file.write_text("short")
    with pytest.raises(ConfigError, match="no token"):
        token(file)
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        token(file)


async def test_where_none_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aios").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="no token can be kept"):
        await serve(Server("x"), 0, ())


async def test_who_is_told_where_it_is_can_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ""

    async def not_yet(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        nonlocal told
        told = capsys.readouterr().err
        socket.create_connection(sockets[0].getsockname(), timeout=10).close()

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(uvicorn.Server, "serve", not_yet)
    await serve(Server("aios"), 0, ())
    assert "MCP at http://127.0.0.1:" in told
