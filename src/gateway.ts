// The composition root: makes every station from the configuration, and the server in front of them.
// Must never decide anything about a turn, nor keep what belongs to one.

import { dirname } from "node:path";
import { pino, type Logger } from "pino";
import { createKeyring } from "./admission/api-key.ts";
import type { Config } from "./config.ts";
import { readConversation, readThread } from "./conversation/record.ts";
import type { ConversationStore } from "./conversation/store-port.ts";
import { createKeyedQueue } from "./flow/keyed-queue.ts";
import { readLateTurn, storeLateTurn } from "./flow/late-turn.ts";
import { createPinCache } from "./flow/pin-cache.ts";
import { createRowMemo } from "./flow/row-memo.ts";
import type { Clock, Stations } from "./flow/stations.ts";
import { createOffers, usesCatalog, type Offers } from "./offers.ts";
import { createMetrics } from "./receipts/metrics.ts";
import { makeServer } from "./server.ts";
import { guardStore } from "./store/guard.ts";
import type { Journal } from "./store/journal.ts";
import { openStore } from "./store/open-store.ts";
import { createSpillFolder } from "./store/spill-folder.ts";
import type { Deployment } from "./turn/deployment.ts";
import { startCatalogRefresh, type CatalogRefresh } from "./upstream/catalog-refresh.ts";
import { createHealth } from "./upstream/health.ts";
import { simulatorDeployments } from "./upstream/simulator/deployments.ts";
import { startSimulator } from "./upstream/simulator/server.ts";
import { createTokenCounter, type TokenCounter } from "./upstream/tokens/counter.ts";
import { createTransport, type Provider } from "./upstream/transport.ts";
import { createWalker } from "./upstream/walk.ts";
import { readVersion } from "./version.ts";

export interface GatewayOptions {
  readonly config: Config;
  /** Default: one JSON line a turn to standard output, at the configured level. */
  readonly logger?: Logger;
  /** Default: opened from the configuration. A store that is handed in is not closed. */
  readonly store?: ConversationStore;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Speed of the built-in simulator; 0: no delays. */
  readonly simulatorSpeed?: number;
}

export interface Gateway {
  /** `http://127.0.0.1:8787` */
  readonly url: string;
  /** Stops taking requests, lets running turns end (timeouts.shutdownMs), then frees everything. */
  close(): Promise<void>;
}

/** Most bytes the spill journal may hold. */
const JOURNAL_BYTES_MAX = 64 * 1024 * 1024;
/** How often expired rows are removed and spilled receipts are tried again, in milliseconds. */
const UPKEEP_MS = 30_000;

const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() };

/** Starts a gateway and resolves when it listens. Rejects with a clear Error when it cannot. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const opened: (() => Promise<void>)[] = [];
  try {
    return await open(options, opened);
  } catch (error) {
    // What was opened before the fault would keep the process alive, without a gateway in it.
    for (const close of opened.toReversed()) await close();
    throw error;
  }
}

async function open(options: GatewayOptions, opened: (() => Promise<void>)[]): Promise<Gateway> {
  const { config } = options;
  const clock = options.clock ?? SYSTEM_CLOCK;
  const logger = options.logger ?? pino({ level: config.log.level });
  const simulator = await startSimulatorFor(options);
  if (simulator !== null) opened.push(() => simulator.close());
  const providers = providersOf(config, simulator?.baseUrl ?? null);
  const transport = createTransport(providers, { connectMs: config.timeouts.connectMs, clock });
  opened.push(() => transport.close());
  const store = await openGuardedStore(options, logger);
  if (options.store === undefined) opened.push(() => store.close());
  const folder = spillFolder(config);
  const journal = createSpillFolder({ folder, bytesMax: JOURNAL_BYTES_MAX, pid: process.pid });
  const offers = createOffers(config, simulator?.deployments ?? []);
  const { deployments } = offers.current().names;
  const health = createHealth({ deployments: namedIn(config, deployments), providers });
  const tokens = makeTokenCounter(logger);
  opened.push(() => tokens.close());
  const stations: Stations = {
    config,
    offer: () => offers.current(),
    withoutUsageEvent: withoutUsageEvent(config),
    store,
    spill: (line) => journal.append(line),
    walker: createWalker(transport, health),
    health,
    tokens,
    queue: createKeyedQueue(),
    pinCache: createPinCache(),
    memo: {
      conversations: createRowMemo(readConversation),
      threads: createRowMemo(readThread),
    },
    counters: { unsaved: 0, degraded: 0, quarantined: 0, conflicts: 0, waiting: 0 },
    metrics: createMetrics(isNamedIn(config, offers)),
    log: logger,
    clock,
    random: options.random ?? Math.random,
  };
  const server = makeServer({
    stations,
    keyring: createKeyring({ keys: config.keys, pepper: config.keyPepper }),
    notReady: () => notReady(stations),
    startedAt: clock.now(),
    version: readVersion(),
  });
  const keepUp = (): void => {
    runUpkeep(stations, journal).catch((error: unknown) => {
      logger.warn({ reason: error instanceof Error ? error.message : "unknown" }, "upkeep failed");
    });
  };
  const upkeep = setInterval(keepUp, UPKEEP_MS);
  upkeep.unref();
  const url = await server.listen();
  keepUp();
  const refresh = startRefresh(stations, offers);
  return {
    url,
    async close() {
      clearInterval(upkeep);
      refresh?.close();
      await server.close();
      await transport.close();
      await tokens.close();
      await simulator?.close();
      if (options.store === undefined) await store.close();
    },
  };
}

/** Null: the operator does not want it, or nothing here comes from the catalog. */
function startRefresh(stations: Stations, offers: Offers): CatalogRefresh | null {
  const { config, log, clock, random } = stations;
  const { refresh: settings, opened } = config.catalog;
  if (settings === null || !usesCatalog(config)) return null;
  return startCatalogRefresh({
    settings,
    table: opened.table,
    tag: opened.tag,
    apply: (table) => {
      offers.apply(table);
    },
    log,
    now: clock.now,
    random,
  });
}

