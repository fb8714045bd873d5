"""The openai package, Responses: whole, streamed, a round with a tool."""

import openai

from gateway import CITY_SCHEMA, KEY, MODEL, QUESTION, URL, WEATHER
from gateway import expect, expect_conversation, headers, new_conversation

conversation = new_conversation("openai-responses")
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, default_headers=headers(conversation))

answer = client.responses.create(model=MODEL, input="Hello")
expect(bool(answer.output_text), "an answer has a text")
expect(answer.usage is not None and answer.usage.total_tokens > 0, "an answer tells its usage")

text = ""
with client.responses.stream(model=MODEL, input="Hello there") as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            text += event.delta
    final = stream.get_final_response()
expect(bool(text) and final.output_text == text, "a stream has a text and ends with all of it")

tool = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather.",
    "parameters": CITY_SCHEMA,
    "strict": False,
}
items = [{"role": "user", "content": QUESTION}]
answer = client.responses.create(model=MODEL, input=items, tools=[tool], store=False)
calls = [item for item in answer.output if item.type == "function_call"]
expect(bool(calls), "a tool is called")
items += answer.output
for call in calls:
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": WEATHER})
answer = client.responses.create(model=MODEL, input=items, tools=[tool], store=False)
expect(WEATHER in answer.output_text, "the tool's result reaches the model")
expect_conversation(conversation, requests=4)
