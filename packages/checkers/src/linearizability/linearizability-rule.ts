import { type Call, describeCall } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import { type HistoryFields, type HistoryObject, type ObjectKind, type ToldEvent, isUniquelyWritten } from '../history/event.js';
import type { Findings } from '../verdict.js';
import { lockModel } from './lock-model.js';
import { mapModel } from './map-model.js';
import type { Model } from './model.js';
import { Partition, type SearchLimits, type Stuck } from './partition.js';
import { queueModel } from './queue-model.js';
import { counterModel, registerModel } from './register-model.js';

/** The sequential object of each kind; streams have a rule of their own. */
// oxlint-disable-next-line typescript/no-explicit-any -- a model is used only with its own states
type AnyModel = Model<any>;
const MODELS: Readonly<Record<ObjectKind, (() => AnyModel) | null>> = {
  register: () => registerModel,
  map: mapModel,
  counter: counterModel,
  lock: () => lockModel,
  election: () => lockModel,
  queue: () => queueModel,
  stream: null,
};

interface ObjectParts {
  /** Says to which part a call belongs. */
  readonly model: AnyModel;
  readonly newModel: () => AnyModel;
  readonly parts: Map<string, Partition<unknown>>;
}

/** There is an order of the calls of each object, within what real time allows, in which it does what its model does. */
export class LinearizabilityRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #limits: SearchLimits;
  readonly #objects = new Map<string, ObjectParts>();
  #pastsMost = 1;

  constructor(findings: Findings, limits: SearchLimits) {
    this.#findings = findings;
    this.#limits = limits;
  }

  invoked(call: Call): void {
    this.#partOf(call)?.invoked(call);
  }

  returned(call: Call): void {
    if (call.op === 'scan' && call.outcome === 'ok' && call.args['isKeysOnly'] !== true) {
      for (const entry of (call.result as { readonly entries: readonly HistoryFields[] }).entries) this.#saw(call.object, entry);
    }
    const part = this.#partOf(call);
    if (part === null || part.stuck !== null) return;
    part.returned(call);
    if (part.pasts > this.#pastsMost) this.#pastsMost = part.pasts;
    const { stuck } = part as { readonly stuck: Stuck | null };
    if (stuck === null) return;
    const key = call.args['key'];
    this.#findings.add({
      type: stuck.type,
      rule: 'linearizability',
      object: call.object.name,
      line: stuck.call.returnedAt + 2,
      text: describeStuck(stuck, typeof key === 'string' ? `key ${JSON.stringify(key)}` : ''),
    });
  }

  told({ event, fields }: ToldEvent, object: HistoryObject): void {
    if (event === 'changed' && fields['change'] === 'set') this.#saw(object, fields);
  }

  finished(): void {
    let parts = 0;
    let explained = 0;
    for (const object of this.#objects.values()) {
      parts += object.parts.size;
      for (const part of object.parts.values()) explained += part.explained;
    }
    this.#findings.count('linearizability.partitions', parts);
    this.#findings.count('linearizability.calls', explained);
    this.#findings.count('linearizability.pastsMost', this.#pastsMost);
  }

  /** What is told of an entry places an unknown write. */
  #saw(object: HistoryObject, { key, version, value }: HistoryFields): void {
    const part = this.#objects.get(object.name)?.parts.get(key as string);
    part?.saw(version as number, value, isUniquelyWritten(object));
  }

  #partOf(call: Call): Partition<unknown> | null {
    let object = this.#objects.get(call.object.name);
    if (object === undefined) {
      const newModel = MODELS[call.object.kind];
      if (newModel === null) return null;
      object = { model: newModel(), newModel, parts: new Map() };
      this.#objects.set(call.object.name, object);
    }
    const name = object.model.partition(call);
    if (name === undefined) return null;
    let part = object.parts.get(name);
    if (part === undefined) {
      part = new Partition<unknown>(object.newModel(), this.#limits);
      object.parts.set(name, part);
    }
    return part;
  }
}

/** The evidence: the call that nothing explains, the states it could have met, what else was open, what fitted before it. */
function describeStuck(stuck: Stuck, where: string): string {
  const { call, explained, states, recent, open, unknown } = stuck;
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `    ${line}`)];
  const of = where === '' ? '' : ` of ${where}`;
  return [
    stuck.type === 'violation'
      ? `no order of the calls${of} explains this answer:`
      : `too many orders of the calls${of} to judge this answer:`,
    `    ${describeCall(call)}`,
    ...list(`  before it (${explained} answers explained) the state could be:`, states),
    ...list('  calls that were open then:', open.map(describeCall)),
    ...list('  calls of which nobody knows:', unknown),
    ...list('  the last answers explained:', recent.map(describeCall)),
  ].join('\n');
}
