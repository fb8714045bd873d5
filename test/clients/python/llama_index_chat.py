"""llama-index with an OpenAI-like model: whole, streamed, an agent with a tool."""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from gateway import KEY, MODEL, QUESTION, URL, WEATHER
from gateway import expect, expect_conversation, headers, new_conversation

conversation = new_conversation("llama-index")
llm = OpenAILike(
    model=MODEL,
    api_base=f"{URL}/v1",
    api_key=KEY,
    default_headers=headers(conversation),
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=32_000,
)

answer = llm.chat([ChatMessage(role="user", content="Hello")])
expect(bool(answer.message.content), "an answer has a text")
streamed = "".join(
    part.delta or "" for part in llm.stream_chat([ChatMessage(role="user", content="Hi")])
)
expect(bool(streamed), "a stream has a text")

called: list[str] = []


def get_weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return WEATHER


agent = FunctionAgent(llm=llm, tools=[get_weather], system_prompt="Help.")


async def ask() -> str:
    return str(await agent.run(QUESTION))


final = asyncio.run(ask())
expect(len(called) == 1, "a tool is called")
expect(WEATHER in final, "the tool's result reaches the model")
expect_conversation(conversation, requests=4)
