import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { ReleaseChannel } from './image-set.ts';
import type { MirrorContext } from './mirror-plan.ts';
import { emptyChannel, knownChannels, parseGraph, type UpdateGraph } from './update-graph.ts';

const OCP_ENDPOINT = 'https://api.openshift.com/api/upgrades_info/v1/graph';
const OKD_ENDPOINT = 'https://origin-release.ci.openshift.org/graph';
/** Graphs of the public service have a few megabytes at most. */
const MAX_GRAPH_BYTES = 64 * 1024 * 1024;

export interface GraphQuery {
  readonly channel: string;
  readonly type: ReleaseChannel['type'];
  readonly architecture: string;
  readonly version?: string | undefined;
}

export interface GraphClient {
  /** The graph of a channel. Throws `E_CONFIG` with channels that exist when this one has no releases. */
  fetch(query: GraphQuery): Promise<UpdateGraph>;
  /** Everything fetched so far. */
  graphs(): UpdateGraph[];
}

export interface GraphClientOptions {
  /** Replaces the public service for OCP (not OKD); query parameters it has are kept. */
  readonly endpoint?: string | undefined;
  /** The same for OKD. */
  readonly okdEndpoint?: string | undefined;
  /** Sent as `id`; the service counts clients by it. */
  readonly clientId: string;
}

/** Asks an update service, every question once (oc-mirror behaviour, "Graph API"). */
export function createGraphClient(ctx: MirrorContext, options: GraphClientOptions): GraphClient {
  const answers = new Map<string, Promise<UpdateGraph>>();
  const fetched: UpdateGraph[] = [];
  const ask = async (query: GraphQuery): Promise<UpdateGraph> => {
    const content = await ctx.fetchDocument(graphUrl(query, options), {
      limit: MAX_GRAPH_BYTES,
      headers: { Accept: 'application/json' },
    });
    const graph = parseGraph(content, { channel: query.channel, architecture: query.architecture });
    fetched.push(graph);
    return graph;
  };
  const askOnce = (query: GraphQuery): Promise<UpdateGraph> => {
    const key = graphUrl(query, options);
    const answer = answers.get(key) ?? ask(query);
    answers.set(key, answer);
    return answer;
  };
  return {
    async fetch(query) {
      const graph = await orEmpty(askOnce(query));
      if (graph !== undefined && graph.nodes.size > 0) return graph;
      await Promise.all(siblingsOf(query).map((sibling) => orNothing(askOnce(sibling))));
      throw emptyChannel(query, knownChannels(fetched));
    },
    graphs: () => [...fetched],
  };
}

/** The request for a graph: empty values left out, parameters in alphabetical order. Throws `E_CONFIG` for a bad endpoint. */
function graphUrl(query: GraphQuery, options: GraphClientOptions): string {
  const base = query.type === 'okd' ? (options.okdEndpoint ?? OKD_ENDPOINT) : (options.endpoint ?? OCP_ENDPOINT);
  if (!URL.canParse(base)) {
    throw new AirgapError('E_CONFIG', `${JSON.stringify(base)} is no address of an update service`, {
      hint: 'write https://host/api/upgrades_info/v1/graph',
    });
  }
  const url = new URL(base);
  const parameters = { arch: query.architecture, channel: query.channel, id: options.clientId, version: query.version };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, value);
  }
  url.searchParams.sort();
  return url.href;
}

/** Channels that likely exist beside one that does not: their releases list the channels they are in. */
function siblingsOf(query: GraphQuery): GraphQuery[] {
  const minor = /\d+\.\d+/.exec(query.channel)?.[0];
  if (minor === undefined || query.type === 'okd') return [];
  return ['candidate', 'stable']
    .map((prefix) => ({ ...query, channel: `${prefix}-${minor}`, version: undefined }))
    .filter(({ channel }) => channel !== query.channel);
}

/** Some services answer an unknown channel with "not found" instead of an empty graph. */
async function orEmpty(answer: Promise<UpdateGraph>): Promise<UpdateGraph | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAirgapError(error, 'E_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Siblings only serve the hint of an error: when they can not be had it is given without them. */
async function orNothing(answer: Promise<UpdateGraph>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!isAirgapError(error)) throw error;
  }
}
