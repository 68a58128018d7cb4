"""Who else has the data folder, or the port."""

import os
import socket
import sys
from pathlib import Path

import pytest

from bookstore.config import BadSetting
from bookstore.neighbours import alone_in, listener, require_free_port


def test_a_folder_has_one_shop(tmp_path: Path) -> None:
    with (
        alone_in(tmp_path, "http://127.0.0.1:8000"),
        pytest.raises(BadSetting, match=rf"at http://127.0.0.1:8000 \(process {os.getpid()}\)"),
        alone_in(tmp_path, "http://127.0.0.1:8001"),
    ):
        pass
    with alone_in(tmp_path, "http://127.0.0.1:8001"):
        assert (tmp_path / "serve.lock").read_text().startswith("http://127.0.0.1:8001 ")


def test_who_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSetting, match=f"PORT: cannot listen on 127.0.0.1:{port}") as told:
            require_free_port("127.0.0.1", port)
        if sys.platform == "linux":
            assert f", process {os.getpid()})" in str(told.value)
    require_free_port("127.0.0.1", port)
    assert listener(port) == ""
