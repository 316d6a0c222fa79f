"""From text to templates: scanner, constants, pipelines, blocks."""
