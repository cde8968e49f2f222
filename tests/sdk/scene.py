"""What the checks act on: one gateway, its keys, the fake provider and the clients."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from harness.gateway import Gateway
from harness.ledger import Ledger
from upstream import Upstream

UPSTREAM_SECRET = "sk-upstream-canary-7f3a9c"
SECRET_FILE = "upstream.key"
ODD_CASES = (
    "plain", "floats", "base64", "html", "html_ok", "wrong_type", "redirect", "zipped", "bomb",
    "endless", "key_echo", "key_echo_400", "fastapi", "slow_down", "no_credit", "silent_end",
)


@dataclass
class Scene:
    """Everything that a check may use."""

    gateway: Gateway
    upstream: Upstream
    admin_token: str
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)

    def openai(self, key: str = "app", **options: Any) -> openai.OpenAI:
        """OpenAI's client with the key of that name, without retries of its own."""
        settings = {"max_retries": 0, "timeout": 30.0, **options}
        return openai.OpenAI(
            api_key=self.keys[key]["key"], base_url=f"{self.gateway.url}/v1", **settings
        )

    def anthropic(self, key: str = "app", **options: Any) -> anthropic.Anthropic:
        """Anthropic's client with the key of that name, without retries of its own."""
        settings = {"max_retries": 0, "timeout": 30.0, **options}
        return anthropic.Anthropic(
            api_key=self.keys[key]["key"], base_url=self.gateway.url, **settings
        )

    def chat(self, model: str, text: str, **options: Any) -> Any:
        """A chat completion of one user message."""
        return self.openai().chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], **options
        )

    def headers(self, key: str = "app") -> dict[str, str]:
        """The headers of a raw request."""
        return {
            "authorization": f"Bearer {self.keys[key]['key']}", "content-type": "application/json",
        }

    def rows(self, request_id: str) -> list[dict[str, Any]]:
        """The usage rows of a request that has ended."""
        return Ledger(self.gateway, self.admin_token).settled_rows(request_id)

    def usage(self, *by: str) -> list[dict[str, Any]]:
        """The rows of `tollbar usage`."""
        return list(self.gateway.cli_json("usage", "--by", ",".join(by))["rows"])


def open_scene(binary: str, folder: Path) -> Scene:
    """Starts the provider and the gateway, and makes the keys."""
    upstream = Upstream()
    (folder / SECRET_FILE).write_text(UPSTREAM_SECRET + "\n")
    gateway = Gateway(binary, folder, configuration(upstream.url), 'max_body = "1MiB"')
    gateway.start()
    scene = Scene(gateway, upstream, gateway.admin_token())
    for service in ("app", "other", "guarded", "strict"):
        scene.keys[service] = gateway.make_key(service, "--name", f"{service} checks")
    scene.keys["scoped"] = gateway.make_key("app", "--models", "sim")
    scene.keys["elsewhere"] = gateway.make_key("app", "--network", "10.9.8.0/24")
    return scene


def configuration(upstream: str) -> str:
    """The part of the file below the sections that every gateway has."""
    parts = [
        '[providers.simulated]\ndialect = "simulated"\n',
        f'[providers.anthropic-fake]\ndialect = "anthropic"\nbase_url = "{upstream}/anthropic/v1"\n'
        f'api_keys = [{{ file = "{SECRET_FILE}" }}]\n',
        *(odd_provider(case, upstream) for case in ODD_CASES),
        '[providers.slow]\ndialect = "simulated"\ntokens_per_second = 20\n',
        model("slow", "slow", "sim-model"),
        model("sim", "simulated", "sim-model"),
        model("other-sim", "simulated", "sim-model"),
        model("impatient", "simulated", "sim-model",
              'first_byte_timeout = "300ms"\nidle_timeout = "300ms"\n'),
        model("hasty", "simulated", "sim-model", 'deadline = "300ms"\n'),
        model("claude", "anthropic-fake", "claude-fake-1"),
        *(guarded_provider(dialect, upstream) for dialect in ("openai", "anthropic")),
        model("guarded", "guarded-openai", "guarded-1"),
        model("guarded-claude", "guarded-anthropic", "guarded-1"),
        model("guarded-kept", "guarded-openai", "guarded-1",
              'cache = { mode = "on", data_classes = ["public", "internal", "personal"] }\n'),
        *(model(f"odd-{case}", f"odd-{case}", "odd-1") for case in ODD_CASES),
        '[models.exhausted]\ntargets = [{ provider = "odd-html", model = "odd-1" }, '
        '{ provider = "odd-html_ok", model = "odd-1" }]\nretry = { attempts = 2 }\n',
        '[models.second-helps]\ntargets = [{ provider = "odd-html", model = "odd-1" }, '
        '{ provider = "odd-plain", model = "odd-1" }]\n',
        '[services.app]\npurposes = ["testing"]\nmodels = ["*"]\n',
        # The guard is as a user has it, but for a type of these services' own, and what is blocked.
        "[[guard.detectors]]\ntype = \"call_sign\"\npatterns = ['call sign \"[^\"]+\"']\n"
        'services = ["guarded"]\n',
        '[services.guarded]\npurposes = ["testing"]\nmodels = ["*"]\n'
        'guard = { actions = { call_sign = "tokenize" } }\n',
        '[services.strict]\npurposes = ["testing"]\nmodels = ["*"]\n'
        'guard = { actions = { us_ssn = "block" } }\n',
        '[services.other]\npurposes = ["testing"]\nmodels = ["sim", "claude"]\n',
    ]
    return "\n".join(parts)


def odd_provider(case: str, upstream: str) -> str:
    """A provider that misbehaves in one way."""
    return (
        f'[providers.odd-{case}]\ndialect = "openai"\nbase_url = "{upstream}/odd/{case}/v1"\n'
        f'api_keys = [{{ file = "{SECRET_FILE}" }}]\n'
    )


def guarded_provider(dialect: str, upstream: str) -> str:
    """A provider that must see placeholders only."""
    return (
        f'[providers.guarded-{dialect}]\ndialect = "{dialect}"\n'
        f'base_url = "{upstream}/guarded/v1"\napi_keys = [{{ file = "{SECRET_FILE}" }}]\n'
    )


def model(name: str, provider: str, upstream_model: str, more: str = "") -> str:
    """A model with one target."""
    return (
        f'[models.{name}]\ntargets = [{{ provider = "{provider}", model = "{upstream_model}" }}]\n'
        f"{more}"
    )
