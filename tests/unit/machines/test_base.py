"""The trees that machines are copied from."""

from pathlib import Path

import pytest

from aios.errors import Unavailable
from aios.machines.base import Base


def test_another_tree_may_come_while_it_is_copied(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    base = Base(tree, number=tree.stat().st_ino)
    base.require_same()
    # As install/cache.sh renews it.
    (tmp_path / "new").mkdir()
    tree.rename(tmp_path / "old")
    with pytest.raises(Unavailable, match="built anew"):
        base.require_same()
    (tmp_path / "new").rename(tree)
    with pytest.raises(Unavailable, match="built anew"):
        base.require_same()
