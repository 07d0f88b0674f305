import { randomBetween, randomChance, randomUnit } from '@quorate/base';
import { type FaultScene, anyNode } from './fault-scene.js';
import { preferredClient } from './fault-targets.js';
import { type PartitionForm, cutPairs } from './partition-forms.js';
import type { SimNode } from './sim-node.js';

/** Time for which an end of a connection that is half open may not notice, at most. */
const SILENCE_MS_MAX = 5000;

/** Cuts one cable of a node, or breaks its connections to another. False if it does not fit the moment. */
export function disturbLink(scene: FaultScene, action: 'cut' | 'cutReset' | 'cutOneWay' | 'reset', node: SimNode): boolean {
  const { network } = scene.cluster;
  const other = anyNode(scene);
  if (other === node) return false;
  scene.hits(node.name, other.name);
  if (action === 'reset') return network.resetConnections(node.name, other.name) > 0;
  if (action === 'cutOneWay') network.cutOneWay(node.name, other.name);
  else network.cut(node.name, other.name, action === 'cut' ? 'hold' : 'reset');
  scene.later(randomUnit(scene.random) * 2000, () => network.heal(node.name, other.name));
  return true;
}

/** Cuts cables between all nodes at once. */
export function partition(scene: FaultScene, form: PartitionForm): boolean {
  const { network, nodes } = scene.cluster;
  const pairs = cutPairs(form, nodes.length, randomBetween(scene.random, 0, nodes.length - 1));
  const how = randomChance(scene.random, 0.5) ? 'hold' : 'reset';
  const nameOf = (at: number): string => (nodes[at] as SimNode).name;
  scene.hits(...nodes.map(({ name }) => name));
  for (const [a, b] of pairs) network.cut(nameOf(a), nameOf(b), how);
  scene.later(randomUnit(scene.random) * 2000, () => pairs.forEach(([a, b]) => network.heal(nameOf(a), nameOf(b))));
  return pairs.length > 0;
}

/** `clog`: all that a node sends comes late, in order. `loss`: some of what it sends and is sent must be sent again and again. */
export function slowLinks(scene: FaultScene, action: 'clog' | 'loss', node: SimNode): boolean {
  const { network, nodes } = scene.cluster;
  const { random } = scene;
  const others = nodes.filter((other) => other !== node).map(({ name }) => name);
  const links = others.flatMap((other) =>
    action === 'clog'
      ? [[node.name, other] as const]
      : ([
          [node.name, other],
          [other, node.name],
        ] as const),
  );
  const conditions =
    action === 'clog'
      ? { latencyMs: randomBetween(random, 20, 400) }
      : { lossChance: 0.01 + 0.3 * randomUnit(random), lost: scene.hitter() };
  for (const [from, to] of links) network.setLink(from, to, conditions);
  scene.later(randomUnit(random) * 1500, () => links.forEach(([from, to]) => network.resetLink(from, to)));
  return links.length > 0;
}

/** Connections of which one end knows that they are over and the other does not, between a node and another node or a client. */
export function halveConnections(scene: FaultScene, action: 'halfOpen' | 'duplicateConnection', node: SimNode): boolean {
  const { cluster, random } = scene;
  const client = randomChance(random, 0.3) ? preferredClient(cluster.clients, random.nextUint32()) : null;
  const other = (client ?? anyNode(scene)).name;
  if (other === node.name) return false;
  scene.hits(node.name, other);
  const { network } = cluster;
  if (action === 'duplicateConnection') return network.doubleConnections(node.name, other, randomUnit(random) * 1500) > 0;
  const [knowing, unknowing] = randomChance(random, 0.5) ? [node.name, other] : [other, node.name];
  return network.halfOpen(knowing, unknowing, randomUnit(random) * SILENCE_MS_MAX) > 0;
}

/** Pauses, kills or cuts off a client. */
export function disturbClient(scene: FaultScene, action: 'pauseClient' | 'killClient' | 'cutClient', node: SimNode): boolean {
  const { cluster, random } = scene;
  const client = preferredClient(cluster.clients, random.nextUint32());
  if (client === null) return false;
  scene.hits(client.name, ...(action === 'cutClient' ? [node.name] : []));
  if (action === 'killClient') {
    client.kill();
  } else if (action === 'pauseClient') {
    client.process.pause();
    scene.later(randomUnit(random) * 2000, () => client.process.resume());
  } else {
    const { network } = cluster;
    network.cut(client.name, node.name, randomChance(random, 0.5) ? 'hold' : 'reset');
    scene.later(randomUnit(random) * 2000, () => network.heal(client.name, node.name));
  }
  return true;
}
