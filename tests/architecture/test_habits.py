"""Habits that a machine can hold: one place commits, one reads the clock, files stay small."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from bookstore import errors, problems
from bookstore.blueprints.docs import explanations

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "bookstore").rglob("*.py"))


def kinds(kind: type = errors.BookstoreError) -> Iterator[type[errors.BookstoreError]]:
    for child in kind.__subclasses__():
        yield child
        yield from kinds(child)


def lines_with(pattern: str, *, except_in: set[str]) -> list[str]:
    found = []
    for path in SOURCES:
        name = str(path.relative_to(ROOT / "bookstore"))
        if name in except_in:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(pattern, line.partition("#")[0]):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def test_one_place_commits() -> None:
    # The shell's help text tells people how; that is not code.
    assert lines_with(r"\.commit\(", except_in={"unit_of_work.py", "shell.py"}) == []


def test_one_place_reads_the_time() -> None:
    pattern = r"datetime\.(now|utcnow|today)\(|date\.today\(|time\.time\("
    assert lines_with(pattern, except_in={"clock.py"}) == []


def test_one_place_reads_the_environment() -> None:
    assert lines_with(r"os\.environ|getenv\(", except_in={"config/__init__.py"}) == []


def test_no_file_is_past_300_lines() -> None:
    folders = ("bookstore", "tests", "benchmarks", "client_generators", "migrations")
    files = [path for name in folders for path in (ROOT / name).rglob("*.py")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_module_of_the_shop_reads_like_a_test() -> None:
    assert [str(path.relative_to(ROOT)) for path in SOURCES if path.name.startswith("test")] == []


def test_public_functions_are_documented() -> None:
    missing = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        classes = [
            node
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        nodes = [*tree.body, *(member for found in classes for member in found.body)]
        if not ast.get_docstring(tree):
            missing.append(f"{path.relative_to(ROOT)}: module")
        missing += [
            f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and node.name != "Meta"
            and not ast.get_docstring(node)
        ]
    assert missing == []


def test_error_codes_are_unique_and_explained() -> None:
    codes = [kind.code for kind in kinds()]
    assert sorted(codes) == sorted(set(codes))
    assert set(codes) <= set(explanations())
    for kind in kinds():
        # 501 and 503: what this server, or this server now, cannot do.
        assert problems.status_of(kind) in {*range(400, 500), 501, 503}, kind


@pytest.mark.parametrize("database", ["sqlite"])
class TestRoutes:
    """Each route says whom it serves."""

    # Not asked who it is: nothing in their answers depends on it.
    OPEN = {
        "health.healthz",
        "health.readyz",
        "metrics.read",
        "docs.openapi",
        "docs.swagger",
        "docs.asset",
        "docs.start_script",
        "docs.explain",
        "graphql.page",
        "storefront.home",
        "storefront.book",
        "tracker.page",
        "tracker.orders",
        "tracker.log_in",
        "tracker.register",
        "tracker.reset",
        "tracker.verify",
        "tracker.asset",
        "checkout.page",
        "storage.cover",
        "storage.read",
    }

    def test_every_route_declares_access(self, shop: Flask) -> None:
        silent = {
            rule.endpoint
            for rule in shop.url_map.iter_rules()
            if not hasattr(shop.view_functions[rule.endpoint], "access")
        }
        assert silent == self.OPEN

    def test_writes_need_a_user_but_for_a_known_few(self, shop: Flask) -> None:
        open_writes = {
            rule.endpoint
            for rule in shop.url_map.iter_rules()
            if rule.methods - {"GET", "HEAD", "OPTIONS"}
            and shop.view_functions[rule.endpoint].access in {"anyone", "visitor"}
        }
        assert open_writes == {
            "accounts.register",
            "accounts.log_in",
            "accounts.refresh",
            "accounts.ask_for_reset",
            "accounts.confirm_reset",
            "accounts.verify_email",
            "cart.add_item",
            "cart.set_quantity",
            "cart.remove_item",
            "cart.clear_cart",
            "cart.put_coupon",
            "cart.remove_coupons",
            "cart.quote",
            "console.login.log_in",
            "graphql.graphql",
            "payments.receive_event",
            "storage.upload",
            "three_d_secure.answer",
            "v1_tokens.log_in",
            "v1_tokens.refresh",
        }
