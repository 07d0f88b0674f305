import { type QuorateError, asQuorateError } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output, table } from '../output.js';

type NodeStatus = Awaited<ReturnType<QuorateClient['status']>>;

/** What one address answered. */
interface Answer {
  readonly node: number;
  readonly address: string;
  readonly status: NodeStatus | null;
  readonly error: QuorateError | null;
}

/** A node that does not answer is shown as such after this many ms; the flag may shorten it. */
const NODE_WAIT_MS = 2000;

/**
 * `quorate status`: one row per node, those learnt from the first answer included. A node that does not answer is a row that says so; if
 * none answers, the error of the first question is told (exit code 69).
 */
export async function showStatus(flags: ConnectFlags & { readonly groups: boolean }, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const answers = await askAll(client, flags);
    const output = new Output(io.stdout, flags.json);
    for (const { node, address, status, error } of answers) {
      await output.json(
        status === null ? { address, nodeId: node, error: { code: error?.code, message: error?.message } } : { address, ...status },
      );
    }
    await output.text(overview(answers, flags.groups));
    return EXIT_CODES.ok.code;
  });
}

async function askAll(client: QuorateClient, flags: ConnectFlags): Promise<readonly Answer[]> {
  // The first answer from anybody: fails with the reason if nobody is there.
  const first = await client.status();
  const deadlineMs = Math.min(NODE_WAIT_MS, flags.timeout * 1000);
  return await Promise.all(
    first.members.map(async ({ nodeId: node, address }): Promise<Answer> => {
      try {
        return { node, address, status: await client.status({ address, deadlineMs }), error: null };
      } catch (thrown) {
        return { node, address, status: null, error: asQuorateError(thrown) };
      }
    }),
  );
}

function overview(answers: readonly Answer[], withGroups: boolean): string {
  const statuses = answers.flatMap((answer) => (answer.status === null ? [] : [answer.status]));
  const rows = answers.map(({ node, address, status, error }) =>
    status === null ? [String(node), address, `no answer: ${error?.code ?? ''}`] : nodeRow(address, status),
  );
  const lines = [
    `cluster ${statuses[0]?.clusterId ?? 'not formed yet'}`,
    table([['node', 'address', 'state', 'leads', 'follows', 'learns', 'stopped', 'pid', 'version'], ...rows]),
  ];
  for (const status of statuses) for (const damage of status.damage) lines.push(`node ${status.nodeId} damage: ${damage}`);
  for (const status of statuses) {
    if (status.state === 'forming') {
      const missing = status.members.filter((member) => !member.isConnected && member.nodeId !== status.nodeId);
      lines.push(
        `node ${status.nodeId} waits for ${missing.map((member) => `node ${member.nodeId} at ${member.address}`).join(', ') || 'the cluster to form'}`,
      );
    }
  }
  if (withGroups) lines.push('', groupTable(statuses));
  return lines.join('\n');
}

function nodeRow(address: string, status: NodeStatus): readonly string[] {
  const count = (isCounted: (group: NodeStatus['groups'][number]) => boolean): string => String(status.groups.filter(isCounted).length);
  return [
    String(status.nodeId),
    address,
    status.state,
    count((group) => group.role === 'leader'),
    count((group) => group.role !== 'leader' && group.role !== 'stopped' && !group.isLearner),
    count((group) => group.isLearner),
    count((group) => group.role === 'stopped'),
    String(status.pid),
    status.version,
  ];
}

function groupTable(statuses: readonly NodeStatus[]): string {
  const rows = statuses.flatMap((status) =>
    status.groups.map((group) => [
      String(group.group),
      group.name,
      String(status.nodeId),
      group.isLearner ? 'learner' : group.role,
      String(group.term),
      String(group.firstIndex),
      String(group.lastIndex),
      String(group.durableIndex),
      String(group.commitIndex),
      String(group.appliedIndex),
    ]),
  );
  rows.sort((a, b) => Number(a[0]) - Number(b[0]) || Number(a[2]) - Number(b[2]));
  return table([['group', 'name', 'node', 'role', 'term', 'first', 'last', 'durable', 'commit', 'applied'], ...rows]);
}
