import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { LIMITS, QuorateError } from '@quorate/base';
import { type ServerConfig, loadConfig } from '@quorate/server';

const MEMBERS = '1=127.0.0.1:7400,2=127.0.0.1:7401,3=127.0.0.1:7402';
const FLAGS = { node: '1', data: 'somewhere', members: MEMBERS };

interface Given {
  readonly flags?: Record<string, string>;
  readonly environment?: Record<string, string>;
  readonly file?: string;
}

function load({ flags = FLAGS, environment = {}, file }: Given): ServerConfig {
  return loadConfig({
    flags: file === undefined ? flags : { ...flags, config: 'quorate.json' },
    environment,
    readFile: (path) => {
      if (file === undefined || path !== 'quorate.json') throw new Error(`ENOENT: no such file ${path}`);
      return file;
    },
  });
}

describe('configuration', () => {
  test('configuration: node, data and members → the rest has defaults', () => {
    const config = load({});
    assert.equal(config.nodeId, 1);
    assert.equal(config.dataDirectory, resolve('somewhere'));
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 7400 });
    assert.deepEqual(config.advertise, config.listen);
    assert.equal(config.members.length, 3);
    assert.equal(config.clusterId, null);
    assert.equal(config.logLevel, 'info');
    assert.equal(config.exitWithParent, false);
  });

  test('configuration: flag, variable and file disagree → flag before variable before file', () => {
    const file = JSON.stringify({
      node: 3,
      data: 'of-file',
      members: { 1: '127.0.0.1:7400', 2: '127.0.0.1:7401', 3: '127.0.0.1:7402' },
      logLevel: 'debug',
    });
    const config = load({ flags: { node: '1' }, environment: { QUORATE_NODE: '2', QUORATE_DATA: 'of-variable' }, file });
    assert.equal(config.nodeId, 1);
    assert.equal(config.dataDirectory, resolve('of-variable'));
    assert.equal(config.logLevel, 'debug');
    assert.equal(config.members[2]?.address, '127.0.0.1:7402');
  });

  test('configuration: listens elsewhere than it is reached → both are kept', () => {
    const config = load({ flags: { ...FLAGS, listen: '0.0.0.0:9000', advertise: '127.0.0.1:7400' } });
    assert.deepEqual(config.listen, { host: '0.0.0.0', port: 9000 });
    assert.deepEqual(config.advertise, { host: '127.0.0.1', port: 7400 });
  });

  test('configuration: settings in the file → taken over', () => {
    const config = load({
      file: JSON.stringify({ settings: { journalFileBytes: 4_194_304, snapshotLogBytes: 65_536, syncMode: 'async' } }),
    });
    assert.deepEqual(config.settings, { journalFileBytes: 4_194_304, snapshotLogBytes: 65_536, syncMode: 'async' });
    // The largest batch would not fit a smaller file: see the test of storage with files of this size.
    for (const less of [{ snapshotLogBytes: 65_535 }, { journalFileBytes: LIMITS.frameBytesMax - 512 }])
      assert.throws(() => load({ file: JSON.stringify({ settings: less }) }), { code: 'invalidArgument' });
  });

  test('configuration: variables that others set → left alone', () => {
    assert.equal(
      load({ environment: { QUORATE_SERVICE_HOST: '10.0.0.1', QUORATE_PORT: 'tcp://10.0.0.1:7400', QUORATE_LISTEN: '' } }).listen.port,
      7400,
    );
  });
});

interface Wrong {
  readonly what: string;
  readonly given: Given;
  /** The flag, variable or file and key at fault. */
  readonly source: string;
  readonly message: RegExp;
  readonly code?: string;
}

