import { formatAddress, utf8 } from '@quorate/base';
import { type ConfigSources, loadConfig, memberList, memberNode } from '@quorate/server';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { editedJson } from '../../testkit/dist-test/fuzz/json-edits.js';
import { checkedSettings } from '../dist/config-settings.js';

const REFUSED = ['invalidArgument', 'addressInvalid'] as const;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const host = fc.oneof(fc.domain(), fc.ipV4(), fc.constant('::1'));
const port = fc.integer({ min: 1, max: 65_535 });
const members = fc
  .uniqueArray(record({ nodeId: fc.integer({ min: 1, max: 65_535 }), host, port }), {
    minLength: 1,
    maxLength: 5,
    comparator: (a, b) => a.nodeId === b.nodeId || formatAddress(a) === formatAddress(b),
  })
  .map((list) => list.map((each) => ({ nodeId: each.nodeId, address: formatAddress(each) })));

const settings = fc.record(
  {
    heartbeatMs: fc.integer({ min: 5, max: 50 }),
    electionTimeoutMinMs: fc.integer({ min: 150, max: 300 }),
    electionTimeoutMaxMs: fc.integer({ min: 300, max: 600 }),
    tickMs: fc.integer({ min: 1, max: 1000 }),
    syncMode: fc.constantFrom('adaptive', 'sync', 'async'),
    journalFileBytes: fc.constant(67_108_864),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** A whole configuration: what the file holds, which of it a flag or a variable gives too. */
const sources = fc
  .tuple(members, fc.constantFrom('text', 'object'), settings, fc.subarray(['node', 'data', 'members', 'log-level', 'cluster', 'listen']))
  .map(([list, form, chosen, flags]) => {
    const own = list[0] as { nodeId: number; address: string };
    const file: Record<string, unknown> = {
      node: own.nodeId,
      data: './data',
      members:
        form === 'text'
          ? list.map((each) => `${each.nodeId}=${each.address}`).join(',')
          : Object.fromEntries(list.map((each) => [String(each.nodeId), each.address])),
      settings: chosen,
    };
    const all: Record<string, string> = {
      node: String(own.nodeId),
      data: '/tmp/data',
      members: list.map((each) => `${each.nodeId}=${each.address}`).join(','),
      'log-level': 'debug',
      cluster: '0123456789abcdef',
      listen: own.address,
    };
    return {
      flags: Object.fromEntries(flags.slice(0, 3).map((key) => [key, all[key] as string])),
      environment: Object.fromEntries(flags.slice(3).map((key) => [`QUORATE_${key.toUpperCase().replace('-', '_')}`, all[key] as string])),
      file,
    };
  });

interface Given {
  readonly flags?: unknown;
  readonly environment?: unknown;
  readonly file?: unknown;
}

/** Flags and variables are texts; whatever else the text of a case holds is left out. */
function texts(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function load(bytes: Uint8Array): unknown {
  let given: Given;
  try {
    given = (JSON.parse(text(bytes)) ?? {}) as Given;
  } catch {
    // No case at all, but a configuration file that is no JSON.
    given = { flags: { config: 'f.json' }, file: null };
  }
  const readFile: ConfigSources['readFile'] = () => (given.file === null ? text(bytes) : (JSON.stringify(given.file) ?? ''));
  return loadConfig({ flags: { config: 'f.json', ...texts(given.flags) }, environment: texts(given.environment), readFile });
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed<unknown>({
    name: 'configuration',
    covers: ['loadConfig'],
    values: fc.oneof(
      sources.map((value) => JSON.stringify(value)),
      editedJson(sources),
      editedJson(sources),
    ),
    encode: (value) => utf8(typeof value === 'string' ? value : '{}'),
    decode: (bytes) => load(bytes),
    codes: REFUSED,
    isLossy: true,
    isOneWay: true,
  }),
  fuzzed<unknown>({
    name: 'settings',
    covers: ['checkedSettings'],
    values: fc.oneof(
      settings.map((value) => JSON.stringify(value)),
      editedJson(settings),
    ),
    encode: (value) => utf8(typeof value === 'string' ? value : JSON.stringify(value)),
    decode: (bytes) => {
      let given: unknown;
      try {
        given = JSON.parse(text(bytes));
      } catch {
        return null;
      }
      return checkedSettings(given, 'f.json: settings');
    },
    codes: REFUSED,
    isLossy: true,
  }),
  fuzzed<readonly { readonly nodeId: number; readonly address: string }[]>({
    name: 'list of members',
    covers: ['memberList', 'memberNode'],
    values: members,
    encode: (list) => utf8(list.map(({ nodeId, address }) => `${nodeId}=${address}`).join(',')),
    decode: (bytes) => memberList(text(bytes)),
    codes: REFUSED,
  }),
  fuzzed<number>({
    name: 'number of a member',
    covers: ['memberNode'],
    values: fc.integer({ min: 1, max: 65_535 }),
    encode: (node) => utf8(String(node)),
    decode: (bytes) => memberNode(text(bytes)),
    codes: REFUSED,
  }),
];
