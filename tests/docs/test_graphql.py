"""What docs/graphql.md shows is what the shop takes."""

import re
from pathlib import Path

from graphql import parse, validate

from bookstore.graphql.schema import schema

TEXT = (Path(__file__).parents[2] / "docs" / "graphql.md").read_text()


def test_every_example_fits_the_schema() -> None:
    examples = re.findall(r"```graphql\n(.*?)```", TEXT, re.S)
    assert len(examples) == 3
    for example in examples:
        assert validate(schema._schema, parse(example)) == []


def test_every_mutation_is_named_and_no_other() -> None:
    kind = schema._schema.mutation_type
    assert kind is not None
    table = TEXT.split("| for | mutations |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(kind.fields)
