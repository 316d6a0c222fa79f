"""The container images of `controller/`, built on this machine with buildah and no registry, and tried."""
