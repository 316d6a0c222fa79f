"""Custom resource schemas as the Kubernetes API server applies them: pruning, defaults, validation, CEL rules."""

from kelos.local.schema.causes import Cause
from kelos.local.schema.custom import Admitted, CustomSchema, ListType, compile_schema

__all__ = ["Admitted", "Cause", "CustomSchema", "ListType", "compile_schema"]
