"""Renderers: one document, built from the results, as HTML and as Markdown."""

from __future__ import annotations

from reports.render.page import render_html, render_markdown

__all__ = ["render_html", "render_markdown"]
