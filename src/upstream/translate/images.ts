// Images by URL, for models that do not fetch them: fetched here, and put into the call.
// Must never reach an address that is not public, read without bound, or take anything but an image.

import { Agent, request, type Dispatcher } from "undici";
import type { CanonicalCall, CanonicalMessage } from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";
import { throwFault } from "../../turn/fault.ts";
import { checkBaseUrl, makeGuardedLookup, type AddressPolicy } from "../address-guard.ts";

/** Most images of one request that are fetched. */
const IMAGES_MAX = 20;
/** Largest image, in bytes. */
const IMAGE_BYTES_MAX = 20 * 1024 * 1024;
/** All of them together, in bytes: they stand in memory, and again in the body they go into. */
const IMAGES_BYTES_MAX = 40 * 1024 * 1024;
/** How long one image may take, in milliseconds. */
const IMAGE_MS_MAX = 10_000;
/** Most redirects of one image; each leads through the guard again. */
const REDIRECTS_MAX = 3;
const IMAGE_TYPE = /^image\/(?:png|jpeg|gif|webp)$/;
/** Asks for an image by the name of its kind only. */
const FULL_TYPE = /^[a-z]+\/[a-z0-9.+-]+$/i;

const PUBLIC_ONLY: AddressPolicy = { allowPrivateAddress: false };

export interface Image {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export type FetchImage = (url: URL, signal: AbortSignal) => Promise<Image>;

export interface ImageTarget {
  readonly dialect: UpstreamDialect;
  readonly supportedUrls: Readonly<Record<string, readonly RegExp[]>>;
  readonly signal: AbortSignal;
  readonly fetchImage: FetchImage;
}

type UserPart = Extract<CanonicalMessage, { role: "user" }>["content"][number];
type FilePart = Extract<UserPart, { type: "file" }>;

/** The call with every image in it that the provider would not fetch. Throws a FaultError for one that cannot be. */
export async function withImages(call: CanonicalCall, target: ImageTarget): Promise<CanonicalCall> {
  const wanted = call.prompt.flatMap((message) => urlParts(message, target));
  if (wanted.length === 0) return call;
  if (wanted.length > IMAGES_MAX) {
    const message = `At most ${IMAGES_MAX} images may be given by URL to this model. Send the others as data.`;
    throwFault("invalid_request", message, { param: "image_url" });
  }
  const fetched = new Map<FilePart, FilePart>();
  let bytesLeft = IMAGES_BYTES_MAX;
  for (const part of wanted) {
    const found = await fetchPart(part, target);
    bytesLeft -= found.data.type === "data" ? found.data.data.length : 0;
    if (bytesLeft < 0) refuse(`all together have more than ${IMAGES_BYTES_MAX} bytes`);
    fetched.set(part, found);
  }
  const prompt = call.prompt.map((message): CanonicalMessage => {
    if (message.role !== "user") return message;
    const content = message.content.map((part) =>
      part.type === "file" ? (fetched.get(part) ?? part) : part,
    );
    return { ...message, content };
  });
  return { ...call, prompt };
}

function urlParts(message: CanonicalMessage, target: ImageTarget): readonly FilePart[] {
  if (message.role !== "user") return [];
  return message.content
    .filter(
      (part) =>
        part.type === "file" &&
        part.data.type === "url" &&
        part.mediaType.startsWith("image") &&
        !fetchesItself(part, part.data.url, target),
    )
    .filter((part) => part.type === "file");
}

function fetchesItself(part: FilePart, url: URL, target: ImageTarget): boolean {
  const { dialect, supportedUrls } = target;
  if (dialect === "openai-chat") return true;
  // Gemini must be told what it will find there.
  if (dialect === "gemini" && !FULL_TYPE.test(part.mediaType)) return false;
  return Object.entries(supportedUrls).some(
    ([type, patterns]) =>
      (type === "*" || type === "*/*" || isOfType(part.mediaType, type)) &&
      patterns.some((pattern) => pattern.test(url.href)),
  );
}

function isOfType(mediaType: string, type: string): boolean {
  return type.endsWith("/*") ? mediaType.startsWith(type.slice(0, -1)) : mediaType === type;
}

async function fetchPart(part: FilePart, target: ImageTarget): Promise<FilePart> {
  if (part.data.type !== "url") return part;
  const { mediaType, bytes } = await target.fetchImage(part.data.url, target.signal);
  return { ...part, mediaType, data: { type: "data", data: bytes } };
}

/** Fetches one image. Throws a FaultError that says what was wrong, and never where the address led. */
export async function fetchImage(
  url: URL,
  signal: AbortSignal,
  policy: AddressPolicy = PUBLIC_ONLY,
): Promise<Image> {
  const agent = new Agent({
    connect: { lookup: makeGuardedLookup(policy), timeout: IMAGE_MS_MAX },
    headersTimeout: IMAGE_MS_MAX,
    bodyTimeout: IMAGE_MS_MAX,
  });
  const within = AbortSignal.any([signal, AbortSignal.timeout(IMAGE_MS_MAX)]);
  try {
    return await follow(url, { agent, within, policy });
  } catch (error) {
    if (signal.aborted || (error instanceof Error && error.name === "FaultError")) throw error;
    return refuse("its server did not give it in time");
  } finally {
    await agent.destroy();
  }
}

interface Fetching {
  readonly agent: Dispatcher;
  readonly within: AbortSignal;
  readonly policy: AddressPolicy;
}

async function follow(start: URL, { agent, within, policy }: Fetching): Promise<Image> {
  let url = start;
  for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
    checkUrl(url, policy);
    const answer = await request(url, {
      dispatcher: agent,
      signal: within,
      headers: { accept: "image/*", "accept-encoding": "identity" },
    });
    const { location } = answer.headers;
    if (answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === "string") {
      await answer.body.dump();
      if (!URL.canParse(location, url.href)) return refuse("its server redirects to nowhere");
      url = new URL(location, url);
      continue;
    }
    if (answer.statusCode !== 200) return refuse(`its server answered ${answer.statusCode}`);
    return readImage(answer);
  }
  return refuse("its server redirects too often");
}

/** Names and plain addresses are looked at here, what a name leads to at connect time. */
function checkUrl(url: URL, policy: AddressPolicy): void {
  const bare = new URL(url);
  bare.search = "";
  bare.hash = "";
  const fault = checkBaseUrl(bare.href, policy);
  if (fault !== null) refuse("its address is not one on the public internet");
}

async function readImage(answer: Dispatcher.ResponseData): Promise<Image> {
  const [mediaType = ""] = String(answer.headers["content-type"] ?? "").split(";", 1);
  const type = mediaType.trim().toLowerCase();
  if (!IMAGE_TYPE.test(type)) return refuse("it is no PNG, JPEG, GIF or WebP");
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.length;
    if (size > IMAGE_BYTES_MAX) return refuse(`it has more than ${IMAGE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { mediaType: type, bytes: new Uint8Array(Buffer.concat(chunks)) };
}

function refuse(why: string): never {
  const message = `An image of the request could not be fetched for this model: ${why}. Send it as data.`;
  return throwFault("invalid_request", message, { param: "image_url" });
}
