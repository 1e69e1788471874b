"""An OpenAPI document as a judge of answers: as much of OpenAPI 3.1 as server/reference/openapi.json uses.
A schema's keyword that is not known here is refused, so that no promise of the document goes unchecked."""
import datetime
import json
import re
import uuid

from proc import check

METHODS = ("get", "post", "put", "patch", "delete")
SILENT = {"description", "example", "default", "contentMediaType", "contentSchema"}  # say nothing about a value
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
         "null": type(None)}


class Document:
    def __init__(self, text):
        self.root = json.loads(text, object_pairs_hook=no_doubles)
        self.operations = {}  # "GET /path": (operation, parameters)
        for path, item in self.root["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters = item.get("parameters", []) + item[method].get("parameters", [])
                    self.operations[f"{method.upper()} {path}"] = (item[method], [self.follow(p) for p in parameters])

    def follow(self, value):
        while "$ref" in value:
            at = self.root
            check(value["$ref"].startswith("#/"), f"{value['$ref']}: not in this document")
            for key in value["$ref"][2:].split("/"):
                key = key.replace("~1", "/").replace("~0", "~")
                check(key in at, f"{value['$ref']}: there is no {key}")
                at = at[key]
            value = at
        return value

    def operation_of(self, method, path):
        """The name of the operation that a request is one of."""
        path = path.split("?")[0]
        for name in sorted(self.operations, key=lambda n: n.count("{")):
            its_method, its_path = name.split(" ")
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(its_path))
            if its_method == method and re.fullmatch(pattern, path):
                return name
        return None

    def answer(self, name, status):
        """(key, answer) that the document has for this status of an operation; (None, None)."""
        answers = self.operations[name][0]["responses"]
        for key in (str(status), f"{status // 100}XX"):
            if key in answers:
                return key, self.follow(answers[key])
        return None, None

    def problems(self, name, status, headers, body):
        """What an answer has that the document does not say, as sentences."""
        key, answer = self.answer(name, status)
        if answer is None:
            return [f"{status} is not documented"]
        found = []
        for field, about in answer.get("headers", {}).items():
            value = headers.get(field)
            if value is None:
                found.append(f"{status} comes without {field}")
            else:
                found += self.differs(about["schema"], value, field)
        content = answer.get("content")
        if not content:
            return found + ([f"{status} has a body"] if body else [])
        kind = (headers.get("Content-Type") or "").split(";")[0]
        if kind not in content:
            return found + [f"{status} is {kind!r}, not one of {list(content)}"]
        try:
            value = body.decode("utf-8")
            if kind == "application/json":
                value = json.loads(value, object_pairs_hook=no_doubles)
        except ValueError as e:
            return found + [f"{status} has a body that is no {kind}: {e}"]
        return found + self.differs(content[kind]["schema"], value, f"body of {status}")

    def differs(self, schema, value, where):
        """How a value breaks a schema, as sentences."""
        schema = self.follow(schema)
        found = []
        for keyword, wanted in schema.items():
            if keyword not in SILENT:
                rule = RULES.get(keyword)
                check(rule, f"{where}: tests/e2e/openapi.py does not know the keyword {keyword}")
                found += rule(self, schema, wanted, value, where)
        return found


def no_doubles(pairs):
    keys = [k for k, _ in pairs]
    check(len(keys) == len(set(keys)), f"a key stands twice in {keys}")
    return dict(pairs)


def is_a(value, type_):
    return isinstance(value, TYPES[type_]) and (type_ == "boolean" or not isinstance(value, bool))


def rule_type(_, schema, wanted, value, where):
    types = wanted if isinstance(wanted, list) else [wanted]
    return [] if any(is_a(value, t) for t in types) else [f"{where}: {value!r} is no {wanted}"]


def rule_format(_, schema, wanted, value, where):
    if not isinstance(value, str):
        return []
    try:
        if wanted == "uuid":
            good = str(uuid.UUID(value)) == value
        elif wanted == "date-time":
            datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", value.replace("Z", "+00:00")))
            good = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
        else:
            good = wanted in ("email", "binary")
    except ValueError:
        good = False
    return [] if good else [f"{where}: {value!r} is no {wanted}"]


def rule_properties(doc, schema, wanted, value, where):
    if not isinstance(value, dict):
        return []
    return [p for k, part in wanted.items() if k in value for p in doc.differs(part, value[k], f"{where}.{k}")]


def rule_additional(doc, schema, wanted, value, where):
    if not isinstance(value, dict):
        return []
    more = [k for k in value if k not in schema.get("properties", {})]
    if wanted is False:
        return [f"{where}: {k} is not documented" for k in more]
    return [p for k in more for p in doc.differs(wanted, value[k], f"{where}.{k}")]


def rule_items(doc, schema, wanted, value, where):
    if not isinstance(value, list):
        return []
    return [p for i, v in enumerate(value) for p in doc.differs(wanted, v, f"{where}[{i}]")]


def rule_any(doc, schema, wanted, value, where):
    tried = [doc.differs(part, value, where) for part in wanted]
    return [] if any(not t for t in tried) else [f"{where}: fits none: {tried}"]


def rule(fits, applies=lambda value: True):
    """A rule of the keyword's value and the value alone."""
    def judge(_, schema, wanted, value, where):
        if not applies(value) or fits(wanted, value):
            return []
        return [f"{where}: {value!r} is not what it may be: {wanted!r}"]
    return judge


def is_text(value):
    return isinstance(value, str)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_list(value):
    return isinstance(value, list)


RULES = {
    "type": rule_type, "format": rule_format, "properties": rule_properties, "additionalProperties": rule_additional,
    "items": rule_items, "anyOf": rule_any,
    "enum": rule(lambda wanted, value: value in wanted),
    "const": rule(lambda wanted, value: value == wanted),
    "required": rule(lambda wanted, value: all(k in value for k in wanted), lambda v: isinstance(v, dict)),
    "pattern": rule(re.search, is_text),
    "minLength": rule(lambda wanted, value: len(value) >= wanted, is_text),
    "maxLength": rule(lambda wanted, value: len(value) <= wanted, is_text),
    "minimum": rule(lambda wanted, value: value >= wanted, is_number),
    "maximum": rule(lambda wanted, value: value <= wanted, is_number),
    "minItems": rule(lambda wanted, value: len(value) >= wanted, is_list),
    "maxItems": rule(lambda wanted, value: len(value) <= wanted, is_list),
}
