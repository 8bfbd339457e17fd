"""The Hub is out of reach."""

from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

__all__ = [
    "EntryNotFoundError", "PushInProgress", "PushToHubMixin", "RepositoryNotFoundError",
    "RevisionNotFoundError", "cached_file", "cached_files", "download_url", "get_file_from_repo",
    "has_file", "hf_api", "http_user_agent", "is_offline_mode", "is_remote_url", "resolve_revision",
    "extract_commit_hash", "find_adapter_config_file", "create_and_tag_model_card",
    "HF_MODULES_CACHE", "TRANSFORMERS_DYNAMIC_MODULE_NAME",
]
HF_MODULES_CACHE = ""
TRANSFORMERS_DYNAMIC_MODULE_NAME = "transformers_modules"


class PushToHubMixin:
    """What could be uploaded elsewhere."""

    def push_to_hub(self, *args, **kwargs):
        raise PermissionError("model code does not reach the Hub")


class PushInProgress:
    """Nothing is ever uploaded."""


def _unreachable(*args, **kwargs):
    raise OSError("model code does not reach files or the Hub")


cached_file = cached_files = download_url = get_file_from_repo = has_file = hf_api = _unreachable
create_and_tag_model_card = _unreachable


def resolve_revision(repo, revision=None, **options):
    return revision


def extract_commit_hash(*args):
    return None


def find_adapter_config_file(*args, **kwargs):
    return None


def is_offline_mode():
    return True


def is_remote_url(text):
    return False


def http_user_agent(agent=None):
    return "portwright"
