"""What Kubernetes promises to controllers and to kubectl, checked on the local plane and on a real server alike."""
