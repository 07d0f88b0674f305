import { FIRST_STREAM_GROUP } from '@quorate/base';
import { SimCluster } from './sim-cluster.js';
import type { SimNode } from './sim-node.js';

/** A direction between two places of a graph; place 0 is the node that leads when the graph comes into force. */
export interface Direction {
  readonly from: number;
  readonly to: number;
}

/** Which directions between the nodes of a cluster work, as bits in the order of `directionsOf`. */
export type ConnectivityGraph = number;

/** What a cluster did while only some of its cables worked. */
export interface ConnectivityResult {
  readonly graph: ConnectivityGraph;
  /** Some node has both directions to enough others for a quorum. Otherwise nothing can be acknowledged. */
  readonly hasQuorum: boolean;
  /** Virtual ms until the first append that began under the graph was acknowledged; null: none was. */
  readonly resumedMs: number | null;
  /** Appends acknowledged in the last third of the time under the graph. */
  readonly lateAcknowledged: number;
  /** Leaderships that began under the graph. */
  readonly leaderships: number;
  /** Virtual ms from the mending of all cables to an append that began after it and was acknowledged. */
  readonly mendedMs: number;
}

/** How a graph is tried. */
export interface ConnectivityOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Time under the graph, virtual ms. Default 9,000. */
  readonly graphMs?: number;
}

const STREAM = 'graph';
/** Longest time that the cluster may take to serve again once all cables are mended. */
const MEND_MS_MAX = 15_000;

/** Longest time until appends go on under a graph under which they must: some election timeouts (300 ms at most). */
const RESUME_MS_MAX = 1500;

/** All directions between `nodes` nodes, in the order of their bits. */
export function directionsOf(nodes: number): Direction[] {
  const places = Array.from({ length: nodes }, (_, place) => place);
  return places.flatMap((from) => places.filter((to) => to !== from).map((to) => ({ from, to })));
}

/** The graph in which exactly these pairs are connected, both ways. */
export function graphOfPairs(nodes: number, isConnected: (a: number, b: number) => boolean): ConnectivityGraph {
  return directionsOf(nodes).reduce(
    (graph, { from, to }, bit) => (isConnected(Math.min(from, to), Math.max(from, to)) ? graph | (1 << bit) : graph),
    0,
  );
}

/** True if some place has both directions to so many others that they are a quorum with it. */
export function hasQuorumPlace(nodes: number, graph: ConnectivityGraph): boolean {
  const directions = directionsOf(nodes);
  const works = (from: number, to: number): boolean => {
    const bit = directions.findIndex((direction) => direction.from === from && direction.to === to);
    return ((graph >>> bit) & 1) === 1;
  };
  const needed = Math.floor(nodes / 2);
  for (let place = 0; place < nodes; place++) {
    let both = 0;
    for (let other = 0; other < nodes; other++) if (other !== place && works(place, other) && works(other, place)) both++;
    if (both >= needed) return true;
  }
  return false;
}

/**
 * True if appends must go on under a graph, whatever was on its way when it came into force. Of three nodes: wherever two have both directions to
 * each other. These two are a majority; one of them has a log that reaches as far as the other's, and so its vote. The third cannot keep them from
 * it: without both directions to one of them it gets no vote, and if it led, it steps down, as nobody's acknowledgement reaches it. With them it
 * may lead as well as they. Of five nodes none must: the node with a quorum may depend on one with a longer log that has none (docs/internals/testing.md).
 */
export function mustProgress(nodes: number, graph: ConnectivityGraph): boolean {
  return nodes <= 3 && hasQuorumPlace(nodes, graph);
}

/** A graph in words: `0-1 both ways, 2>0`. */
export function describeGraph(nodes: number, graph: ConnectivityGraph): string {
  const directions = directionsOf(nodes);
  const works = (from: number, to: number): boolean =>
    directions.some((each, bit) => each.from === from && each.to === to && ((graph >>> bit) & 1) === 1);
  const words: string[] = [];
  for (const { from, to } of directions) {
    if (!works(from, to)) continue;
    if (!works(to, from)) words.push(`${from}>${to}`);
    else if (from < to) words.push(`${from}-${to}`);
  }
  return words.length === 0 ? 'no cable' : words.join(' ');
}

/**
 * Graphs of pairs (both ways or not at all), one for each that is not another one with the places but the first exchanged: what matters is who leads.
 */
