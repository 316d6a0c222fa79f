"""The published agent CLIs, run by our runner against a provider on this machine. `make agents` runs this."""
