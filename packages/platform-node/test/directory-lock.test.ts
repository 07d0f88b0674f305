import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { NodeDisk } from '@quorate/platform-node';

const base = mkdtempSync(join(tmpdir(), 'quorate-lock-'));
after(() => rmSync(base, { recursive: true, force: true }));

const HOLDER = `
  import { NodeDisk } from ${JSON.stringify(import.meta.resolve('@quorate/platform-node'))};
  new NodeDisk(process.argv[1]).lock((error) => process.stdout.write(error === null ? 'held' : error.code));
  setInterval(() => {}, 1000);
`;

/** A real process that takes the lock and keeps it; resolves with what it printed. */
async function holder(directory: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, said: said.toString() };
}

async function kill(child: ChildProcess, name: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(name);
  await exit;
}

function lock(directory: string): Promise<{ error: Error | null; release: () => void }> {
  return new Promise((resolve) => new NodeDisk(directory).lock((error, release) => resolve({ error, release })));
}

test('lock: a directory held by another process → directoryInUse that names it; after SIGKILL of the holder free at once, nothing left behind', async () => {
  const directory = join(base, 'killed');
  for (let round = 0; round < 3; round++) {
    const { child, said } = await holder(directory);
    assert.equal(said, 'held');
    const { error } = await lock(directory);
    assert.ok(error instanceof QuorateError);
    assert.equal(error.code, 'directoryInUse');
    assert.ok(error.message.includes(directory));
    assert.equal(error.details['directory'], directory);
    await kill(child, 'SIGKILL');
    const free = await lock(directory);
    assert.equal(free.error, null);
    free.release();
    assert.deepEqual(
      readdirSync(directory).filter((name) => name !== '.lock'),
      [],
    );
  }
});

test('lock: a stopped holder (SIGSTOP) → still held', async () => {
  const directory = join(base, 'stopped');
  const { child } = await holder(directory);
  child.kill('SIGSTOP');
  assert.equal(((await lock(directory)).error as QuorateError).code, 'directoryInUse');
  await kill(child, 'SIGKILL');
  const { error, release } = await lock(directory);
  assert.equal(error, null);
  release();
});

test('lock: many contenders at once → exactly one holds it', async () => {
  const directory = join(base, 'contended');
  const contenders = await Promise.all(Array.from({ length: 20 }, () => lock(directory)));
  const holders = contenders.filter(({ error }) => error === null);
  assert.equal(holders.length, 1);
  holders[0]?.release();
});

test('lock: the same directory by another path → the same lock; another directory → its own', async () => {
  const directory = join(base, 'real');
  const first = await lock(directory);
  symlinkSync(directory, join(base, 'alias'));
  assert.equal(((await lock(join(base, 'alias'))).error as QuorateError).code, 'directoryInUse');
  const other = await lock(join(base, 'other'));
  assert.equal(other.error, null);
  other.release();
  first.release();
  first.release();
});

test('lock: held alone → does not keep the process alive', async () => {
  const script = HOLDER.replace(/setInterval.*\n/, '');
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, join(base, 'alone')], { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
});

test('lock: a path that cannot be a directory → an error that names it', async () => {
  const { error } = await lock('/dev/null/data');
  assert.ok(error instanceof QuorateError);
  assert.equal(error.code, 'diskFailed');
  assert.ok(error.message.includes('/dev/null/data'));
});
