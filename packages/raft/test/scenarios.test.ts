import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeId } from '@quorate/base';
import { Cluster, type Flight } from './harness/cluster.js';

/*
 * A scenario is a text file of blocks: commands, a line of four dashes, what the replicas did, an empty line. `REWRITE=1` writes what they
 * do now into the file; a difference is to be understood before it is committed. Commands, one a line, `#` starts a comment:
 *
 *   cluster N [batch-per-message] [no-contacts] [leases]    a new cluster; `leases`: with promises to leaders
 *   campaign N | tick N | propose N TEXT | noop N | read N ID | transfer N M | barrier N M    (barrier: node N proposes one for learner M)
 *   deliver [FROM>TO] [TYPE]   the oldest message that fits       drop [FROM>TO] [TYPE]   all that fit
 *   sync N   its whole disk queue      hold N | free N   its disk completes nothing by itself | again
 *   settle   deliver and sync until nothing is under way
 *   wait MS  lets virtual time pass      crash N | restart N | wipe N | cut N M | isolate N | heal
 *   compact N [INDEX]   node N takes a snapshot and drops its log up to there, or to INDEX      job N   its next step on a snapshot
 *   status   one line for each replica
 */
const directory = fileURLToPath(new URL('../test/scenarios/', import.meta.url));

class Script {
  #cluster = new Cluster({ nodes: 1 });
  #lines: string[] = [];

  run(commands: readonly string[]): string[] {
    this.#lines = [];
    for (const command of commands) {
      const words = command.replace(/#.*/, '').trim().split(/\s+/);
      if (words[0] !== '') this.#command(words);
    }
    return this.#lines.length === 0 ? ['nothing happens'] : this.#lines;
  }

  #say(line: string): void {
    this.#lines.push(line);
  }

  #fitting(words: readonly string[]): Flight[] {
    const link = words.find((word) => word.includes('>'));
    const type = words.find((word) => !word.includes('>'));
    return this.#cluster.flights.filter(
      (flight) => (link === undefined || `${flight.from}>${flight.to}` === link) && (type === undefined || flight.message.type === type),
    );
  }

  #command(words: string[]): void {
    const [name, ...rest] = words as [string, ...string[]];
    const cluster = this.#cluster;
    const id = Number(rest[0]);
    const other = Number(rest[1]);
    switch (name) {
      case 'cluster':
        this.#cluster = new Cluster({
          nodes: id,
          hasContacts: !rest.includes('no-contacts'),
          raft: {
            ...(rest.includes('batch-per-message') ? { appendMessageBytes: 1 } : {}),
            ...(rest.includes('leases') ? {} : { leaseMs: 0 }),
          },
          trace: (line) => this.#say(line),
        });
        return;
      case 'campaign':
        return cluster.act(id, (raft) => raft.campaign(cluster.nowMs));
      case 'tick':
        return cluster.tick(id);
      case 'propose':
        if (cluster.propose(id, rest.slice(1).join(' ')) === null) this.#say(`${id} refuses the proposal`);
        return;
      case 'noop':
        return cluster.act(id, (raft) => void raft.proposeNoop(cluster.nowMs));
      case 'read':
        return cluster.act(id, (raft) => raft.readIndex(other, cluster.nowMs));
      case 'transfer':
        return cluster.act(id, (raft) => {
          if (!raft.transferLeader(nodeId(other), cluster.nowMs)) this.#say(`${id} refuses the transfer`);
        });
      case 'barrier':
        assert.ok(cluster.member(id).learnersWaiting.includes(nodeId(other)), `${other} waits for a barrier`);
        return cluster.act(id, (raft) => {
          const proposed = raft.proposeNoop(cluster.nowMs);
          if (proposed !== 'notLeader') raft.learnerBarrier(nodeId(other), proposed.index);
        });
      case 'deliver': {
        const [flight] = this.#fitting(rest);
        assert.ok(flight, `nothing to deliver for "${words.join(' ')}"`);
        return cluster.deliver(flight);
      }
      case 'drop': {
        const dropped = this.#fitting(rest);
        cluster.flights = cluster.flights.filter((flight) => !dropped.includes(flight));
        return this.#say(`${dropped.length} dropped`);
      }
      case 'sync':
        return cluster.syncAll(id);
      case 'hold':
      case 'free':
        cluster.member(id).isDiskHeld = name === 'hold';
        return;
      case 'compact':
        if (cluster.compact(id, rest[1] === undefined ? {} : { index: other }) === 0) this.#say(`${id} takes no snapshot`);
        return;
      case 'job':
        return void cluster.runJob(id);
      case 'settle':
        return cluster.settle();
      case 'wait':
        return cluster.run(id);
      case 'crash':
        return cluster.crash(id);
      case 'restart':
        return cluster.restart(id);
      case 'wipe':
        return cluster.wipe(id);
      case 'cut':
        return cluster.cut(id, other);
      case 'isolate':
        return cluster.isolate(id);
      case 'heal':
        return cluster.heal();
      case 'status':
        for (const line of cluster.status()) this.#say(line);
        return;
      default:
        throw new Error(`unknown command "${words.join(' ')}"`);
    }
  }
}

function replay(text: string): string {
  const script = new Script();
  const blocks: string[] = [];
  for (const block of text.trimEnd().split(/\n\n+/)) {
    const [commands] = block.split(/^----$/m) as [string];
    const lines = commands.trimEnd().split('\n');
    const isComment = lines.every((line) => line.startsWith('#'));
    blocks.push(isComment ? lines.join('\n') : `${lines.join('\n')}\n----\n${script.run(lines).join('\n')}`);
  }
  return `${blocks.join('\n\n')}\n`;
}

const names = readdirSync(directory)
  .filter((name) => name.endsWith('.txt'))
  .sort();

for (const name of names) {
  test(`scenario: ${name} → as written`, () => {
    const path = directory + name;
    const text = readFileSync(path, 'utf8');
    const actual = replay(text);
    if (process.env['REWRITE'] === '1') writeFileSync(path, actual);
    else assert.equal(actual, text, `${path} differs; REWRITE=1 rewrites it`);
  });
}

test('scenario: the folder → holds scenarios', () => assert.ok(names.length >= 8, names.join(', ')));
