"""The generated TypeScript client: whole, without dependencies, and strictly typed."""

import re
from pathlib import Path

from tests.client_generators.compiling import compiled


def camel(operation_id: str) -> str:
    first, *others = operation_id.split("_")
    return first + "".join(word.capitalize() for word in others)


def test_it_has_every_operation_and_no_other(
    typescript_client: Path, operation_ids: set[str]
) -> None:
    text = (typescript_client / "sdk.gen.ts").read_text()
    functions = re.findall(r"^export const (\w+) =", text, re.M)
    assert len(functions) == len(operation_ids)
    assert set(functions) == {camel(name) for name in operation_ids}


def test_it_imports_nothing_but_itself(typescript_client: Path) -> None:
    files = list(typescript_client.rglob("*.ts"))
    assert len(files) > 10
    for file in files:
        for source in re.findall(r"""\bfrom ['"]([^'"]+)['"]""", file.read_text()):
            assert source.startswith("."), (file, source)


def test_its_types_hold_and_mistakes_are_found(typescript_client: Path, tmp_path: Path) -> None:
    program = """
        import { ordersGetOrder, type Order } from "./typescript/index.js";
        const { data } = await ordersGetOrder({ path: { order_id: 1 } });
        const order: Order | undefined = data;
        if (order?.status === "shipped") console.log(order.total_amount.length);
        // @ts-expect-error: an id is a number.
        await ordersGetOrder({ path: { order_id: "1" } });
        // @ts-expect-error: there is no such status.
        console.log(order?.status === "sent");
        // @ts-expect-error: there is no such member.
        console.log(order?.total);
    """
    assert compiled(program, typescript_client, tmp_path) == ""
