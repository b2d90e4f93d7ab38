"""What mkdocs does with a page before it is rendered: links to files of the repository that are no pages of the site.

On GitHub they lead to the source. On the site they would lead nowhere, so only their text is kept, unless
`extra.source_url` of mkdocs.yml says where the source can be read. Whether the files exist is for tests/docs to say.
"""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, config: Any, **_rest: Any) -> str:
    """Return the page with links that mkdocs can follow; mkdocs calls this for each page."""
    return without_outside_links(markdown, page.file.src_uri, (config.extra or {}).get("source_url", ""))


def without_outside_links(markdown: str, page: str, source: str) -> str:
    """Return a page's text in which links out of docs/ lead to the source, or are text; fenced blocks stay."""

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
        if path.startswith("docs/"):
            return found[0]
        return f"[{found['text']}]({source.rstrip('/')}/{path})" if source else found["text"]

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(link, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(link, markdown[end:])])
