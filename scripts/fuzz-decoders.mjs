// Which functions of the product take bytes or texts from outside, and why some of them have no fuzz case of their own. A test compares this
// with the source and with the fuzz cases, so that a new decoder without one is noticed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, listPackages } from './workspace.mjs';

/** Names that decoders have. */
const DECODER =
  /^(?:(?:tryDecode|decode|parse|unseal|scan|inspect|recover|verify)[A-Z]?\w*|(?:read|load|from|split|find)[A-Z]\w*|readable\w+|open(?:Storage|Snapshot)|check(?:\w*Payload|edSettings|Name)|\w+(?:Decoder|Splitter|Reader|Loader)|memberList|memberNode|duration|fence|integer|seconds|wholeNumber|addressList|clusterId|incarnation|nodeId|groupId)$/;

/** Packages that are tools of the tests, or only pass bytes on. */
const WITHOUT = new Set(['testkit', 'platform-node']);

const FIXED = 'takes any bytes; its caller has looked at their length';
const OWN_KEY = 'a key that the machine itself has made';

/** By package: what has such a name and no fuzz case of its own, and why. */
export const EXEMPT = {
  base: { readU16: FIXED, readU32: FIXED, readU64: FIXED, ByteReader: 'every decoder of wire, raft and machine runs on it' },
  cli: { loadText: 'the text of a load that `bench` made, for people' },
  host: { loadMachine: 'gives the chunks of a verified snapshot to MachineLoader' },
  machine: {
    fence: 'a field, in the fuzz case of fields',
    readNamed: 'decodeFields over compiled fields; the fuzzed payloads are applied through it',
    readU16Be: OWN_KEY,
    readU32Be: OWN_KEY,
    readU64Be: OWN_KEY,
    scanTree: 'walks a tree in memory',
    findEntry: 'walks a tree in memory',
  },
  resources: { TurnReader: 'hands on what was decoded', scanMap: 'a query with decoded arguments' },
  storage: {
    StoredSnapshotReader:
      'checks each chunk as verifySnapshot does; completes by callback, so it has tests of its own with damaged and short files',
  },
  streams: { splitIntoAppends: 'cuts the list of records of a caller' },
};

const EXPORT = /^export (?:async )?(?:function\*? ?|const |class )(\w+)/gm;

/** By package: what its files export, and what of that looks like a decoder. */
export function decodersInSource() {
  const found = {};
  for (const { name, path } of listPackages()) {
    if (WITHOUT.has(name)) continue;
    const folder = join(path, 'src');
    const exported = listFiles(folder, { accept: (file) => file.endsWith('.ts') }).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(EXPORT)].map(([, each]) => each),
    );
    found[name] = { exported: new Set(exported), decoders: [...new Set(exported.filter((each) => DECODER.test(each)))] };
  }
  return found;
}

/** Built modules with fuzz cases, each with the name of its package and its corpus. */
export function fuzzModules() {
  return listPackages().flatMap(({ name, path }) => {
    const folder = join(path, 'dist-test');
    const files = listFiles(folder, { accept: (file) => /fuzz-(?:cases|decoders)\.js$/.test(file) });
    return files.map((file) => ({ name, path: join(folder, file), corpus: join(path, 'test', 'corpus') }));
  });
}
