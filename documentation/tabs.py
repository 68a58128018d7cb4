"""The same thing in several languages, one block after the other, becomes tabs."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_design.shared import create_component

LABELS = {"bash": "curl", "python": "Python", "javascript": "JavaScript"}


def group(app: Sphinx, tree: nodes.document) -> None:
    """Replace runs of code blocks that differ in language by one set of tabs each.

    Only blocks that follow each other directly count, so what a page looks like without this, and
    on a code host, is simply one block after the other.
    """
    for parent in {block.parent for block in tree.findall(nodes.literal_block)}:
        for run in _runs(parent):
            at = parent.index(run[0])
            for block in run:
                parent.remove(block)
            parent.insert(at, _tabs(run))


def _runs(parent: nodes.Element) -> list[list[nodes.literal_block]]:
    """Return the runs of at least two blocks, no language twice."""
    runs: list[list[nodes.literal_block]] = [[]]
    for child in parent.children:
        language = child.get("language") if isinstance(child, nodes.literal_block) else None
        if language not in LABELS:
            runs.append([])
        elif language in [block["language"] for block in runs[-1]]:
            runs.append([child])
        else:
            runs[-1].append(child)
    return [run for run in runs if len(run) > 1]


def _tabs(blocks: list[nodes.literal_block]) -> nodes.Element:
    items = []
    for block in blocks:
        language = block["language"]
        label = nodes.rubric("", LABELS[language], classes=["sd-tab-label"])
        # Whoever picks a language once gets it in all tabs.
        label["sync_group"], label["sync_id"] = "language", language
        content = create_component("tab-content", children=[block], classes=["sd-tab-content"])
        items.append(
            create_component("tab-item", children=[label, content], classes=["sd-tab-item"])
        )
    return create_component("tab-set", children=items, classes=["sd-tab-set"])
