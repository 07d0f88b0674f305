import { QuorateError } from '@quorate/base';
import { NEMESIS_ACTIONS } from './nemesis-actions.js';
import { RESOURCE_CALL_KINDS } from './resource-plan.js';
import type { SimScript } from './sim-script.js';

/** A script that fails, as a file: what is needed to run it again, and how it failed. */
export interface ScriptFile {
  readonly script: SimScript;
  /** Of the sources it failed with; empty if unknown. */
  readonly commit: string;
  readonly failure: { readonly kind: string; readonly message: string; readonly traceHash: string; readonly atMs: number };
}

const FORMAT = 'quorate-sim-script';
const VERSION = 1;

/** The text of a script file. */
export function encodeScriptFile({ script, commit, failure }: ScriptFile): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, commit, failure, script }, null, 1)}\n`;
}

/** Reads a script file; `invalidArgument` says what is wrong with it. */
export function decodeScriptFile(text: string): ScriptFile {
  const file = parsed(text);
  if (file['format'] !== FORMAT) throw wrong(`it is no ${FORMAT}`);
  if (file['version'] !== VERSION) throw wrong(`its version is ${String(file['version'])}, not ${VERSION}`);
  const failure = object(file, 'failure');
  for (const name of ['kind', 'message', 'traceHash']) textIn(failure, name);
  number(failure, 'atMs', { min: 0, max: 1e9 });
  textIn(file, 'commit');
  checkScript(object(file, 'script'));
  return file as unknown as ScriptFile;
}

type Fields = Record<string, unknown>;

function wrong(what: string): QuorateError {
  return new QuorateError('invalidArgument', `not a script of the simulator: ${what}`);
}

function parsed(text: string): Fields {
  try {
    return checkedObject(JSON.parse(text), 'the file');
  } catch (thrown) {
    if (thrown instanceof QuorateError) throw thrown;
    throw wrong('it is not JSON');
  }
}

function checkScript(script: Fields): void {
  number(script, 'seed', { min: 0, max: 0xffff_ffff });
  number(script, 'faultMs', { min: 0, max: 1e8 });
  checkCluster(object(script, 'cluster'));
  const faults = object(script, 'faults');
  number(faults, 'victim', { min: 1, max: 1000 });
  for (const step of objects(faults, 'steps')) {
    for (const name of ['id', 'seed', 'atMs']) number(step, name, { min: 0, max: 0xffff_ffff });
    number(step, 'node', { min: 1, max: 1000 });
    oneOf(step['action'], NEMESIS_ACTIONS, 'action');
  }
  texts(script, 'streams');
  for (const client of objects(script, 'streamClients')) {
    textIn(client, 'name');
    numbers(client, 'lanes');
    for (const name of ['pauseMsMax', 'burstMs', 'recordsMax', 'valueBytesMax']) number(client, name, { min: 0, max: 1e6 });
  }
  for (const client of objects(script, 'resourceClients')) {
    textIn(client, 'name');
    for (const name of ['lanes', 'watches']) numbers(client, name);
    number(client, 'sessionTtlMs', { min: 1, max: 1e7 });
  }
  checkPlan(object(script, 'plan'));
  for (const kind of array(script, 'kindsOff')) oneOf(kind, RESOURCE_CALL_KINDS, 'kindsOff');
  if (script['calls'] !== null) {
    for (const call of objects(script, 'calls')) {
      textIn(call, 'id');
      number(call, 'atMs', { min: 0, max: 1e9 });
    }
  }
}

function checkCluster(cluster: Fields): void {
  number(cluster, 'nodes', { min: 1, max: 15 });
  oneOf(cluster['syncMode'], ['adaptive', 'sync', 'async'], 'syncMode');
  number(cluster, 'timerSlackMs', { min: 0, max: 1000 });
  for (const name of ['journalFileBytes', 'snapshotLogBytes']) number(cluster, name, { min: 1, max: 2 ** 40 });
  const link = object(cluster, 'link');
  for (const name of Object.keys(link)) number(link, name, { min: 0, max: 1e9 });
  const latency = object(cluster, 'diskLatency');
  for (const name of ['writeMs', 'syncMs']) if (numbers(latency, name).length !== 2) throw wrong(`"${name}" is no range`);
}

function checkPlan(plan: Fields): void {
  for (const name of ['maps', 'keys', 'counters', 'locks', 'elections'])
    if (texts(plan, name).length === 0) throw wrong(`"${name}" has none`);
  for (const name of ['lanes', 'pauseMsMax', 'burstMs', 'holdMsMax', 'watches', 'deadlineMs', 'valueBytesMax'])
    number(plan, name, { min: 0, max: 1e7 });
  const weights = object(plan, 'weights');
  for (const kind of RESOURCE_CALL_KINDS) number(weights, kind, { min: 0, max: 1e6 });
}

function checkedObject(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${name} is no object`);
  return value as Fields;
}

function object(fields: Fields, name: string): Fields {
  return checkedObject(fields[name], `"${name}"`);
}

function array(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw wrong(`"${name}" is no list`);
  return value;
}

function objects(fields: Fields, name: string): Fields[] {
  return array(fields, name).map((value) => checkedObject(value, `a part of "${name}"`));
}

function texts(fields: Fields, name: string): readonly unknown[] {
  const all = array(fields, name);
  if (!all.every((value) => typeof value === 'string')) throw wrong(`"${name}" is no list of texts`);
  return all;
}

function numbers(fields: Fields, name: string): readonly unknown[] {
  const all = array(fields, name);
  if (!all.every((value) => Number.isFinite(value))) throw wrong(`"${name}" is no list of numbers`);
  return all;
}

function textIn(fields: Fields, name: string): void {
  if (typeof fields[name] !== 'string') throw wrong(`"${name}" is no text`);
}

function number(fields: Fields, name: string, { min, max }: { readonly min: number; readonly max: number }): void {
  const value = fields[name];
  if (typeof value !== 'number' || !(value >= min && value <= max)) throw wrong(`"${name}" is no number from ${min} to ${max}`);
}

function oneOf(value: unknown, known: readonly string[], name: string): void {
  if (typeof value !== 'string' || !known.includes(value))
    throw wrong(`"${name}" has "${String(value)}", which is none of ${known.join(', ')}`);
}
