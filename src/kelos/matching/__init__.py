"""What users match texts, paths and documents with: regexes, globs and JSONPaths, each in bounded time."""