export function pairGraphs(nodes: number): ConnectivityGraph[] {
  const pairs = directionsOf(nodes).filter(({ from, to }) => from < to);
  const orders = permutations(Array.from({ length: nodes - 1 }, (_, i) => i + 1)).map((rest) => [0, ...rest]);
  const seen = new Set<ConnectivityGraph>();
  const graphs: ConnectivityGraph[] = [];
  for (let bits = 0; bits < 2 ** pairs.length; bits++) {
    const connected = pairs.filter((_, bit) => ((bits >>> bit) & 1) === 1);
    const forms = orders.map((order) =>
      graphOfPairs(nodes, (a, b) => connected.some(({ from, to }) => sameTwo(order[from], order[to], a, b))),
    );
    if (forms.some((form) => seen.has(form))) continue;
    graphs.push(forms[0] as ConnectivityGraph);
    seen.add(forms[0] as ConnectivityGraph);
  }
  return graphs;
}

/**
 * A cluster that serves, then has only the cables of a graph, then all of them again, while a client that reaches every node works all the time.
 * Throws if a guarantee broke, or if it does not serve again in bounded time once all is mended.
 */
export function runConnectivity(graph: ConnectivityGraph, options: ConnectivityOptions): ConnectivityResult {
  const { seed, nodes, graphMs = 9000 } = options;
  const cluster = new SimCluster({ seed, nodes });
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('client');
  cluster.await('creating the stream', 30_000, (done) => client.createStream(STREAM, done));
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  client.startWork({ streams: [STREAM], lanes: 2, pauseMsMax: 20 });
  cluster.runFor(500);
  const leadershipsBefore = cluster.leadershipsLogged;
  const cutMs = cluster.scheduler.nowMs;
  cutTo(cluster, graph, leader);
  cluster.runFor((graphMs * 2) / 3);
  const lateMs = cluster.scheduler.nowMs;
  cluster.runFor(graphMs / 3);
  const healMs = cluster.scheduler.nowMs;
  const leaderships = cluster.leadershipsLogged - leadershipsBefore;
  const resumed = firstAcknowledged(cluster, cutMs);
  cluster.healAll();
  cluster.runUntil(
    () => firstAcknowledged(cluster, healMs) !== null,
    MEND_MS_MAX,
    `an append is acknowledged after the end of "${describeGraph(nodes, graph)}"`,
  );
  const mendedMs = (firstAcknowledged(cluster, healMs) as number) - healMs;
  client.stopWork();
  cluster.check([STREAM]);
  return {
    graph,
    hasQuorum: hasQuorumPlace(nodes, graph),
    resumedMs: resumed === null || resumed > healMs ? null : resumed - cutMs,
    lateAcknowledged: cluster.history.appends.filter(({ outcome, endMs }) => outcome === 'done' && endMs > lateMs && endMs <= healMs)
      .length,
    leaderships,
    mendedMs,
  };
}

/** What must not be in a result, in words; null: nothing. */
export function graphProblem(nodes: number, { graph, hasQuorum, resumedMs, lateAcknowledged }: ConnectivityResult): string | null {
  if (!hasQuorum && resumedMs !== null) return `acknowledged without a quorum: ${describeGraph(nodes, graph)}`;
  if (!mustProgress(nodes, graph)) return null;
  if (resumedMs === null || lateAcknowledged === 0) return `no progress: ${describeGraph(nodes, graph)}`;
  return resumedMs > RESUME_MS_MAX ? `progress only after ${Math.round(resumedMs)} ms: ${describeGraph(nodes, graph)}` : null;
}

function cutTo(cluster: SimCluster, graph: ConnectivityGraph, leader: SimNode): void {
  const inPlace = [leader, ...cluster.nodes.filter((node) => node !== leader)];
  for (const [bit, { from, to }] of directionsOf(cluster.nodes.length).entries()) {
    if (((graph >>> bit) & 1) === 0) cluster.network.cutOneWay((inPlace[from] as SimNode).name, (inPlace[to] as SimNode).name);
  }
}

/** When the first append that began after a moment was acknowledged. */
function firstAcknowledged(cluster: SimCluster, sinceMs: number): number | null {
  let first: number | null = null;
  for (const { outcome, startMs, endMs } of cluster.history.appends) {
    if (outcome === 'done' && startMs >= sinceMs && (first === null || endMs < first)) first = endMs;
  }
  return first;
}

function sameTwo(x: number | undefined, y: number | undefined, a: number, b: number): boolean {
  return (x === a && y === b) || (x === b && y === a);
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) => permutations(items.filter((_, at) => at !== i)).map((rest) => [item, ...rest]));
}
