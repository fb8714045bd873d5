"""langchain-openai on the chat and the Responses wire: whole, streamed, a round with a tool."""

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from gateway import KEY, MODEL, QUESTION, URL, WEATHER
from gateway import expect, expect_conversation, headers, new_conversation


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return WEATHER


def run(responses: bool) -> None:
    wire = "responses" if responses else "chat"
    conversation = new_conversation(f"langchain-{wire}")
    llm = ChatOpenAI(
        model=MODEL,
        base_url=f"{URL}/v1",
        api_key=KEY,
        use_responses_api=responses,
        default_headers=headers(conversation),
    )
    expect(bool(llm.invoke("Hello").text), f"{wire}: an answer has a text")
    streamed = "".join(str(chunk.text) for chunk in llm.stream("Hello there"))
    expect(bool(streamed), f"{wire}: a stream has a text")
    agent = llm.bind_tools([get_weather])
    messages = [HumanMessage(QUESTION)]
    answer = agent.invoke(messages)
    expect(bool(answer.tool_calls), f"{wire}: a tool is called")
    messages.append(answer)
    for call in answer.tool_calls:
        messages.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
    expect(WEATHER in agent.invoke(messages).text, f"{wire}: the tool's result reaches the model")
    expect_conversation(conversation, requests=4)


run(responses=False)
run(responses=True)

if MODEL.startswith("sim/"):
    # Sends tokens instead of texts unless told otherwise, and loads their table from the network.
    embeddings = OpenAIEmbeddings(
        model="sim/embed", base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False
    )
    expect(len(embeddings.embed_query("Hello")) > 1, "a text becomes a vector")