async function startSimulatorFor(options: GatewayOptions) {
  const provider = options.config.providers.find(({ dialect }) => dialect === "simulator");
  if (provider === undefined) return null;
  const speed = options.simulatorSpeed ?? 1;
  const simulator = await startSimulator({ speed });
  return { ...simulator, deployments: simulatorDeployments(provider.id) };
}

function providersOf(config: Config, simulatorUrl: string | null): readonly Provider[] {
  return config.providers.flatMap((provider): Provider[] => {
    const baseUrl = provider.dialect === "simulator" ? simulatorUrl : provider.baseUrl;
    if (baseUrl === null) return [];
    const { id, keys, keyHeader, headers, paths, platform, access } = provider;
    // The simulator listens on loopback, whatever the operator allows real providers.
    const simulated = provider.dialect === "simulator";
    const allowPrivateAddress = provider.allowPrivateAddress || simulated;
    const reached = { id, baseUrl, keys, keyHeader, headers, paths, platform, access };
    return [{ ...reached, allowPrivateAddress }];
  });
}

function makeTokenCounter(logger: Logger): TokenCounter {
  return createTokenCounter({
    onError: ({ message: reason }) => logger.warn({ reason }, "tokens could not be counted"),
  });
}

function withoutUsageEvent({ providers }: Config): ReadonlySet<string> {
  return new Set(providers.filter(({ streamUsage }) => !streamUsage).map(({ id }) => id));
}

/** The deployments an operator has named: listed, or as the target of a logical name. */
function namedIn(config: Config, deployments: readonly Deployment[]): readonly string[] {
  const targets = [...config.logicalModels.values()].flat();
  return [...deployments.map(({ id }) => id), ...targets.map(({ to }) => to)];
}

/** Whether an operator has named this deployment, or the newest catalog lists it. */
function isNamedIn(config: Config, offers: Offers): (id: string) => boolean {
  let offer = offers.current();
  let named = new Set(namedIn(config, offer.names.deployments));
  return (id) => {
    if (offer !== offers.current()) {
      offer = offers.current();
      named = new Set(namedIn(config, offer.names.deployments));
    }
    return named.has(id);
  };
}

async function openGuardedStore(
  options: GatewayOptions,
  logger: Logger,
): Promise<ConversationStore> {
  if (options.store !== undefined) return guardStore(options.store);
  const { store: url, durability } = options.config;
  const onBackgroundError = (error: Error): void => {
    logger.warn({ reason: error.message }, "store background work failed");
  };
  return guardStore(await openStore({ url, durability, onBackgroundError }));
}

/** Beside the database where there is one; otherwise in the folder for data. */
function spillFolder(config: Config): string {
  const database = config.store.startsWith("sqlite:") ? config.store.slice("sqlite:".length) : null;
  return database === null ? "data" : dirname(database);
}

async function notReady(stations: Stations): Promise<string | null> {
  if (stations.offer().names.deployments.length === 0) return "no deployment is configured";
  try {
    await stations.store.ping();
    return null;
  } catch (error) {
    stations.log.warn({ reason: error instanceof Error ? error.message : "unknown" }, "store");
    return "the store does not answer";
  }
}

async function runUpkeep(stations: Stations, journal: Journal): Promise<void> {
  await stations.store.sweep(stations.clock.now());
  await journal.drain(async (line) => {
    await storeLateTurn(stations, readLateTurn(line));
  });
}
