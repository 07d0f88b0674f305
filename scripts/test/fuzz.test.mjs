import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { EXEMPT, decodersInSource, fuzzModules } from '../fuzz-decoders.mjs';

/** By package: names that fuzz cases say they lead through. */
async function covered() {
  const names = {};
  for (const { name, path } of fuzzModules()) {
    const { DECODERS = [], COVERS = {} } = await import(pathToFileURL(path).href);
    names[name] ??= new Set();
    for (const each of [...DECODERS.flatMap(({ covers }) => covers), ...Object.values(COVERS).flat()]) names[name].add(each);
  }
  return names;
}

test('fuzz: every function of the source with the name of a decoder → has a fuzz case, or stands in the list of exceptions with a reason', async () => {
  const cases = await covered();
  const source = decodersInSource();
  const missing = Object.entries(source).flatMap(([name, { decoders }]) =>
    decoders.filter((each) => !cases[name]?.has(each) && !EXEMPT[name]?.[each]).map((each) => `${name}: ${each}`),
  );
  assert.deepEqual(missing, []);
  const total = Object.values(source).reduce((sum, { decoders }) => sum + decoders.length, 0);
  assert.ok(total > 90, `only ${total} decoders were found: the search no longer fits the source`);
});

test('fuzz: what fuzz cases and exceptions name → exists in the source, and nothing is both', async () => {
  const cases = await covered();
  const source = decodersInSource();
  const named = [
    ...Object.entries(cases).flatMap(([name, all]) => [...all].map((each) => [name, each])),
    ...Object.entries(EXEMPT).flatMap(([name, all]) => Object.keys(all).map((each) => [name, each])),
  ];
  assert.deepEqual(
    named.filter(([name, each]) => !source[name].exported.has(each)),
    [],
  );
  assert.deepEqual(
    Object.entries(EXEMPT).flatMap(([name, all]) => Object.keys(all).filter((each) => cases[name]?.has(each))),
    [],
  );
});

test('fuzz: names of the fuzzed decoders → each once in its package', async () => {
  for (const { path, name } of fuzzModules()) {
    const { DECODERS = [] } = await import(pathToFileURL(path).href);
    const names = DECODERS.map((decoder) => decoder.name);
    assert.deepEqual(names, [...new Set(names)], name);
  }
});
