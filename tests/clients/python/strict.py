"""Makes the generated models refuse what the schema does not say: a field too many, a wrong type, an unknown value."""

from ariadne_codegen.plugins.base import Plugin

RELAXED = "        protected_namespaces=(),\n    )\n"
STRICT = """        protected_namespaces=(),
        extra="forbid",
    )

    @classmethod
    def model_validate(cls, obj, **options):
        # Of JSON, strictly: a number in a text is none, and neither is a one a true.
        return cls.model_validate_json(json.dumps(obj), strict=True)
"""


class Strict(Plugin):
    def copy_code(self, copied_code: str) -> str:
        if "class BaseModel(" not in copied_code:
            return copied_code
        if RELAXED not in copied_code:
            raise RuntimeError("the generator's base model is another one now")
        return "import json\n" + copied_code.replace(RELAXED, STRICT)
