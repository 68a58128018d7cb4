"""Use cases: one module a concept word, one function a use case. Told who acts; no web here."""
