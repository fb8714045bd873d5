// What stands between two dialects when they differ: one prompt, one stream of parts, one result. Types only.
// The shapes are those of the AI SDK's provider specification, under names of our own: a new version of it changes
// this file and the codecs, nothing else. Must never hold a value.

import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolChoice,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";

/** A request for one answer, without anything of a provider or a connection. */
export type CanonicalCall = Omit<
  LanguageModelV4CallOptions,
  "abortSignal" | "headers" | "includeRawChunks"
>;
export type CanonicalMessage = LanguageModelV4Message;
export type CanonicalToolChoice = LanguageModelV4ToolChoice;

/** One piece of a streamed answer. */
export type CanonicalPart = LanguageModelV4StreamPart;
/** A whole answer. */
export type CanonicalResult = Pick<
  LanguageModelV4GenerateResult,
  "content" | "finishReason" | "usage" | "warnings" | "providerMetadata"
>;
export type CanonicalContent = LanguageModelV4Content;
export type CanonicalUsage = LanguageModelV4Usage;
export type CanonicalFinish = LanguageModelV4FinishReason;
