"""Holds answers of the service to its own OpenAPI document."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema


class Described:
    """An OpenAPI document, and what it says of answers."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._patterns = [
            (re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))), path) for path in document["paths"]
        ]

    def operation(self, method: str, path: str) -> Any:
        """The operation that a request means."""
        found = next(name for pattern, name in self._patterns if pattern.fullmatch(path))
        return self.document["paths"][found][method.lower()]

    def check(self, answer: httpx.Response) -> httpx.Response:
        """Have it fail where an answer is not as the document says."""
        path = answer.request.url.raw_path.decode().partition("?")[0]
        operation = self.operation(answer.request.method, path)
        said = operation["responses"].get(str(answer.status_code))
        assert said is not None, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        content = said.get("content", {})
        if not content:
            return answer
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content or "*/*" in content, f"{kind} is not among {list(content)}"
        if kind.endswith("json") and kind in content:
            self.check_value(answer.json(), content[kind]["schema"])
        return answer

    def check_value(self, value: Any, schema: Any) -> None:
        """Have it fail where ``value`` is not as ``schema``, which may refer to the document's components."""
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)
