"""Findings → one HTML file that opens anywhere, and the same in Markdown and JSON."""

from ganlens.report.report import load_findings, write_report

__all__ = ["load_findings", "write_report"]
