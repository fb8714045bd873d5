// The names of the wire formats: the one place outside the edges where they stand, as words of the whole gateway.
// Must never hold what a dialect is: its wire is in api/, its outbound in upstream/.

/** What a client can speak. Embeddings are a format of their own. */
export type ClientDialect =
  | "openai-chat"
  | "openai-responses"
  | "anthropic-messages"
  | "gemini"
  | "openai-embeddings";

/** The one that answers with vectors instead of words: it is never translated, nor part of a conversation. */
export const EMBEDDINGS = "openai-embeddings" satisfies ClientDialect;

/** In what a model can be asked. */
export type UpstreamDialect = ClientDialect | "bedrock-converse";
