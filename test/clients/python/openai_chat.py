"""The openai package, chat completions: whole, streamed, with a tool, embeddings, a mistake."""

import openai

from gateway import CITY_SCHEMA, KEY, MODEL, QUESTION, URL, WEATHER
from gateway import expect, expect_conversation, headers, new_conversation

conversation = new_conversation("openai-chat")
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, default_headers=headers(conversation))
hello = {"role": "user", "content": "Hello"}

answer = client.chat.completions.create(model=MODEL, messages=[hello])
expect(bool(answer.choices[0].message.content), "an answer has a text")
expect(answer.usage is not None and answer.usage.total_tokens > 0, "an answer tells its usage")

stream = client.chat.completions.create(
    model=MODEL,
    messages=[
        hello,
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Go on."},
    ],
    stream=True,
    stream_options={"include_usage": True},
)
text, usage = "", None
for chunk in stream:
    text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    usage = chunk.usage or usage
expect(bool(text), "a stream has a text")
expect(usage is not None and usage.completion_tokens > 0, "a stream tells its usage when asked to")

tool = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather.", "parameters": CITY_SCHEMA},
}
messages = [{"role": "user", "content": QUESTION}]
message = (
    client.chat.completions.create(model=MODEL, messages=messages, tools=[tool]).choices[0].message
)
expect(bool(message.tool_calls), "a tool is called")
messages.append(message)
for call in message.tool_calls:
    messages.append({"role": "tool", "tool_call_id": call.id, "content": WEATHER})
final = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool])
expect(WEATHER in (final.choices[0].message.content or ""), "the tool's result reaches the model")
expect_conversation(conversation, requests=4)

if MODEL.startswith("sim/"):
    vectors = client.embeddings.create(model="sim/embed", input=["Hello", "world"]).data
    expect(len(vectors) == 2 and len(vectors[0].embedding) > 1, "texts become vectors")

expect(any(model.id == "auto" for model in client.models.list()), "models are listed")
try:
    client.chat.completions.create(model="no-such-model", messages=[hello])
    expect(False, "an unknown model is an error")
except openai.NotFoundError as error:
    expect(error.code == "model_not_found", "an unknown model is an error with a code")
