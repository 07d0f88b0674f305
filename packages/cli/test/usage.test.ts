import assert from 'node:assert/strict';
import { DEFAULT_SETTINGS } from '@quorate/host';
import { describe, test } from 'node:test';
import { ERROR_CODES, type ErrorCode, QuorateError } from '@quorate/base';
import { EXIT_CODES, exitCodeOf } from '@quorate/cli';
import { quorate } from './harness/cli-run.js';

const COMMANDS: readonly (readonly string[])[] = [
  ['dev'],
  ['server'],
  ['status'],
  ['inspect'],
  ['bench'],
  ['stream'],
  ['stream', 'create'],
  ['stream', 'list'],
  ['stream', 'info'],
  ['stream', 'append'],
  ['stream', 'read'],
  ['map'],
  ['map', 'set'],
  ['map', 'get'],
  ['map', 'remove'],
  ['map', 'keys'],
  ['map', 'entries'],
  ['map', 'watch'],
  ['counter'],
  ['counter', 'add'],
  ['counter', 'get'],
  ['counter', 'set'],
  ['lock'],
  ['elect'],
  ['call'],
];

describe('help', () => {
  for (const command of [[], ...COMMANDS]) {
    test(`help: quorate ${command.join(' ')} --help → an example that starts so, and the exit codes`, async () => {
      const { code, stdout, stderr } = await quorate([...command, '--help']);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      const examples = stdout
        .slice(stdout.indexOf('Example:'))
        .split('\n')
        .filter((line) => line.startsWith('  quorate '));
      assert.ok(
        examples.some((line) => line.includes(['quorate', ...command].join(' '))),
        stdout,
      );
      for (const { code: exitCode, meaning } of Object.values(EXIT_CODES))
        assert.match(stdout, new RegExp(`${exitCode}  ${meaning.slice(0, 20)}`));
    });
  }

  test('help: no command → help on standard error, exit code 2', async () => {
    for (const args of [[], ['stream'], ['map'], ['counter']]) {
      const { code, stdout, stderr } = await quorate(args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /Usage: quorate/);
    }
  });

  test('version: --version → the version of the product', async () => {
    const { code, stdout } = await quorate(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

describe('wrong use', () => {
  const wrong: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
    ['unknown command', ['frobnicate'], /unknown command 'frobnicate'/],
    ['unknown flag', ['status', '--frob'], /unknown option '--frob'/],
    ['unknown flag with a near one', ['status', '--conect', 'a:1'], /unknown option '--conect'\s+\(Did you mean --connect\?\)/],
    ['address without a port', ['status', '--connect', 'localhost'], /--connect.*"localhost" is not HOST:PORT/],
    ['port beyond 65535', ['status', '--connect', 'a:1,b:65536'], /--connect.*"b:65536" is not HOST:PORT/],
    ['port 0', ['status', '--connect', 'a:0'], /--connect.*"a:0" is not HOST:PORT/],
    ['malformed cluster id', ['status', '--cluster', 'mine'], /--cluster: .*16 hexadecimal digits/],
    ['no nodes', ['dev', '--nodes', '0'], /--nodes.*from 1 to 15/],
    ['half a node', ['dev', '--nodes', '1.5'], /--nodes.*from 1 to 15/],
    ['ports beyond 65535', ['dev', '--port', '65535'], /--port: 3 nodes from port 65535 on go beyond 65535/],
    ['unknown level', ['dev', '--log-level', 'loud'], /--log-level.*Allowed choices are debug, info, warn, error/],
    ['negative offset', ['stream', 'read', 's', '--from', '-1'], /--from.*from 0 on/],
    ['no name', ['stream', 'create'], /missing required argument 'name'/],
    ['too many arguments', ['stream', 'create', 'a', 'b'], /too many arguments/],
    ['timeout 0', ['status', '--timeout', '0'], /--timeout.*above 0/],
    ['server without a node', ['server', '--data', 'd', '--members', '1=a:1'], /--node is missing/],
    [
      'server with a malformed member',
      ['server', '--node', '1', '--data', 'd', '--members', 'a:1'],
      /--members: "a:1" is not NODE=HOST:PORT/,
    ],
    ['duration without a unit', ['map', 'set', 'm', 'k', 'v', '--ttl', '10'], /--ttl.*duration with its unit, like 500ms/],
    ['no duration', ['lock', 'l', '--wait', 'soon', '--', 'true'], /--wait.*duration with its unit/],
    ['negative duration', ['lock', 'l', '--wait', '-1s', '--', 'true'], /--wait/],
    ['time to live 0', ['map', 'set', 'm', 'k', 'v', '--ttl', '0s'], /--ttl.*at least 1ms/],
    ['a session too short', ['lock', 'l', '--session-ttl', '99ms', '--', 'true'], /--session-ttl.*at least 100ms/],
    ['a session too long', ['elect', 'e', '--session-ttl', '50d'], /--session-ttl.*at most 4294967295ms/],
    ['no value', ['map', 'set', 'm', 'k'], /missing required argument 'value'/],
    ['a value that is no JSON', ['map', 'set', 'm', 'k', '{', '--json-value'], /<value>: it is not JSON/],
    [
      'two conditions',
      ['map', 'set', 'm', 'k', 'v', '--if-absent', '--if-version', '1'],
      /'--if-absent' cannot be used with option '--if-version <version>'/,
    ],
    ['a fence that is none', ['map', 'set', 'm', 'k', 'v', '--fence', '1.2'], /--fence.*what QUORATE_FENCE holds/],
    ['a fence of appends that is none', ['stream', 'append', 's', 'v', '--fence', '1.2'], /--fence.*what QUORATE_FENCE holds/],
    ['key and prefix', ['map', 'watch', 'm', '--key', 'k', '--prefix', 'p'], /cannot be used with/],
    ['half a count', ['counter', 'add', 'c', '1.5'], /argument 'n'.*whole number/],
    ['a count too large', ['counter', 'set', 'c', '-9007199254740992'], /argument 'n'.*whole number/],
    ['a lock without a command', ['lock', 'l'], /-- COMMAND, or --holder/],
    ['a command while asking', ['lock', 'l', '--holder', '--', 'true'], /--holder runs no command/],
    ['a command while asking who leads', ['elect', 'e', '--leader', '--', 'true'], /--leader runs no command/],
    ['a flag of the command before --', ['lock', 'l', 'ls', '-l'], /unknown option '-l'/],
    ['an unknown kind', ['call', 'mapp'], /<kind>: there is no "mapp", but .*map/],
    ['a call of nothing', ['call', 'lock', 'l'], /<operation> is missing: acquire, release, cancel, holder/],
    ['an unknown operation', ['call', 'lock', 'l', 'constructor'], /<operation>: lock has no "constructor", but acquire/],
    ['arguments that are no JSON', ['call', 'lock', 'l', 'acquire', '{'], /<arguments>: they are not JSON/],
    ['arguments that are no object', ['call', 'lock', 'l', 'acquire', '[1]'], /<arguments>: they must be a JSON object/],
    ['an unknown argument', ['call', 'lock', 'l', 'acquire', '{"wait":1}'], /acquire takes no "wait": it takes waitMs/],
    [
      'an argument where there is none',
      ['call', 'lock', 'l', 'holder', '{"__proto__":1}'],
      /holder takes no "__proto__", nor anything else/,
    ],
    ['bytes that are none', ['call', 'map', 'm', 'get', '{"key":{"base64":"?"}}'], /get\.key must be a text, or \{"base64"/],
    ['bytes of half a character', ['call', 'map', 'm', 'get', '{"key":"\\ud800"}'], /get\.key must be a text, or/],
    ['missing directory', ['inspect', '/nowhere/at/all'], /\/nowhere\/at\/all does not exist/],
  ];
  for (const [what, args, message] of wrong) {
    test(`wrong use: ${what} → exit code 2 and an error that names it`, async () => {
      const { code, stdout, stderr } = await quorate(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^error: invalidArgument: /);
      assert.match(stderr, message);
    });
  }

  test('wrong use: of a command → the help of that command is named', async () => {
    const hints: readonly (readonly [args: readonly string[], hint: string])[] = [
      [['stream', 'read'], 'quorate stream read'],
      [['stream', 'reed'], 'quorate stream'],
      [['dev', '--port', 'x'], 'quorate dev'],
      [['inspect', '/nowhere/at/all'], 'quorate inspect'],
      [['--frob'], 'quorate'],
    ];
    for (const [args, hint] of hints) assert.equal((await quorate(args)).stderr.split('\n').at(-2), `'${hint} --help' tells what it takes`);
  });

  test('wrong use: with --json → one JSON object on standard error', async () => {
    const { code, stderr } = await quorate(['status', '--json', '--frob']);
    assert.equal(code, 2);
    assert.deepEqual(JSON.parse(stderr), {
      error: { code: 'invalidArgument', retry: 'never', message: "unknown option '--frob'", details: {} },
    });
  });
});

describe('exit codes', () => {
  const documented = new Set<number>(Object.values(EXIT_CODES).map(({ code }) => code));

  test('exit codes: every error code → a code of the table that is not 0', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const exitCode = exitCodeOf(new QuorateError(code, 'x'));
      assert.ok(documented.has(exitCode) && exitCode !== 0, `${code} gives ${exitCode}`);
    }
  });

  test('exit codes: errors that a script must tell apart → different codes', () => {
    const exitCodes: Partial<Record<ErrorCode, number>> = {
      streamNotFound: 1,
      recordTooLarge: 1,
      nameInvalid: 1,
      addressInvalid: 2,
      unavailable: 69,
      noLeader: 69,
      addressInUse: 69,
      clusterMismatch: 69,
      protocolMismatch: 69,
      invariantBroken: 70,
      directoryInUse: 73,
      directoryForeign: 73,
      formatUnsupported: 73,
      dataDamaged: 73,
      diskFailed: 74,
      overloaded: 75,
      diskFull: 75,
      deadlineExceeded: 75,
      connectionLost: 75,
      invalidArgument: 2,
      versionMismatch: 1,
      fenced: 1,
      lockTimeout: 75,
      sessionExpired: 75,
    };
    for (const [code, exitCode] of Object.entries(exitCodes))
      assert.equal(exitCodeOf(new QuorateError(code as ErrorCode, 'x')), exitCode, code);
  });

  test('exit codes: nobody listens → unavailable, 69, in both forms', async () => {
    const connect = ['--connect', '127.0.0.1:1', '--timeout', '2'];
    const [plain, json] = await Promise.all([quorate(['status', ...connect]), quorate(['stream', 'info', 's', '--json', ...connect])]);
    assert.equal(plain.code, 69);
    assert.match(
      plain.stderr,
      /^error: unavailable: .*127\.0\.0\.1:1: no connection \(connection refused\)\nis a cluster running there\? 'quorate dev'/,
    );
    assert.equal(json.code, 69);
    assert.equal((JSON.parse(json.stderr) as { error: { code: string } }).error.code, 'unavailable');
  });
});

test('help: quorate server --help → names the settings of timing with the defaults that apply', async () => {
  const { stdout } = await quorate(['server', '--help']);
  for (const name of ['heartbeatMs', 'leaseMs', 'electionTimeoutMinMs', 'electionTimeoutMaxMs', 'peerSilenceMs', 'drainMs'] as const) {
    const from = stdout.indexOf(`  ${name} `);
    assert.ok(from > 0, name);
    assert.match(stdout.slice(from, from + 250), new RegExp(`\\b${DEFAULT_SETTINGS[name]}\\b`), name);
  }
  assert.ok(DEFAULT_SETTINGS.leases);
});