const WRONG: readonly Wrong[] = [
  {
    what: 'no node',
    given: { flags: { data: 'd', members: MEMBERS } },
    source: '--node',
    message: /--node is missing \(or QUORATE_NODE, or "node"/,
  },
  { what: 'no data', given: { flags: { node: '1', members: MEMBERS } }, source: '--data', message: /--data is missing/ },
  { what: 'no members', given: { flags: { node: '1', data: 'd' } }, source: '--members', message: /--members is missing/ },
  {
    what: 'a node id of letters',
    given: { environment: { QUORATE_NODE: 'one' }, flags: { data: 'd', members: MEMBERS } },
    source: 'QUORATE_NODE',
    message: /^QUORATE_NODE: "one"/,
  },
  { what: 'node id 0', given: { flags: { ...FLAGS, node: '0' } }, source: '--node', message: /^--node: .*1 to 65535/ },
  { what: 'node id 65536', given: { flags: { ...FLAGS, node: '65536' } }, source: '--node', message: /^--node: .*1 to 65535/ },
  {
    what: 'a malformed address',
    given: { flags: { ...FLAGS, listen: 'localhost' } },
    source: '--listen',
    message: /^--listen: "localhost" is not HOST:PORT/,
    code: 'addressInvalid',
  },
  {
    what: 'a malformed member',
    given: { flags: { ...FLAGS, members: '1:127.0.0.1:7400' } },
    source: '--members',
    message: /^--members: "1:127\.0\.0\.1:7400" is not NODE=HOST:PORT/,
  },
  {
    what: 'a node listed twice',
    given: { flags: { ...FLAGS, members: '1=a:1,1=b:1' } },
    source: '--members',
    message: /^--members: node 1 is listed twice/,
  },
  {
    what: 'an address listed twice',
    given: { flags: { ...FLAGS, members: '1=a:1,2=a:1' } },
    source: '--members',
    message: /^--members: address a:1 is listed twice/,
  },
  {
    what: 'not in the list',
    given: { flags: { ...FLAGS, node: '9' } },
    source: '--members',
    message: /^--members: lists nodes 1, 2, 3 but not this one, 9/,
  },
  {
    what: 'another address than in the list',
    given: { flags: { ...FLAGS, listen: '0.0.0.0:7400' } },
    source: '--listen',
    message: /set --advertise/,
  },
  {
    what: 'a malformed cluster id',
    given: { flags: { ...FLAGS, cluster: 'mine' } },
    source: '--cluster',
    message: /^--cluster: .*16 hexadecimal digits/,
  },
  {
    what: 'an unknown level',
    given: { flags: { ...FLAGS, 'log-level': 'loud' } },
    source: '--log-level',
    message: /^--log-level: "loud" is not one of debug, info, warn, error/,
  },
  {
    what: 'a missing file',
    given: { flags: { ...FLAGS, config: 'nowhere.json' } },
    source: '--config',
    message: /^--config: nowhere\.json cannot be read: ENOENT/,
  },
  { what: 'a file that is no JSON', given: { file: '{' }, source: '--config', message: /^--config: quorate\.json is not JSON/ },
  { what: 'a file that is a list', given: { file: '[]' }, source: '--config', message: /must hold a JSON object/ },
  {
    what: 'an unknown key',
    given: { file: '{"datta": "d"}' },
    source: 'quorate.json: datta',
    message: /^quorate\.json: there is no "datta" to set; known are node, data/,
  },
  {
    what: 'a value of the wrong type',
    given: { flags: { node: '1', members: MEMBERS }, file: '{"data": 7}' },
    source: 'quorate.json: data',
    message: /^quorate\.json: data: must be a text/,
  },
  {
    what: 'T80: a member whose address is an object without a text',
    given: { file: '{"node": 1, "data": "d", "members": {"1": {"toString": 1, "valueOf": 1}}}', flags: {} },
    source: 'quorate.json: members',
    message: /^quorate\.json: members: the address of member "1" must be a text/,
  },
  {
    what: 'an unknown setting',
    given: { file: '{"settings": {"tick": 1}}' },
    source: 'quorate.json: settings.tick',
    message: /there is no such setting/,
  },
  {
    what: 'a setting out of bounds',
    given: { file: '{"settings": {"heartbeatMs": 0}}' },
    source: 'quorate.json: settings.heartbeatMs',
    message: /from 5 to 10000/,
  },
  {
    what: 'elections faster than heartbeats',
    given: { file: '{"settings": {"heartbeatMs": 100}}' },
    source: 'quorate.json: settings',
    message: /at least three times heartbeatMs/,
  },
  {
    what: 'a lease that one late heartbeat ends',
    given: { file: '{"settings": {"leaseMs": 59}}' },
    source: 'quorate.json: settings',
    message: /leaseMs \(59\) must be at least twice heartbeatMs \(30\)/,
  },
  {
    what: 'a lease beyond the election timeout',
    given: { file: '{"settings": {"leaseMs": 151}}' },
    source: 'quorate.json: settings',
    message: /leaseMs \(151\) must be at most electionTimeoutMinMs \(150\)/,
  },
  {
    what: 'the length of leases that are switched off',
    given: { file: '{"settings": {"leaseMs": 90, "leases": false}}' },
    source: 'quorate.json: settings',
    message: /leaseMs \(90\) means nothing with leases switched off/,
  },
  {
    what: 'leases neither on nor off',
    given: { file: '{"settings": {"leases": 1}}' },
    source: 'quorate.json: settings.leases',
    message: /must be true or false/,
  },
];

describe('configuration errors', () => {
  for (const { what, given, source, message, code = 'invalidArgument' } of WRONG) {
    test(`configuration: ${what} → ${code} that names ${source}`, () => {
      assert.throws(
        () => load(given),
        (error) => {
          assert.ok(error instanceof QuorateError);
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.equal(error.details['source'], source);
          return true;
        },
      );
    });
  }
});
