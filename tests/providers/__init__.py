"""A model provider on loopback: the streaming protocols of the agent CLIs, played from a scenario."""
