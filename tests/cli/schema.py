"""A validator for the part of JSON Schema that the schemas in docs/ use.

Unknown keywords are an error, so that a schema cannot promise what nobody checks.
"""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
         "number": (int, float), "integer": int}
SILENT = {"$schema", "$id", "$defs", "title", "description"}


def is_type(value, name):
    if name in ("number", "integer") and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


def is_valid(value, schema, root=None):
    try:
        validate(value, schema, root)
    except AssertionError:
        return False
    return True


def validate(value, schema, root=None, at="report"):
    root = root or schema
    for key, want in schema.items():
        if key in SILENT:
            continue
        if key == "$ref":
            assert want.startswith("#/$defs/"), want
            validate(value, root["$defs"][want[8:]], root, at)
        elif key == "type":
            names = [want] if isinstance(want, str) else want
            assert any(is_type(value, n) for n in names), f"{at}: {value!r} is not {want}"
        elif key == "const":
            assert value == want, f"{at}: {value!r} is not {want!r}"
        elif key == "enum":
            assert value in want, f"{at}: {value!r} is none of {want}"
        elif key == "pattern":
            assert not isinstance(value, str) or re.search(want, value), f"{at}: {value!r}"
        elif key == "minimum":
            assert not is_type(value, "number") or value >= want, f"{at}: {value} < {want}"
        elif key == "required":
            assert not isinstance(value, dict) or set(want) <= set(value), f"{at}: {want}"
        elif key == "additionalProperties":
            extra = set(value) - set(schema["properties"]) if isinstance(value, dict) else set()
            assert not extra or want is not False, f"{at}: unexpected {extra}"
            for name in sorted(extra):
                validate(value[name], want, root, f"{at}.{name}")
        elif key in ("minProperties", "maxProperties"):
            fits = not isinstance(value, dict) or (len(value) - want) * (1 if key[1] == "i" else -1) >= 0
            assert fits, f"{at}: {len(value)} properties, {key} is {want}"
        elif key == "anyOf":
            assert any(is_valid(value, sub, root) for sub in want), f"{at}: {value!r} is none of the forms"
        elif key == "properties":
            for name, sub in want.items():
                if isinstance(value, dict) and name in value:
                    validate(value[name], sub, root, f"{at}.{name}")
        elif key == "items":
            for i, item in enumerate(value if isinstance(value, list) else ()):
                validate(item, want, root, f"{at}[{i}]")
        else:
            raise AssertionError(f"{at}: keyword {key} is not checked")
