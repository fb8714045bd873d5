// `fairlead catalog`: what is known of models, and from where.
// Must never need a running gateway or a network, nor print a secret of the configuration.

import { parseArgs } from "node:util";
import { renderList, renderModel, type ModelLine } from "./catalog-text.ts";
import { viewModel, viewPlaces, type PlaceView, type Viewed } from "./catalog-view.ts";
import type { CommandIo } from "./check-command.ts";
import { hint } from "./config-faults.ts";
import { loadConfig, resolveConfigFile } from "./config.ts";
import { readProvenance } from "./upstream/catalog-provenance.ts";
import { embeddedCatalog } from "./upstream/catalog.ts";
import { simulatorDeployments } from "./upstream/simulator/deployments.ts";

export const CATALOG_USAGE = `Usage: fairlead catalog [MODEL] [--configured] [--all] [--config FILE] [--json]

Without MODEL: every model, one a line (* configured). A part of a name lists what holds it.
With MODEL: its prices, limits, abilities and ratings at every vendor, and where each figure comes from.
--configured: only what the configuration serves. --all: also models known by their price alone.
`;

const EXIT_OK = 0;
const EXIT_UNKNOWN = 1;
const EXIT_USAGE = 2;

interface Wish {
  readonly model: string | null;
  readonly configured: boolean;
  readonly all: boolean;
  readonly config: string | null;
  readonly json: boolean;
}

/** `args` follow `fairlead catalog`. Resolves with the exit code: 0 shown, 1 no such model, 2 wrong usage. */
export async function runCatalogCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const wish = readWish(args);
  if (typeof wish === "string") {
    io.error(`${wish}\n\n${CATALOG_USAGE}`);
    return EXIT_USAGE;
  }
  const viewed = openView(wish, io);
  const places = viewPlaces(viewed);
  const exact = wish.model === null ? null : findModel(wish.model, places);
  if (exact !== null) {
    const view = viewModel(exact, filterPlaces(places.get(exact) ?? [], wish), readProvenance());
    const { version } = viewed.catalog;
    io.out(wish.json ? inJson({ catalog: version, ...view }) : renderModel(view));
    return EXIT_OK;
  }
  const lines = listModels(places, wish);
  if (lines.length === 0) {
    const named = wish.model === null ? "" : hint(wish.model, [...places.keys()]);
    io.error(
      `The catalog holds no such model${named}. Without a rating and a price it can be ` +
        "served all the same: list it under its provider in fairlead.yaml.\n",
    );
    return EXIT_UNKNOWN;
  }
  const { version } = viewed.catalog;
  io.out(wish.json ? inJson({ catalog: version, models: lines }) : listing(lines, version));
  return EXIT_OK;
}

function readWish(args: readonly string[]): Wish | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: "string" },
        json: { type: "boolean", default: false },
        configured: { type: "boolean", default: false },
        all: { type: "boolean", default: false },
      },
    });
    if (positionals.length > 1) return "Name one model at most";
    const { configured, all, json } = values;
    return { model: positionals[0] ?? null, configured, all, json, config: values.config ?? null };
  } catch (error) {
    return error instanceof Error ? error.message : "the arguments cannot be read";
  }
}

/** A broken configuration does not hide the catalog: it is said, and the view goes without it. */
function openView(wish: Wish, io: CommandIo): Viewed {
  const { environment, workingDirectory } = io;
  const file = resolveConfigFile({ flag: wish.config, environment, workingDirectory });
  const loaded = loadConfig({ file, environment, workingDirectory });
  if (!loaded.ok) {
    io.error("The configuration has faults (see `fairlead check`): shown without it.\n");
    return { catalog: embeddedCatalog(), config: null, deployments: [] };
  }
  const { config } = loaded;
  const simulated = config.providers.filter(({ dialect }) => dialect === "simulator");
  const deployments = [
    ...config.deployments,
    ...simulated.flatMap(({ id }) => simulatorDeployments(id)),
  ];
  return { catalog: config.catalog.value, config, deployments };
}

/** The model of this name: its own, an address, or what a vendor calls it. */
function findModel(name: string, places: ReadonlyMap<string, readonly PlaceView[]>): string | null {
  const wanted = name.toLowerCase();
  const isNamed = (place: PlaceView): boolean =>
    [place.configuredAs, place.upstreamModel, `${place.vendor ?? ""}/${place.upstreamModel}`].some(
      (known) => known?.toLowerCase() === wanted,
    );
  for (const model of places.keys()) {
    if (model.toLowerCase() === wanted) return model;
  }
  for (const [model, served] of places) {
    if (served.some(isNamed)) return model;
  }
  return null;
}

function listModels(
  places: ReadonlyMap<string, readonly PlaceView[]>,
  wish: Wish,
): readonly ModelLine[] {
  const provenance = readProvenance();
  const wanted = wish.model?.toLowerCase() ?? "";
  return [...places].flatMap(([model, served]): ModelLine[] => {
    const kept = filterPlaces(served, wish).filter(({ listed }) => listed || wish.all);
    const isWanted =
      model.toLowerCase().includes(wanted) ||
      kept.some(({ upstreamModel }) => upstreamModel.toLowerCase().includes(wanted));
    if (kept.length === 0 || !isWanted) return [];
    return [{ model, places: kept, quality: viewModel(model, kept, provenance).quality }];
  });
}

function filterPlaces(places: readonly PlaceView[], wish: Wish): readonly PlaceView[] {
  return wish.configured ? places.filter(({ configuredAs }) => configuredAs !== null) : places;
}

function listing(lines: readonly ModelLine[], version: string): string {
  return `${renderList(lines)}\n${lines.length} models, catalog ${version}\n`;
}

function inJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
