"""Documentation made from signatures: none is made here."""


def auto_docstring(obj=None, **options):
    return (lambda it: it) if obj is None else obj


auto_class_docstring = auto_docstring


class ClassDocstring:
    """Texts of a documentation that is not made."""


class ClassAttrs:
    """Texts of a documentation that is not made."""


ModelArgs = ModelOutputArgs = ImageProcessorArgs = ClassAttrs


def parse_docstring(*args, **kwargs):
    return {}, None, None


def set_min_indent(docstring, indent):
    return docstring


def get_args_doc_from_source(*args):
    return {}
