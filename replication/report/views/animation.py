"""Pictures as an animated WebP."""

from __future__ import annotations

import io

from PIL import Image


def animation(pictures: list[Image.Image], milliseconds: int) -> bytes:
    """Return the bytes of a file that shows pictures for so long each, again and again; there is at least one."""
    content = io.BytesIO()
    pictures[0].save(
        content,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds,
        loop=0,
        quality=45,
        method=4,
        minimize_size=False,
    )
    return content.getvalue()
