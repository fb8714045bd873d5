"""Where the gateway is, which model is asked, and how each run gets a conversation of its own."""

import json
import os
import urllib.request
import uuid

URL = os.environ.get("FAIRLEAD_URL", "http://127.0.0.1:8787")
# The simulator's: it answers with a text, and calls a tool where one fits.
MODEL = os.environ.get("FAIRLEAD_MODEL", "sim/small")
# Any value where the gateway has no keys.
KEY = os.environ.get("FAIRLEAD_API_KEY", "unused")

QUESTION = "What is the weather in Bern?"
WEATHER = "sunny, 21 degrees"
CITY_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


def new_conversation(client: str) -> str:
    return f"python-{client}-{uuid.uuid4()}"


def headers(conversation: str) -> dict[str, str]:
    return {"X-Conversation-ID": conversation}


def expect(holds: bool, promise: str) -> None:
    """Prints what holds, and ends the run with what does not."""
    if not holds:
        raise SystemExit(f"FAILED: {promise}")
    print(f"ok: {promise}")


def expect_conversation(conversation: str, requests: int) -> None:
    """All requests of a run are one conversation, on one model."""
    path = f"{URL}/v1/conversations/{conversation}"
    request = urllib.request.Request(path, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as answer:
        seen = json.load(answer)
    # A greeting beside the work, without tools, is no turn of it.
    found = seen["turns"] + seen["side_turns"]
    models = {pin["model"] for pin in seen["pins"]}
    promise = f"{requests} requests are one conversation on one model"
    expect(found == requests and seen["profile"] == "AGENT" and len(models) == 1, promise)
