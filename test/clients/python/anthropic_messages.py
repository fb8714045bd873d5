"""The anthropic package, Messages: whole, streamed, with a tool, a count of tokens, a mistake."""

import anthropic

from gateway import CITY_SCHEMA, KEY, MODEL, QUESTION, URL, WEATHER
from gateway import expect, expect_conversation, headers, new_conversation

conversation = new_conversation("anthropic")
client = anthropic.Anthropic(base_url=URL, api_key=KEY, default_headers=headers(conversation))
hello = {"role": "user", "content": "Hello"}

answer = client.messages.create(model=MODEL, max_tokens=512, messages=[hello])
expect(answer.content[0].type == "text" and bool(answer.content[0].text), "an answer has a text")
expect(answer.usage.output_tokens > 0, "an answer tells its usage")

with client.messages.stream(model=MODEL, max_tokens=512, messages=[hello]) as stream:
    text = "".join(stream.text_stream)
    final = stream.get_final_message()
expect(bool(text) and final.content[0].text == text, "a stream has a text and ends with all of it")

tool = {"name": "get_weather", "description": "The weather.", "input_schema": CITY_SCHEMA}
messages = [{"role": "user", "content": QUESTION}]
answer = client.messages.create(model=MODEL, max_tokens=512, messages=messages, tools=[tool])
calls = [block for block in answer.content if block.type == "tool_use"]
expect(bool(calls) and answer.stop_reason == "tool_use", "a tool is called")
messages.append({"role": "assistant", "content": answer.content})
results = [{"type": "tool_result", "tool_use_id": call.id, "content": WEATHER} for call in calls]
messages.append({"role": "user", "content": results})
answer = client.messages.create(model=MODEL, max_tokens=512, messages=messages, tools=[tool])
expect(WEATHER in answer.content[0].text, "the tool's result reaches the model")
expect_conversation(conversation, requests=4)

count = client.messages.count_tokens(model=MODEL, messages=[hello])
expect(count.input_tokens > 0, "tokens are counted")
expect(any(model.id == "auto" for model in client.models.list()), "models are listed")
try:
    client.messages.create(model="no-such-model", max_tokens=512, messages=[hello])
    expect(False, "an unknown model is refused")
except anthropic.NotFoundError as error:
    expect(error.body["error"]["type"] == "not_found_error", "an unknown model is an error")
